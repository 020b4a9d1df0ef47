"""Label sets and sample lines: of checkpoints, of routes and of what discovery knows.

Sample lines are the same bytes in every format.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import Any

import msgspec

from exporter.metrics import catalogue
from exporter.metrics.catalogue import Family
from exporter.model.lag import BUCKET_BOUNDS_MS, state_of
from exporter.model.types import (
    PROBLEMS,
    Columns,
    Inventory,
    Rejection,
    Rollup,
    Route,
    RouteStatus,
)

Labels = Sequence[bytes]
"""Of each row the labels C, as `{...} `."""

Lines = Mapping[str, bytes]
"""Sample lines by the name that they stand under in the exposition."""


class Escapes(dict[str, str]):
    """Escaped label values by the plain ones, each worked out once."""

    def __missing__(self, value: str) -> str:
        result = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        self[value] = result
        return result


def pairs(names: Sequence[str], values: Iterable[str]) -> str:
    """Return labels as they stand between the braces.

    >>> pairs(("plan_id", "reason"), ("13", "timeout"))
    'plan_id="13",reason="timeout"'
    """
    escaped = Escapes()
    return ",".join(
        f'{name}="{escaped[value]}"' for name, value in zip(names, values, strict=True)
    )


def numbers(values: list[float]) -> list[bytes]:
    """Return numbers as the formats write them; none of them is NaN or infinite.

    >>> numbers([1.5, 0.0, 1e22])
    [b'1.5', b'0.0', b'1e22']
    """
    # One call of C for all of them, at a third of the cost of repr for each.
    encoded = msgspec.json.encode(values)
    return encoded[1:-1].split(b",") if values else []


def seconds(milliseconds: Iterable[int]) -> list[bytes]:
    """Return milliseconds as the formats write seconds."""
    return numbers([ms / 1000 for ms in milliseconds])


def lines(name: str, labels: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    r"""Return the sample lines of one name; each of `labels` is `{...} `.

    >>> lines("dr_up", [b'{plan_id="1"} ', b'{plan_id="2"} '], [b"1", b"0"])
    b'dr_up{plan_id="1"} 1\ndr_up{plan_id="2"} 0\n'
    """
    if not labels:
        return b""
    parts = [f"\n{name}".encode()] * (3 * len(labels))
    parts[0] = name.encode()
    parts[1::3] = labels
    parts[2::3] = values
    parts.append(b"\n")
    return b"".join(parts)


def template(name: str, labels: Iterable[bytes]) -> bytes:
    r"""Return sample lines without their values, for `%` to fill in.

    >>> template("dr_age", [b'{topic="100%"} ']) % (b"1.5",)
    b'dr_age{topic="100%"} 1.5\n'
    """
    start = name.encode()
    # Labels hold no line break, and together they are escaped at a fifth of the cost.
    text = b"\n".join(labels).replace(b"%", b"%%")
    return start + text.replace(b"\n", b"%b\n" + start) + b"%b\n" if text else b""


def labels_of(route: Route, columns: Columns) -> list[bytes]:
    """Return the labels C of each row, made once and used by every family."""
    plan = pairs(("plan_id", "item_id"), (route.plan_id, route.item_id))
    rows = zip(
        _escaped(columns.source_instance_ids),
        _escaped(columns.target_instance_ids),
        _escaped(columns.groups),
        _escaped(columns.topics),
        strict=True,
    )
    return [
        (
            f'{{{plan},source_instance_id="{source}",target_instance_id="{target}"'
            f',group="{group}",topic="{topic}"}} '
        ).encode()
        for source, target, group, topic in rows
    ]


def _escaped(values: Sequence[str]) -> Sequence[str]:
    together = "".join(values)
    if not any(special in together for special in '\\"\n'):
        return values
    escaped = Escapes()
    return [escaped[value] for value in values]


_TIMES: Mapping[Family, Mapping[str, str]] = {
    catalogue.LAST_SYNC: {"": "last_sync_ms"},
    catalogue.CONSUME: {'side="source"': "source_ms", 'side="target"': "target_ms"},
    catalogue.FETCH: {
        'side="source"': "source_fetch_ms",
        'side="target"': "target_fetch_ms",
    },
}
"""Of each family of times its columns, by the label that their samples have more."""


def checkpoint_lines(family: Family, columns: Columns, labels: Labels) -> bytes:
    """Return a family's samples of these rows; the age alone needs a scrape's time."""
    if family in _TIMES:
        return b"".join(
            _times(family, labels, pair, getattr(columns, name))
            for pair, name in _TIMES[family].items()
        )
    if family is catalogue.SYNC_LAG:
        return _lags(columns, labels)
    if family is catalogue.SYNC_DELAY:
        return _delays(columns, labels)
    marked = _problems if family is catalogue.PROBLEM else _infos
    shown = marked(columns, labels)
    return lines(family.name, shown, [b"1"] * len(shown))


def _lags(columns: Columns, labels: Labels) -> bytes:
    # As lag.sync_lag_ms has it, without a call for each row.
    sides = list(zip(columns.source_ms, columns.target_ms, strict=True))
    lags = [source - target for source, target in sides if source and target]
    known = compress(labels, [source and target for source, target in sides])
    return lines(catalogue.SYNC_LAG.name, list(known), seconds(lags))


def _delays(columns: Columns, labels: Labels) -> bytes:
    # What is unknown is below 0.
    is_known = [delay >= 0 for delay in columns.delay_ms]
    known = list(compress(labels, is_known))
    delays = compress(columns.delay_ms, is_known)
    return lines(catalogue.SYNC_DELAY.name, known, seconds(delays))


def _times(family: Family, labels: Labels, pair: str, column: array[int]) -> bytes:
    # What is unknown is 0, and so left out.
    known = list(compress(labels, column))
    if pair:
        known = [_with(label, pair) for label in known]
    return lines(family.name, known, seconds(filter(None, column)))


def _problems(columns: Columns, labels: Labels) -> list[bytes]:
    times = columns.source_ms, columns.target_ms, columns.last_sync_ms
    return [
        _with(label, f'problem="{state}"')
        for label, source, target, synced in zip(labels, *times, strict=True)
        if not (source and target)
        and (state := state_of(source, target, synced)) in PROBLEMS
    ]


def _infos(columns: Columns, labels: Labels) -> list[bytes]:
    names = catalogue.CHECKPOINT_INFO.labels[len(catalogue.CHECKPOINT_LABELS) :]
    rows = zip(
        labels,
        columns.checkpoint_ids,
        columns.target_groups,
        columns.target_topics,
        columns.kinds,
        strict=True,
    )
    return [
        _with(label, pairs(names, (str(identity), group, topic, *kind)))
        for label, identity, group, topic, kind in rows
    ]


def _with(labels: bytes, pair: str) -> bytes:
    return b"%b,%b} " % (labels[: -len(b"} ")], pair.encode())


Samples = Mapping[Family, Iterable[tuple[Sequence[str], float]]]
"""Of each family the label values and the value of each sample."""


def route_lines(status: RouteStatus) -> Lines:
    """Return all that is known of a route but its age; what is unknown is left out."""
    labels = _route_labels(status)
    rollup = status.rollup
    values = {
        catalogue.UP: None if status.is_up is None else int(status.is_up),
        catalogue.LAST_SUCCESS: status.last_success_at,
        catalogue.POLL_DURATION: status.duration,
        catalogue.POLLS: status.polls,
    }
    counts: dict[Family, Mapping[Any, int]] = {catalogue.POLL_FAILURES: status.failures}
    if status.snapshot is not None and rollup is not None:
        rejected = {r: status.snapshot.rejected.get(r, 0) for r in Rejection}
        rejected[Rejection.DUPLICATE] += len(status.hidden)
        over = {"lag": rollup.late, "age": rollup.stalled}
        counts |= {
            catalogue.CHECKPOINTS: rollup.states,
            catalogue.REJECTED: rejected,
            catalogue.OVER_OBJECTIVE: {k: n for k, n in over.items() if n is not None},
        }
        values[catalogue.READY] = rollup.ready
        values[catalogue.MAX_SYNC_LAG] = _seconds(rollup.max_lag_ms)
        values[catalogue.MAX_SYNC_DELAY] = _seconds(rollup.max_delay_ms)
    known = _lines_of(
        {f: [(labels, value)] for f, value in values.items() if value is not None}
        | {
            f: [((*labels, k), n) for k, n in each.items()]
            for f, each in counts.items()
        }
    )
    return known if rollup is None else {**known, **_distribution(rollup, labels)}


def max_age_lines(statuses: Iterable[RouteStatus], now_ms: int) -> Lines:
    """Return the largest age of each route that has one."""
    ages = [
        (_route_labels(status), (now_ms - rollup.oldest_sync_ms) / 1000)
        for status in statuses
        if (rollup := status.rollup) and rollup.oldest_sync_ms is not None
    ]
    return _lines_of({catalogue.MAX_SYNC_AGE: ages})


def dropped_lines(statuses: Iterable[RouteStatus]) -> Lines:
    """Return how many checkpoints of the shown snapshots have no series."""
    dropped = sum(s.snapshot.dropped for s in statuses if s.snapshot is not None)
    name = catalogue.DROPPED.name
    return {name: f"{name} {dropped}\n".encode()}


def inventory_lines(known: Inventory) -> Lines:
    """Return all that discovery knows, and the objectives of each plan."""
    plans, items = known.plans, known.items
    ones: Mapping[Family, Sequence[tuple[str, ...]]] = {
        catalogue.PLAN_INFO: [(p.plan_id, p.name, p.type, p.region) for p in plans],
        catalogue.PLAN_STATUS: [(p.plan_id, p.status) for p in plans if p.status],
        catalogue.ITEM_STATUS: [
            (item.plan_id, item.item_id, item.status) for item in items if item.status
        ],
        # Two plans may miss the same instance.
        catalogue.MISSING: sorted({(gone.kind, gone.id) for gone in known.missing}),
    }
    values: Samples = {
        catalogue.PLAN_AUTO_SYNC: [
            ((plan.plan_id,), int(plan.is_auto_synced)) for plan in plans
        ],
        catalogue.OBJECTIVE: [
            ((plan_id, objective), most)
            for plan_id, limits in known.limits.items()
            for objective, most in (("lag", limits.lag), ("age", limits.age))
        ],
        catalogue.OBJECTIVE_SHARE: [
            ((plan_id,), limits.share) for plan_id, limits in known.limits.items()
        ],
        catalogue.PLAN_MISSING: [
            ((plan_id,), sum(gone.plan_id == plan_id for gone in known.missing))
            for plan_id in sorted(known.looked_up)
        ],
    }
    marks = {family: [(labels, 1) for labels in each] for family, each in ones.items()}
    return _lines_of({**marks, **values})


def _distribution(rollup: Rollup, labels: Sequence[str]) -> Lines:
    name, route = catalogue.DISTRIBUTION.name, pairs(catalogue.ROUTE_LABELS, labels)
    bounds = [*(str(bound / 1000) for bound in BUCKET_BOUNDS_MS), "+Inf"]
    counts = [*rollup.lag_buckets, rollup.lag_count]
    buckets = [
        f'{name}_bucket{{{route},le="{bound}"}} {count}\n'
        for bound, count in zip(bounds, counts, strict=True)
    ]
    count, total = f"{name}_gcount", f"{name}_gsum"
    return {
        name: "".join(buckets).encode(),
        count: f"{count}{{{route}}} {rollup.lag_count}\n".encode(),
        total: f"{total}{{{route}}} {rollup.lag_sum_ms / 1000}\n".encode(),
    }


def _lines_of(samples: Samples) -> Lines:
    return {
        family.name: "".join(
            f"{family.name}{{{pairs(family.labels, labels)}}} {value}\n"
            for labels, value in each
        ).encode()
        for family, each in samples.items()
    }


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _route_labels(status: RouteStatus) -> Sequence[str]:
    route = status.route
    return route.plan_id, route.item_id, route.source_instance_id
