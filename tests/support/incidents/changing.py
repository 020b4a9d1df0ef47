"""The simulated cloud's world, which an incident changes as it goes.

It must not know when: `incidents.actions` changes it, and at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from exporter.simulator import motion
from exporter.simulator.motion import Progress
from exporter.simulator.world import Checkpoint, Item, Plan, Row, World
from incidents.moves import Moment, Move


@dataclass(frozen=True, slots=True)
class Where:
    """Which checkpoints: patterns of plan id, item id and group, as in a shell."""

    plan: str = "*"
    item: str = "*"
    group: str = "*"

    def is_plan(self, plan_id: str) -> bool:
        """Tell whether the plan is meant."""
        return fnmatchcase(plan_id, self.plan)

    def is_item(self, item_id: str) -> bool:
        """Tell whether the item is meant."""
        return fnmatchcase(item_id, self.item)


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that took hold of a checkpoint."""

    move: Move
    since_ms: int


@dataclass
class Changes:
    """What is otherwise than the world was laid out; ids are unique among all kinds."""

    moved: dict[str, Moved] = field(default_factory=dict)
    edited: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    called: dict[str, str] = field(default_factory=dict)
    two_way: set[str] = field(default_factory=set)

    def edit(self, identity: str, fields: dict[str, Any]) -> None:
        """Have a plan or an item say this from now on."""
        self.edited[identity] = self.edited.get(identity, {}) | fields


@dataclass(frozen=True)
class ChangingWorld(World):
    """A world under `changes`; equal in all else, it is laid out the same."""

    changes: Changes = field(default_factory=Changes, compare=False, repr=False)

    def plans_at(self, now: float) -> tuple[Plan, ...]:
        """List the plans as they are changed."""
        twins = zip(super().plans_at(now), self._two_way().plans_at(now), strict=True)
        plans = (
            two_way if one_way.plan_id in self.changes.two_way else one_way
            for one_way, two_way in twins
        )
        return tuple(
            replace(plan, **self.changes.edited.get(plan.plan_id, {}))
            for plan in plans
            if plan.plan_id not in self.changes.gone
        )

    def items_at(self, plan_id: str, now: float) -> tuple[Item, ...]:
        """List the items of a plan as they are changed."""
        return tuple(
            replace(item, **self.changes.edited.get(item.item_id, {}))
            for item in super().items_at(plan_id, now)
            if item.item_id not in self.changes.gone
        )

    def rows_at(
        self, plan_id: str, item_id: str, source_instance_id: str, now: float
    ) -> tuple[Row, ...]:
        """List what is left on a route."""
        rows = self._laid_out(plan_id, item_id, source_instance_id)
        gone = self.changes.gone
        return tuple(self._called(row) for row in rows if row.identity[0] not in gone)

    def moved(self, rows: tuple[Row, ...], now: float) -> tuple[Checkpoint, ...]:
        """Give rows the progress they have made, or were hindered from."""
        return tuple(
            Checkpoint(*row.identity, *self._progress(row, round(now * 1000)))
            for row in rows
        )

    def select(self, where: Where, now: float) -> list[str]:
        """Return the ids of checkpoints, gone ones included."""
        return [
            row.identity[0]
            for plan in World.plans_at(self, now)
            if where.is_plan(plan.plan_id)
            for item in World.items_at(self, plan.plan_id, now)
            if where.is_item(item.item_id)
            for instance in plan.instances
            for row in self._laid_out(plan.plan_id, item.item_id, instance.instance_id)
            if fnmatchcase(row.identity[1], where.group)
        ]

    def _called(self, row: Row) -> Row:
        """Give a row's group, as both sides name it, the name it has now."""
        checkpoint_id, group, topic = row.identity[:3]
        name = self.changes.called.get(group, group)
        return row._replace(
            identity=(checkpoint_id, name, topic, name, *row.identity[4:])
        )

    def _two_way(self) -> World:
        return World(
            "two_way", self.plans, self.items, self.groups, self.seed, self.started_at
        )

    def _laid_out(self, plan_id: str, item_id: str, instance: str) -> tuple[Row, ...]:
        now = self.started_at
        if plan_id in self.changes.two_way:
            return self._two_way().rows_at(plan_id, item_id, instance, now)
        return super().rows_at(plan_id, item_id, instance, now)

    def _progress(self, row: Row, now_ms: int) -> Progress:
        start_ms = round(self.started_at * 1000)
        now = motion.progress(row.kind, row.salt, start_ms, now_ms)
        moved = self.changes.moved.get(row.identity[0])
        if moved is None:
            return now
        then = motion.progress(row.kind, row.salt, start_ms, moved.since_ms)
        return moved.move(Moment(now, then, now_ms - moved.since_ms))
