"""How the API's rows become the model's: each once, whatever page it is met on."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, zip_longest
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
        page = self._page(rows)
        labels = list(zip(*page[_LABELS], strict=True))
        first = len(self._index)
        new = dict(zip(labels, range(first, first + len(labels)), strict=True))
        if len(new) == len(
            labels
        ) <= self._series_budget - first and self._index.keys().isdisjoint(new):
            self._index |= new
            self._append(page)
        else:
            self._extend_by_row(zip(*page, strict=True))

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

    def _page(self, rows: Iterable[CheckpointRow]) -> Sequence[Sequence[Any]]:
        """Return the rows that somebody wants, column by column: it is faster."""
        rows = list(rows)
        sources = [row.source_progress or _NO_PROGRESS for row in rows]
        groups = [side.consumer_group_id or "" for side in sources]
        topics = [side.topic_name or "" for side in sources]
        is_wanted = list(map(self._accepts, groups, topics))
        if not all(is_wanted):
            self._rejected[Rejection.FILTERED] += is_wanted.count(False)
            return self._page(compress(rows, is_wanted))
        targets = [row.target_progress or _NO_PROGRESS for row in rows]
        own = self._route.source_instance_id
        kinds = [
            (
                source.region_id or "",
                target.region_id or "",
                source.instance_type or "",
                target.instance_type or "",
            )
            for source, target in zip(sources, targets, strict=True)
        ]
        target_groups = [side.consumer_group_id or "" for side in targets]
        return (
            array("q", [row.id for row in rows]),
            self._shared(groups, self._groups),
            self._once(topics),
            self._once([side.instance_id or own for side in sources]),
            self._once([side.instance_id or "" for side in targets]),
            _known([row.last_sync_time for row in rows]),
            _consumed(sources),
            _consumed(targets),
            _known([side.last_fetch_time for side in sources]),
            _known([side.last_fetch_time for side in targets]),
            self._shared(target_groups, self._target_groups),
            self._once([side.topic_name or "" for side in targets]),
            self._once(kinds),
            array("q", [UNKNOWN_DELAY_MS]) * len(rows),
        )

    def _extend_by_row(self, rows: Iterable[Row]) -> None:
        """Take rows of which some are duplicates, or over the budget."""
        fresh: list[Row] = []
        over: list[Row] = []
        for values in rows:
            labels = values[_LABELS]
            index = self._index.get(labels)
            if index is not None:
                self._append(list(zip(*fresh, strict=True)))
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
        self._append(list(zip(*fresh, strict=True)))
        self._append(list(zip(*over, strict=True)), has_names=False)

    def _append(self, page: Sequence[Sequence[Any]], *, has_names: bool = True) -> None:
        for column, added in zip(self._columns, page, strict=False):
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

    def _shared(self, names: Sequence[str], before: Sequence[str]) -> Sequence[str]:
        """Return names of which a route has many: mostly those before, in their place.

        So two polls share them, and no index of them is needed.
        """
        first = len(self._index)
        same = before[first : first + len(names)]
        if list(same) == names:
            return same
        pairs = zip_longest(same, self._once(names))
        return [old if old == name else name for old, name in pairs]

    def _once(self, values: Sequence[T]) -> Sequence[T]:
        """Return what is equal and was met first: it recurs in thousands of rows."""
        if len(self._index) >= self._series_budget:
            return values
        first = self._met.setdefault
        return [first(value, value) for value in values]


def _rank(values: Sequence[Any]) -> float:
    _, source, target = values[_PROGRESS]
    sync_lag_ms = lag.sync_lag_ms(source, target)
    return -math.inf if sync_lag_ms is None else sync_lag_ms


def _known(times: Iterable[int | None]) -> array[int]:
    return array("q", [ms if ms is not None and ms > 0 else UNKNOWN_MS for ms in times])


def _consumed(sides: Iterable[Progress]) -> array[int]:
    data = [side.progress_data for side in sides]
    return _known([each.consume_timestamp if each else None for each in data])
