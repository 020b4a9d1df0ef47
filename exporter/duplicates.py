"""Which checkpoints the routes of one item list twice, and what is left without them.

Pure; the store asks, and counts what is hidden.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import compress

from exporter import lag
from exporter.model import Rollup, Route, Snapshot

Labels = tuple[str, str, str, str]
Row = tuple[Snapshot, int]


def duplicates(snapshots: Sequence[Snapshot]) -> Mapping[Route, frozenset[int]]:
    """Return, for each route, the rows whose labels another route of the item shows.

    Two routes of a two-way plan may both list a checkpoint. Kept is the one whose
    source is the route's own instance, then the larger lag, then the first.
    """
    rivals: dict[Labels, list[Row]] = defaultdict(list)
    # Routes that list nothing but their own instance's checkpoints share none.
    if len(snapshots) > 1 and any(map(_has_foreign, snapshots)):
        contested = _repeated(map(_labels, snapshots))
        for snapshot in snapshots:
            for index, labels in enumerate(_labels(snapshot)):
                if labels in contested:
                    rivals[labels].append((snapshot, index))
    hidden: dict[Route, set[int]] = defaultdict(set)
    for rows in rivals.values():
        kept = max(rows, key=_rank)
        for snapshot, index in (row for row in rows if row is not kept):
            hidden[snapshot.route].add(index)
    return {route: frozenset(rows) for route, rows in hidden.items()}


def rollup_without(hidden: Collection[int], snapshot: Snapshot) -> Rollup:
    """Return what a snapshot comes to without its hidden rows.

    Where checkpoints were dropped it cannot be told without them: they are gone, and
    the rollup that counts them all stands.
    """
    if not hidden or snapshot.dropped:
        return snapshot.rollup
    columns = snapshot.columns
    shown = [index not in hidden for index in range(len(columns))]
    return lag.rollup(
        list(compress(columns.source_ms, shown)),
        list(compress(columns.target_ms, shown)),
        list(compress(columns.last_sync_ms, shown)),
    )


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


def _repeated(lists: Iterator[Iterator[Labels]]) -> set[Labels]:
    """Return what stands in more than one of the lists."""
    seen: set[Labels] = set()
    repeated: set[Labels] = set()
    for labels in map(set, lists):
        repeated |= seen & labels
        seen |= labels
    return repeated


def _rank(row: Row) -> tuple[bool, float]:
    snapshot, index = row
    columns = snapshot.columns
    ms = lag.sync_lag_ms(columns.source_ms[index], columns.target_ms[index])
    is_own = columns.source_instance_ids[index] == snapshot.route.source_instance_id
    return is_own, float("-inf") if ms is None else ms
