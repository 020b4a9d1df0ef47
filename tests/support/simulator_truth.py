"""Readings of a world that tests compare with, computed from its truth alone.

It must not look at how the world comes to its truth.
"""

from __future__ import annotations

from exporter.simulator.world import Checkpoint, World

START = 1_740_724_080.0
MINUTE, HOUR = 60.0, 3600.0

Checkpoints = tuple[Checkpoint, ...]


def world(scenario: str, plans: int = 2, items: int = 2, groups: int = 10) -> World:
    """Build a world that starts at `START`."""
    return World(scenario, plans, items, groups, started_at=START)


def routes(world: World) -> list[tuple[str, str, str]]:
    """List plan, item and instance of what can be polled."""
    return [
        (plan.plan_id, item.item_id, instance.instance_id)
        for plan in world.plans_at(START)
        for item in world.items_at(plan.plan_id, START)
        for instance in plan.instances
    ]


def everything(world: World, now: float) -> Checkpoints:
    """List every checkpoint of a world once, by its id."""
    rows = (row for route in routes(world) for row in world.checkpoints_at(*route, now))
    return tuple({row.checkpoint_id: row for row in rows}.values())


def lags(rows: Checkpoints) -> list[float]:
    """List the known lags, in seconds."""
    return [
        (row.source_ms - row.target_ms) / 1000
        for row in rows
        if row.source_ms is not None and row.target_ms is not None
    ]


def ages(rows: Checkpoints, now: float) -> list[float]:
    """List the known ages of the last sync, in seconds."""
    return [
        now - row.last_sync_ms / 1000 for row in rows if row.last_sync_ms is not None
    ]
