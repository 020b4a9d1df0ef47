"""What each scenario makes of plans, items and checkpoints.

Plans and the checkpoints of an item are counted from 0, items through all plans.
"""

from exporter.simulator import motion
from exporter.simulator.motion import Motion

CHURN_SECONDS = 30.0
CHURN_SPARE = 4
# (first row, last row minus `groups`, exclusive). Every step changes the total or only
# inserts in front, so that a poll across it misses rows or sees one twice.
_CHURN_WINDOWS = ((2, 2), (0, 0), (1, 2), (3, 2))

_UNIFORM = {
    "lagging": motion.lagging,
    "recovering": motion.recovering,
    "stalled": motion.stalled,
    "sparse": motion.sparse,
    "never_synced": motion.never_synced,
}
SCENARIOS: tuple[str, ...] = (
    *("mixed", "healthy", *_UNIFORM, "two_way", "stopped_item", "churn"),
    *("throttled", "outage", "forbidden"),
)
# The first item of mixed has every kind of checkpoint among its first ten.
_SHOWCASE = {
    3: motion.never_synced,
    5: motion.source_missing,
    7: motion.target_missing,
    8: motion.never_consumed,
    9: motion.target_ahead,
}
# In the second, places of ten: a sync skips groups that are offline on the target.
_PARTLY_STALLED = {
    0: motion.stalled,
    3: motion.stalled,
    4: motion.lagging,
    6: motion.unread_on_target,
    8: motion.recovering,
}
# Elsewhere so many in a hundred, by the checkpoint's salt.
_UNWELL = (
    *(motion.lagging,) * 3,
    *(motion.recovering,) * 2,
    *(motion.never_synced,) * 2,
    motion.source_missing,
    motion.target_missing,
    *(motion.target_ahead,) * 2,
    motion.never_consumed,
    motion.unread_on_target,
)
_STOPPED_TURN = ("OVERDUE_STOPPED", "RUNNING", "MANUAL_STOPPED")


def is_two_way(scenario: str, plan: int) -> bool:
    """Say whether a plan is ACTIVE_ACTIVE: all of two_way, every fourth of mixed."""
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


def motion_of(scenario: str, item: int, index: int, salt: int) -> Motion:
    """Choose how a checkpoint of a one-way plan moves while its item runs."""
    if scenario != "mixed":
        return _UNIFORM.get(scenario, motion.healthy)
    if item == 0 and index in _SHOWCASE:
        return _SHOWCASE[index]
    if item == 1:
        return _PARTLY_STALLED.get(index % 10, motion.healthy)
    percentile = salt % 100
    return _UNWELL[percentile] if percentile < len(_UNWELL) else motion.healthy


def members(scenario: str, groups: int, elapsed_seconds: float) -> range:
    """Number the rows that exist at a time; only ``churn`` ever changes them.

    >>> [members("churn", 6, seconds) for seconds in (0, 29.9, 30, 120)]
    [range(2, 8), range(2, 8), range(0, 6), range(2, 8)]
    """
    if scenario != "churn":
        return range(groups)
    phase = int(elapsed_seconds // CHURN_SECONDS) % len(_CHURN_WINDOWS)
    first, more = _CHURN_WINDOWS[phase]
    return range(first, groups + more)
