"""How the API's rows become the model's: each once, whatever page it is met on."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from exporter.cloud.wire import CheckpointRow, ItemRow, PlanRow, Progress
from exporter.model import lag
from exporter.model.types import (
    UNKNOWN_DELAY_MS,
    UNKNOWN_MS,
    Columns,
    Instance,
    Item,
    Labels,
    Plan,
    Rejection,
    Route,
    Snapshot,
)

_NO_PROGRESS = Progress()
_NUMBERS = {
    "checkpoint_ids",
    *(name for name in Columns.__slots__ if name[-3:] == "_ms"),
}
# A row is a tuple in the order of the columns: here stand the labels that make a series
# of its own, and last sync, source and target position.
_LABELS = slice(1, 5)
_PROGRESS = slice(5, 8)

Row = tuple[Any, ...]
T = TypeVar("T")


def plan_from(row: PlanRow, plan_id: str, region: str) -> Plan:
    """Return the plan of a row."""
    # Auto sync is one-way only; in a two-way plan the switches mean nothing.
    is_one_way = row.plan_type == "ACTIVE_PASSIVE"
    is_switched_on = bool(row.sync_checkpoint_enabled and row.auto_sync_checkpoint)
    return Plan(
        plan_id=plan_id,
        name=row.plan_name or "",
        type=row.plan_type or "",
        status=row.plan_status or "",
        region=region,
        is_auto_synced=is_one_way and is_switched_on,
        instances=tuple(
            Instance(instance.instance_id, (instance.instance_role or "").upper())
            for instance in row.instances or ()
            if instance.instance_id
        ),
    )


def item_from(row: ItemRow, plan_id: str, item_id: str) -> Item:
    """Return the item of a row, with each instance that its topics name once."""
    named = (topic.instance_id for topic in row.topics or ())
    return Item(
        plan_id=plan_id,
        item_id=item_id,
        status=row.item_status or "",
        instance_ids=tuple(dict.fromkeys(name for name in named if name)),
    )


class CheckpointCollector:
    """Collects one route's checkpoints, page by page.

    `accepts` says of a group and a topic whether anybody wants them. Of checkpoints
    beyond `series_budget` only the numbers are kept.
    Names that are as in `before`, the route's snapshot before, are shared with it.
    """

    def __init__(
        self,
        route: Route,
        accepts: Callable[[str, str], bool],
        series_budget: int,
        before: Snapshot | None = None,
    ) -> None:
        self._route = route
        self._accepts = accepts
        self._series_budget = series_budget
        self._rejected = Counter[Rejection]()
        self._index: dict[Labels, int] = {}
        self._met: dict[Any, Any] = {}
        self._groups = before.columns.groups if before else ()
        self._target_groups = before.columns.target_groups if before else ()
        # The hashes of the labels of those over the budget.
        self._dropped: set[int] = set()
        self._columns: list[Any] = [
            array("q") if name in _NUMBERS else [] for name in Columns.__slots__
        ]

    def extend(self, rows: Iterable[CheckpointRow], /) -> None:
        """Take rows, each of them once, whatever page it is met on."""
        fresh: list[Row] = []
        over: list[Row] = []
        for row in rows:
            values = self._values(row, len(self._index))
            if values is None:
                self._rejected[Rejection.FILTERED] += 1
                continue
            labels = values[_LABELS]
            index = self._index.get(labels)
            if index is not None:
                self._extend(fresh)
                fresh = []
                self._settle(values, index)
            elif len(self._index) < self._series_budget:
                self._index[labels] = len(self._index)
                fresh.append(values)
            elif (mark := hash(labels)) in self._dropped:
                self._rejected[Rejection.DUPLICATE] += 1
            else:
                self._dropped.add(mark)
                over.append(values)
        self._extend(fresh)
        self._extend(over, has_names=False)

    def snapshot(self, malformed: int) -> Snapshot:
        """Return what was collected, beside so many malformed rows."""
        self._rejected[Rejection.MALFORMED] = malformed
        # Tuples, for the garbage collector passes over tuples of strings.
        taken: list[Any] = [
            tuple(column) if isinstance(column, list) else column
            for column in self._columns
        ]
        columns = Columns(*taken)
        own = columns.source_instance_ids.count(self._route.source_instance_id)
        return Snapshot(
            route=self._route,
            columns=columns,
            rejected={reason: self._rejected[reason] for reason in Rejection},
            index=self._index if own < len(columns) else {},
        )

    def _values(self, row: CheckpointRow, index: int) -> Row | None:
        """Return a row in the order of the columns, None if nobody wants it.

        `index` is where it will stand in the columns.
        """
        source = row.source_progress or _NO_PROGRESS
        target = row.target_progress or _NO_PROGRESS
        group = self._group(source.consumer_group_id, self._groups, index)
        topic = self._once(source.topic_name or "")
        if not self._accepts(group, topic):
            return None
        kind = (
            source.region_id or "",
            target.region_id or "",
            source.instance_type or "",
            target.instance_type or "",
        )
        return (
            row.id,
            group,
            topic,
            self._once(source.instance_id or self._route.source_instance_id),
            self._once(target.instance_id or ""),
            _known(row.last_sync_time),
            _consumed_ms(source),
            _consumed_ms(target),
            _known(source.last_fetch_time),
            _known(target.last_fetch_time),
            self._group(target.consumer_group_id, self._target_groups, index),
            self._once(target.topic_name or ""),
            self._once(kind),
            UNKNOWN_DELAY_MS,
        )

    def _extend(self, rows: list[Row], *, has_names: bool = True) -> None:
        # Column by column: appending row by row takes twice as long.
        for column, added in zip(self._columns, zip(*rows, strict=True), strict=False):
            if isinstance(column, array):
                column.extend(array("q", added))  # at half the cost of a tuple
            elif has_names:
                column.extend(added)

    def _settle(self, values: Row, index: int) -> None:
        """Keep of two rows with the same labels the one with the larger lag."""
        self._rejected[Rejection.DUPLICATE] += 1
        if _rank(values) > _rank([column[index] for column in self._columns]):
            for column, value in zip(self._columns, values, strict=True):
                column[index] = value

    def _group(self, name: str | None, before: Sequence[str], index: int) -> str:
        """Return a name of which a route has many: mostly the one before, in its place.

        So two polls share it, and no index of it is needed.
        """
        if index < len(before) and before[index] == name:
            return before[index]
        return self._once(name or "")

    def _once(self, value: T) -> T:
        """Return what is equal and was met first: it recurs in thousands of rows."""
        first: T | None = self._met.get(value)
        if first is not None:
            return first
        if len(self._index) < self._series_budget:
            self._met[value] = value
        return value


def _rank(values: Sequence[Any]) -> float:
    _, source, target = values[_PROGRESS]
    sync_lag_ms = lag.sync_lag_ms(source, target)
    return -math.inf if sync_lag_ms is None else sync_lag_ms


def _known(millis: int | None) -> int:
    return millis if millis is not None and millis > 0 else UNKNOWN_MS


def _consumed_ms(progress: Progress) -> int:
    data = progress.progress_data
    return UNKNOWN_MS if data is None else _known(data.consume_timestamp)
