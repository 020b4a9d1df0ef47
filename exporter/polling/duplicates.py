"""Which checkpoints the routes of one item list twice, and what is left without them.

Pure; the store asks, and counts what is hidden.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, islice

from exporter.model import lag
from exporter.model.types import Rollup, Route, Snapshot

Labels = tuple[str, str, str, str]
Row = tuple[Snapshot, int]

# About a millisecond of work.
_SLICE_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """Which rows of a snapshot are not shown, and what it comes to without them."""

    hidden: frozenset[int]
    rollup: Rollup


Search = Generator[None, None, Mapping[Route, Shown]]
"""A search that pauses after each millisecond or so of work."""


def search(snapshots: Sequence[Snapshot]) -> Search:
    """Find what is shown of each route of one item.

    Two routes of a two-way plan may both list a checkpoint. Kept is the one whose
    source is the route's own instance, then the larger lag, then the first.
    """
    hidden = yield from _hidden(snapshots)
    shown = {}
    for snapshot in snapshots:
        rows = frozenset(hidden.get(snapshot.route, ()))
        rollup = yield from _rollup_without(rows, snapshot)
        shown[snapshot.route] = Shown(rows, rollup)
    return shown


def found(searching: Search) -> Mapping[Route, Shown]:
    """Return what a search finds, without its pauses."""
    while True:
        try:
            next(searching)
        except StopIteration as end:
            result: Mapping[Route, Shown] = end.value
            return result


def _hidden(
    snapshots: Sequence[Snapshot],
) -> Generator[None, None, Mapping[Route, Collection[int]]]:
    hidden: dict[Route, set[int]] = defaultdict(set)
    # Routes that list nothing but their own instance's checkpoints share none.
    if len(snapshots) < 2 or not any(map(_has_foreign, snapshots)):  # noqa: PLR2004
        return hidden
    contested = yield from _repeated(snapshots)
    kept: dict[Labels, Row] = {}
    for snapshot in snapshots:
        for index, labels in enumerate(_labels(snapshot)):
            if index % _SLICE_ROWS == 0:
                yield
            if labels not in contested:
                continue
            row = (snapshot, index)
            rival = kept.setdefault(labels, row)
            if rival is row:
                continue
            if _rank(row) > _rank(rival):
                kept[labels], row = row, rival
            hidden[row[0].route].add(row[1])
    return hidden


def _rollup_without(
    hidden: Collection[int], snapshot: Snapshot
) -> Generator[None, None, Rollup]:
    """Return what a snapshot comes to without its hidden rows.

    Where checkpoints were dropped it cannot be told without them: they are gone, and
    the rollup that counts them all stands.
    """
    if not hidden or snapshot.dropped:
        return snapshot.rollup
    columns = snapshot.columns
    parts = []
    for start in range(0, len(columns), _SLICE_ROWS):
        rows = range(start, min(start + _SLICE_ROWS, len(columns)))
        shown = [index not in hidden for index in rows]
        cut = slice(start, rows.stop)
        parts.append(
            lag.rollup(
                list(compress(columns.source_ms[cut], shown)),
                list(compress(columns.target_ms[cut], shown)),
                list(compress(columns.last_sync_ms[cut], shown)),
            )
        )
        yield
    return lag.merged(parts)


def _has_foreign(snapshot: Snapshot) -> bool:
    instances = snapshot.columns.source_instance_ids
    return instances.count(snapshot.route.source_instance_id) < len(instances)


def _labels(snapshot: Snapshot) -> Iterator[Labels]:
    columns = snapshot.columns
    return zip(
        columns.source_instance_ids,
        columns.target_instance_ids,
        columns.groups,
        columns.topics,
        strict=True,
    )


def _repeated(
    snapshots: Sequence[Snapshot],
) -> Generator[None, None, Collection[Labels]]:
    """Return the labels that more than one snapshot has."""
    seen: set[Labels] = set()
    repeated: set[Labels] = set()
    for snapshot in snapshots:
        own: set[Labels] = set()
        labels = _labels(snapshot)
        while some := set(islice(labels, _SLICE_ROWS)):
            repeated |= seen & some
            own |= some
            yield
        seen |= own
    return repeated


def _rank(row: Row) -> tuple[bool, float]:
    snapshot, index = row
    columns = snapshot.columns
    ms = lag.sync_lag_ms(columns.source_ms[index], columns.target_ms[index])
    is_own = columns.source_instance_ids[index] == snapshot.route.source_instance_id
    return is_own, float("-inf") if ms is None else ms
