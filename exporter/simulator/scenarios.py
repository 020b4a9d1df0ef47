"""What each scenario makes of plans, items and checkpoints.

Plans and the checkpoints of an item are counted from 0, items through all plans.
"""

from __future__ import annotations

from exporter.simulator import motion
from exporter.simulator.motion import Motion

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
    "lagging": motion.lagging,
    "recovering": motion.recovering,
    "stalled": motion.stalled,
    "never_synced": motion.never_synced,
}
# The first item of mixed has every kind of checkpoint among its first ten.
_SHOWCASE = {
    3: motion.never_synced,
    5: motion.source_missing,
    7: motion.target_missing,
    9: motion.target_ahead,
}
# In the second, places of ten: a sync skips groups that are offline on the target.
_PARTLY_STALLED = {
    0: motion.stalled,
    3: motion.stalled,
    4: motion.lagging,
    6: motion.stalled,
    8: motion.recovering,
}
# Elsewhere so many in a hundred, by the checkpoint's salt.
_PER_CENT = (
    (motion.lagging, 3),
    (motion.recovering, 2),
    (motion.never_synced, 2),
    (motion.source_missing, 1),
    (motion.target_missing, 1),
    (motion.target_ahead, 2),
)
_MANUAL = (motion.manual, motion.manual_ahead, motion.manual, motion.manual_never)
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


def item_status(scenario: str, item: int, *, plans: int, items: int) -> str:
    """Name the status of an item in a world of so many plans and items per plan."""
    if scenario == "stopped_item":
        return _STOPPED_TURN[item % len(_STOPPED_TURN)]
    # One is stopped in mixed: the second plan's last, or a single plan's third.
    stopped = 2 * items - 1 if plans > 1 else 2
    is_stopped = scenario == "mixed" and item == stopped
    return "OVERDUE_STOPPED" if is_stopped else "RUNNING"


def motion_of(scenario: str, plan: int, item: int, index: int, salt: int) -> Motion:
    """Choose how a checkpoint of an item that runs moves."""
    if is_two_way(scenario, plan):
        return _MANUAL[index // 2 % len(_MANUAL)]
    if scenario == "mixed":
        return _mixed_motion(item, index, salt)
    return _UNIFORM.get(scenario, motion.healthy)


def _mixed_motion(item: int, index: int, salt: int) -> Motion:
    if item == 0 and index in _SHOWCASE:
        return _SHOWCASE[index]
    if item == 1:
        return _PARTLY_STALLED.get(index % 10, motion.healthy)
    percentile = salt % 100
    for kind, share in _PER_CENT:
        if percentile < share:
            return kind
        percentile -= share
    return motion.healthy


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
