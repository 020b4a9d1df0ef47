"""What each scenario makes of plans, items and checkpoints.

It must not compute a time; see `exporter.simulator.motion`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.simulator.motion import Motion

if TYPE_CHECKING:
    from exporter.simulator.world import World

SCENARIOS: tuple[str, ...] = (
    "mixed",
    "healthy",
    "lagging",
    "recovering",
    "stalled",
    "never_synced",
    "two_way",
    "stopped_item",
    "churn",
    "throttled",
    "outage",
    "forbidden",
)

CHURN_SPARE = 4
CHURN_SECONDS = 30.0
# (rows before the first, rows more than `groups`). Every step changes the total or only
# inserts in front, so that a poll across it can tell: it misses rows or sees one twice.
CHURN_PHASES = ((0, 0), (-2, 0), (-1, 1), (1, -1))

_UNIFORM = {
    "lagging": Motion.LAGGING,
    "recovering": Motion.RECOVERING,
    "stalled": Motion.STALLED,
    "never_synced": Motion.NEVER_SYNCED,
}
# The first item shows every kind of checkpoint within the ten rows of a small world.
_SHOWCASE = {
    3: Motion.NEVER_SYNCED,
    5: Motion.SOURCE_MISSING,
    7: Motion.TARGET_MISSING,
    9: Motion.TARGET_AHEAD,
}
# Elsewhere so many in a hundred, by the checkpoint's salt.
_PER_CENT = (
    (Motion.LAGGING, 3),
    (Motion.RECOVERING, 2),
    (Motion.NEVER_SYNCED, 2),
    (Motion.SOURCE_MISSING, 1),
    (Motion.TARGET_MISSING, 1),
    (Motion.TARGET_AHEAD, 2),
)
# A sync skips the groups that are offline on the target, so an item stalls in part.
_PARTLY_STALLED = (
    Motion.STALLED,
    Motion.HEALTHY,
    Motion.HEALTHY,
    Motion.STALLED,
    Motion.LAGGING,
    Motion.HEALTHY,
    Motion.STALLED,
    Motion.HEALTHY,
    Motion.RECOVERING,
    Motion.HEALTHY,
)
_MANUAL = (Motion.MANUAL, Motion.MANUAL_AHEAD, Motion.MANUAL, Motion.MANUAL_NEVER)
_STOPPED_TURN = ("OVERDUE_STOPPED", "RUNNING", "MANUAL_STOPPED")


def is_two_way(scenario: str, plan: int) -> bool:
    """Say whether a plan is ACTIVE_ACTIVE: all of two_way, every fourth of mixed.

    >>> [is_two_way("mixed", plan) for plan in range(4)]
    [False, True, False, False]
    """
    return scenario == "two_way" or (scenario == "mixed" and plan % 4 == 1)


def is_echoed(index: int) -> bool:
    """Say whether a two-way checkpoint is listed for its target's instance as well."""
    return index % 8 == 0


def item_status(world: World, plan: int, item: int) -> str:
    """Name an item's status."""
    if world.scenario == "stopped_item":
        return _STOPPED_TURN[(plan * world.items + item) % len(_STOPPED_TURN)]
    is_stopped = world.scenario == "mixed" and (plan, item) == _mixed_stopped(world)
    return "OVERDUE_STOPPED" if is_stopped else "RUNNING"


def row_motion(world: World, plan: int, item: int, index: int, salt: int) -> Motion:
    """Choose how the checkpoint at a place of the world moves."""
    if item_status(world, plan, item) != "RUNNING":
        return Motion.STALLED
    if is_two_way(world.scenario, plan):
        return _MANUAL[index // 2 % len(_MANUAL)]
    if world.scenario == "mixed":
        return _mixed_motion(plan, item, index, salt)
    return _UNIFORM.get(world.scenario, Motion.HEALTHY)


def _mixed_stopped(world: World) -> tuple[int, int]:
    """Place the one stopped item; a single plan has it if it has three items."""
    return (1, world.items - 1) if world.plans > 1 else (0, 2)


def _mixed_motion(plan: int, item: int, index: int, salt: int) -> Motion:
    if (plan, item) == (0, 0) and index in _SHOWCASE:
        return _SHOWCASE[index]
    if (plan, item) == (0, 1):
        return _PARTLY_STALLED[index % len(_PARTLY_STALLED)]
    percentile = salt % 100
    for motion, share in _PER_CENT:
        if percentile < share:
            return motion
        percentile -= share
    return Motion.HEALTHY


def churn_phase(elapsed_seconds: float) -> int:
    """Number the membership of ``churn`` at a time since the start.

    >>> [churn_phase(seconds) for seconds in (0, 29.9, 30, 120)]
    [0, 0, 1, 0]
    """
    return int(elapsed_seconds // CHURN_SECONDS) % len(CHURN_PHASES)


def members(groups: int, phase: int) -> tuple[int, ...]:
    """List the rows that exist in a phase, by index, in the order of the pages.

    >>> members(3, 0), members(3, 1)
    ((0, 1, 2), (5, 6, 0))
    """
    before, more = CHURN_PHASES[phase]
    spare = groups + CHURN_SPARE
    return tuple((before + place) % spare for place in range(groups + more))
