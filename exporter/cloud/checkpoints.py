"""How the API's rows become columns: each checkpoint once, bad rows counted.

It reads nothing and asks nothing; pages are handed to it in their order.
"""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from exporter.cloud.wire import CheckpointRow, Progress, Rows
from exporter.model import lag
from exporter.model.types import (
    UNKNOWN_MS,
    Columns,
    Kind,
    Rejection,
    Rollup,
    Route,
    Snapshot,
)

_NO_PROGRESS = Progress()
_TIMES = {"checkpoint_ids", *(name for name in Columns.__slots__ if name[-3:] == "_ms")}
# A row is a tuple in the order of the columns: here stand the names that make a series
# of its own (group, topic, source and target instance), and the two sides' positions.
_LABELS = slice(1, 5)
_SIDES = slice(6, 8)
_LAST_SYNC = 5
# Rolled up at a time: about a millisecond.
_SLICE_ROWS = 2000

Row = tuple[Any, ...]


class CheckpointCollector:
    """Collects one route's checkpoints, page by page.

    `admits` says of a group and a topic whether anybody wants them. Of checkpoints
    beyond `room` only what they come to is kept, however many there are.
    """

    def __init__(
        self, route: Route, admits: Callable[[str, str], bool], room: int
    ) -> None:
        self._route = route
        self._admits = admits
        self._room = room
        self._ids: set[int] = set()
        self._nameless = 0
        self._rejected = Counter[Rejection]()
        self._index_of: dict[tuple[str, ...], int] = {}
        # Names recur in thousands of rows; each is kept once.
        self._names: dict[str, str] = {}
        self._kinds: dict[Kind, Kind] = {}
        # Of what has no room, the hashes of the labels, and what it comes to so far.
        self._dropped: set[int] = set()
        self._dropped_rollup = lag.rollup((), (), ())
        self._columns: list[Any] = [
            array("q") if name in _TIMES else [] for name in Columns.__slots__
        ]

    @property
    def seen(self) -> int:
        """Return how many different rows were taken, rejected ones included."""
        return len(self._ids) + self._nameless

    def take(self, content: Rows[CheckpointRow]) -> None:
        """Take the rows of one page; those met before have moved between pages."""
        first = len(self._columns[0])
        fresh: list[Row] = []
        over: list[Row] = []
        for row in content.rows:
            if row.checkpoint_id in self._ids:
                continue
            self._ids.add(row.checkpoint_id)
            values = self._values(row)
            if values is None:
                self._rejected[Rejection.FILTERED] += 1
                continue
            index = self._index_of.get(values[_LABELS])
            if index is not None:
                self._settle(values, index, fresh, first)
            elif first + len(fresh) < self._room:
                self._index_of[values[_LABELS]] = first + len(fresh)
                fresh.append(values)
            else:
                over.append(values)
        # Column by column: appending row by row takes twice as long.
        for column, added in zip(self._columns, zip(*fresh, strict=True), strict=False):
            column.extend(added)
        self._drop(over)
        self._reject(content.malformed)

    async def snapshot(self) -> Snapshot:
        """Return what was collected."""
        # Tuples, for the garbage collector passes over tuples of strings.
        taken: list[Any] = [
            tuple(column) if isinstance(column, list) else column
            for column in self._columns
        ]
        columns = Columns(*taken)
        return Snapshot(
            route=self._route,
            columns=columns,
            rollup=lag.merged([await _rolled_up(columns), self._dropped_rollup]),
            rejected={reason: self._rejected[reason] for reason in Rejection},
            dropped=len(self._dropped),
        )

    def _values(self, row: CheckpointRow) -> Row | None:
        """Return a row in the order of the columns, None if nobody wants it."""
        source = row.source_progress or _NO_PROGRESS
        target = row.target_progress or _NO_PROGRESS
        group = self._name(source.consumer_group_id)
        topic = self._name(source.topic_name)
        if not self._admits(group, topic):
            return None
        kind = (
            source.region_id or "",
            target.region_id or "",
            source.instance_type or "",
            target.instance_type or "",
        )
        return (
            row.checkpoint_id,
            group,
            topic,
            self._name(source.instance_id) or self._route.source_instance_id,
            self._name(target.instance_id),
            _known(row.last_sync_time),
            _consumed_ms(source),
            _consumed_ms(target),
            _known(source.last_fetch_time),
            _known(target.last_fetch_time),
            self._name(target.consumer_group_id),
            self._name(target.topic_name),
            self._kinds.setdefault(kind, kind),
        )

    def _settle(self, values: Row, index: int, fresh: list[Row], first: int) -> None:
        """Keep of two rows with the same labels the one with the larger lag."""
        self._rejected[Rejection.DUPLICATE] += 1
        is_fresh = index >= first
        kept = fresh[index - first] if is_fresh else [c[index] for c in self._columns]
        if _rank(values) <= _rank(kept):
            return
        if is_fresh:
            fresh[index - first] = values
            return
        for column, value in zip(self._columns, values, strict=True):
            column[index] = value

    def _drop(self, rows: list[Row]) -> None:
        """Count checkpoints that have no room, each once."""
        sides = []
        for values in rows:
            mark = hash(values[_LABELS])
            if mark in self._dropped:
                self._rejected[Rejection.DUPLICATE] += 1
            else:
                self._dropped.add(mark)
                sides.append((*values[_SIDES], values[_LAST_SYNC]))
        if sides:
            added = lag.rollup(*zip(*sides, strict=True))
            self._dropped_rollup = lag.merged([self._dropped_rollup, added])

    def _reject(self, malformed: Sequence[int | None]) -> None:
        for checkpoint_id in malformed:
            if checkpoint_id is None:
                self._nameless += 1
            elif checkpoint_id in self._ids:
                continue
            else:
                self._ids.add(checkpoint_id)
            self._rejected[Rejection.MALFORMED] += 1

    def _name(self, name: str | None) -> str:
        if not name:
            return ""
        if len(self._index_of) < self._room:
            return self._names.setdefault(name, name)
        return self._names.get(name, name)


async def _rolled_up(columns: Columns) -> Rollup:
    """Return what columns come to, with pauses in which the loop serves others."""
    parts = []
    for start in range(0, max(1, len(columns)), _SLICE_ROWS):
        rows = slice(start, start + _SLICE_ROWS)
        sides = columns.source_ms[rows], columns.target_ms[rows]
        parts.append(lag.rollup(*sides, columns.last_sync_ms[rows]))
        await asyncio.sleep(0)
    return lag.merged(parts)


def _rank(values: Sequence[Any]) -> float:
    sync_lag_ms = lag.sync_lag_ms(*values[_SIDES])
    return -math.inf if sync_lag_ms is None else sync_lag_ms


def _known(millis: int | None) -> int:
    return millis if millis is not None and millis > 0 else UNKNOWN_MS


def _consumed_ms(progress: Progress) -> int:
    data = progress.progress_data
    return UNKNOWN_MS if data is None else _known(data.consume_timestamp)
