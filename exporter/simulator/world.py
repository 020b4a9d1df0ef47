"""What is true of the simulated cloud at a moment.

It must not know HTTP or JSON, nor keep state: all follows from a `World` and ``now``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from exporter.simulator import layout, motion, names, scenarios
from exporter.simulator.scenarios import SCENARIOS
from exporter.simulator.truth import Checkpoint, Instance, Item, Plan, Row

__all__ = ["SCENARIOS", "Checkpoint", "Instance", "Item", "Plan", "Row", "World"]


@dataclass(frozen=True)
class World:
    """A cloud of ``plans`` x ``items`` x ``groups`` checkpoints, under a scenario.

    One plan more is listed than ``plans`` says: a DELETED one, without items.
    ``started_at`` is Unix seconds.

    Raises:
        ValueError: the scenario is unknown or a size is not positive.
    """

    scenario: str = "mixed"
    plans: int = 2
    items: int = 2
    groups: int = 10
    seed: int = 1
    started_at: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise ValueError(
                f"scenario: {self.scenario!r}, expected one of {', '.join(SCENARIOS)}"
            )
        for size in ("plans", "items", "groups"):
            if getattr(self, size) < 1:
                raise ValueError(f"{size}: {getattr(self, size)}, expected 1 or more")

    def plans_at(self, now: float) -> tuple[Plan, ...]:
        """List the plans, the DELETED one last; none changes with ``now``."""
        del now
        return layout.plans(self)

    def items_at(self, plan_id: str, now: float) -> tuple[Item, ...]:
        """List the items of a plan; none changes with ``now``.

        Raises:
            LookupError: there is no such plan.
        """
        del now
        return layout.items(self, self._plan_index(plan_id))

    def checkpoints_at(
        self, plan_id: str, item_id: str, source_instance_id: str, now: float
    ) -> tuple[Checkpoint, ...]:
        """List the checkpoints of a route as the cloud would list them at ``now``.

        Raises:
            LookupError: there is no such plan, item, or instance of the plan.
        """
        return self.moved(self.rows_at(plan_id, item_id, source_instance_id, now), now)

    def rows_at(
        self, plan_id: str, item_id: str, source_instance_id: str, now: float
    ) -> tuple[Row, ...]:
        """List what exists at ``now`` on a route, without the cost of its progress.

        Raises:
            LookupError: there is no such plan, item, or instance of the plan.
        """
        plan = self._plan_index(plan_id)
        item_ids = [item.item_id for item in layout.items(self, plan)]
        if item_id not in item_ids:
            raise LookupError(item_id)
        item = item_ids.index(item_id)
        phase = (
            scenarios.churn_phase(now - self.started_at)
            if self.scenario == "churn"
            else 0
        )
        return layout.rows(self, plan, item, source_instance_id, phase)

    def moved(self, rows: tuple[Row, ...], now: float) -> tuple[Checkpoint, ...]:
        """Give rows the progress they have made at ``now``."""
        start_ms, now_ms = int(self.started_at * 1000), int(now * 1000)
        return tuple(
            Checkpoint(
                *row.identity, *motion.progress(row.kind, row.salt, start_ms, now_ms)
            )
            for row in rows
        )

    def _plan_index(self, plan_id: str) -> int:
        index = int(plan_id) - names.FIRST_PLAN if plan_id.isdecimal() else -1
        if not 0 <= index <= self.plans:
            raise LookupError(plan_id)
        return index
