"""The sample lines of some checkpoints, family by family.

Pure; it takes the rows as they come and knows neither snapshots nor gzip.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import compress

from exporter.metrics.families import Family, checkpoint
from exporter.metrics.rendering import Escapes, lines, pairs, seconds
from exporter.model.lag import state_of
from exporter.model.types import PROBLEMS, Columns, Route

Labels = Sequence[bytes]
"""Of each row the labels C, as `{...} `."""


def labels_of(route: Route, columns: Columns) -> list[bytes]:
    """Return the labels C of each row, made once and used by every family."""
    names = Escapes()
    plan = pairs(("plan_id", "item_id"), (route.plan_id, route.item_id))
    rows = zip(
        columns.source_instance_ids,
        columns.target_instance_ids,
        columns.groups,
        columns.topics,
        strict=True,
    )
    return [
        (
            f'{{{plan},source_instance_id="{names[source]}"'
            f',target_instance_id="{names[target]}"'
            f',group="{names[group]}",topic="{names[topic]}"}} '
        ).encode()
        for source, target, group, topic in rows
    ]


def _sync_lag(columns: Columns, labels: Labels) -> bytes:
    # As lag.sync_lag_ms has it, without a call for each row.
    sides = list(zip(columns.source_ms, columns.target_ms, strict=True))
    lags = [source - target for source, target in sides if source and target]
    known = compress(labels, [source and target for source, target in sides])
    return lines(checkpoint.SYNC_LAG.name, list(known), seconds(lags))


def _last_sync(columns: Columns, labels: Labels) -> bytes:
    return _times(checkpoint.LAST_SYNC.name, labels, columns.last_sync_ms)


def _problem(columns: Columns, labels: Labels) -> bytes:
    rows = zip(
        labels,
        columns.source_ms,
        columns.target_ms,
        columns.last_sync_ms,
        strict=True,
    )
    shown = [
        _with(label, f'problem="{state}"')
        for label, source, target, synced in rows
        if not (source and target)
        and (state := state_of(source, target, synced)) in PROBLEMS
    ]
    return lines(checkpoint.PROBLEM.name, shown, [b"1"] * len(shown))


def _consume(columns: Columns, labels: Labels) -> bytes:
    name = checkpoint.CONSUME.name
    return _sides(name, labels, columns.source_ms, columns.target_ms)


def _fetch(columns: Columns, labels: Labels) -> bytes:
    name = checkpoint.FETCH.name
    return _sides(name, labels, columns.source_fetch_ms, columns.target_fetch_ms)


def _info(columns: Columns, labels: Labels) -> bytes:
    names = checkpoint.INFO.labels[len(checkpoint.CHECKPOINT_LABELS) :]
    rows = zip(
        labels,
        columns.checkpoint_ids,
        columns.target_groups,
        columns.target_topics,
        columns.kinds,
        strict=True,
    )
    shown = [
        _with(label, pairs(names, (str(identity), group, topic, *kind)))
        for label, identity, group, topic, kind in rows
    ]
    return lines(checkpoint.INFO.name, shown, [b"1"] * len(shown))


def _sides(name: str, labels: Labels, source: array[int], target: array[int]) -> bytes:
    return _times(name, [_with(label, 'side="source"') for label in labels], source) + (
        _times(name, [_with(label, 'side="target"') for label in labels], target)
    )


def _times(name: str, labels: Labels, column: array[int]) -> bytes:
    # What is unknown is 0, and so left out.
    return lines(name, list(compress(labels, column)), seconds(filter(None, column)))


def _with(labels: bytes, pair: str) -> bytes:
    return b"%b,%b} " % (labels[: -len(b"} ")], pair.encode())


SAMPLES: Mapping[Family, Callable[[Columns, Labels], bytes]] = {
    checkpoint.SYNC_LAG: _sync_lag,
    checkpoint.LAST_SYNC: _last_sync,
    checkpoint.PROBLEM: _problem,
    checkpoint.CONSUME: _consume,
    checkpoint.FETCH: _fetch,
    checkpoint.INFO: _info,
}
"""What renders each family that is known when the poll ends: all but the age."""
