"""How the API's plans and items become the model's.

It reads nothing and asks nothing; pages are handed to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from exporter.cloud.wire import ItemRow, PlanRow, Rows
from exporter.model.types import Instance, Item, Plan

R = TypeVar("R")


class RowCollector(Generic[R]):
    """Collects plans or items by their id."""

    def __init__(self, id_of: Callable[[R], int]) -> None:
        self._id_of = id_of
        self._rows: dict[int, R] = {}
        self._malformed: set[int] = set()
        self._nameless = 0

    @property
    def rows(self) -> tuple[R, ...]:
        """Return the good rows, each once."""
        return tuple(self._rows.values())

    @property
    def rejected(self) -> int:
        """Return how many different rows are malformed."""
        return len(self._malformed - self._rows.keys()) + self._nameless

    @property
    def seen(self) -> int:
        """Return how many different rows were taken, rejected ones included."""
        return len(self._rows) + self.rejected

    def take(self, content: Rows[R]) -> None:
        """Take the rows of one page; those met before have moved between pages."""
        for row in content.rows:
            self._rows.setdefault(self._id_of(row), row)
        known = [row_id for row_id in content.malformed if row_id is not None]
        self._malformed.update(known)
        self._nameless += len(content.malformed) - len(known)


def plan_from(row: PlanRow, plan_id: str, region: str) -> Plan:
    """Return the plan of a row."""
    # Auto sync is one-way only; in a two-way plan the switches mean nothing.
    is_one_way = row.plan_type == "ACTIVE_PASSIVE"
    return Plan(
        plan_id=plan_id,
        name=row.plan_name or "",
        type=row.plan_type or "",
        status=row.plan_status or "",
        region=region,
        is_auto_synced=is_one_way
        and row.sync_checkpoint_enabled is True
        and row.auto_sync_checkpoint is True,
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
