"""Incidents of the inventory: what should be replicated is not, or no longer."""

from __future__ import annotations

from incidents.actions import (
    all_of,
    come_back,
    delete,
    edit,
    lose_target,
    restart,
    stall,
    start,
    stop,
    vanish,
)
from incidents.incident import (
    GROUP,
    ITEM,
    OTHER_ITEM,
    OTHER_PLAN,
    PLAN,
    SLOWLY,
    Fires,
    Incident,
    fires,
    page,
    slow,
    ticket,
)
from incidents.library.sync import stalled


def plan_down(after: float, by: float, until: float | None = None) -> Fires:
    """Return the page for the first plan."""
    return page("PlanDown", after, by, until=until, plan_id=PLAN)


INCIDENTS = (
    Incident(
        "an item is stopped because the bill was not paid",
        lasts=45,
        timeline={
            10: all_of(
                stall(plan=PLAN),
                edit(ITEM, status="OVERDUE_STOPPED"),
                # Of another item, and so not left out.
                lose_target(plan=OTHER_PLAN, group=GROUP),
            )
        },
        fires=[
            fires("GroupNotOnTarget", 25, 28, plan_id=OTHER_PLAN),
            page("ItemStopped", 12, 23, item_id=ITEM),
        ],
        looks_like="SyncStalled SyncDelayed ObjectiveBurn PlanDown",
    ),
    Incident(
        "somebody stops an item by hand, and its groups fall behind",
        lasts=60,
        timeline={10: all_of(stall(plan=PLAN), edit(ITEM, status="MANUAL_STOPPED"))},
        fires=[ticket("ItemStopped", 25, 36, item_id=ITEM)],
        looks_like="SyncStalled SyncDelayed ObjectiveBurn PlanDown",
    ),
    Incident(
        "a bill is not paid while groups are stalled",
        lasts=50,
        timeline={
            10: stall(plan=PLAN, group=GROUP),
            31: edit(ITEM, status="OVERDUE_STOPPED"),
        },
        groups=10,
        settings={"poll.discovery_interval": "5m"},
        fires=[
            *stalled(10, until=42),
            page("ItemStopped", 33, 40, item_id=ITEM),
        ],
        inhibited="SyncDelayed SyncStalled",
        judged_at=38,
    ),
    Incident(
        "somebody stops a plan by hand, and its groups fall behind",
        lasts=60,
        timeline={10: all_of(stall(plan=PLAN), edit(PLAN, status="CREATED"))},
        fires=[plan_down(15, 26)],
        looks_like="CheckpointsVanished SyncDelayed SyncStalled ObjectiveBurn",
    ),
    Incident(
        "a plan is stopped while one of its items is",
        lasts=50,
        timeline={
            0: edit(ITEM, status="OVERDUE_STOPPED"),
            25: edit(PLAN, status="CREATED"),
        },
        settings={"poll.discovery_interval": "1m"},
        fires=[
            page("ItemStopped", 2, 5, until=33, item_id=ITEM),
            plan_down(30, 33),
        ],
    ),
    Incident(
        "a plan is deleted, and then the exporter is down",
        lasts=90,
        timeline={10: delete(PLAN), 40: stop(), 70: start()},
        fires=[
            plan_down(15, 26),
            page("ExporterDown", 45, 48, until=72),
        ],
        looks_like="CheckpointsVanished DataStale",
    ),
    Incident(
        "a configured plan is stopped, and started again",
        lasts=50,
        settings={"plans": [{"id": PLAN}, {"id": OTHER_PLAN}]},
        timeline={10: edit(PLAN, status="CREATED"), 30: edit(PLAN, status="RUNNING")},
        fires=[plan_down(15, 26, until=46)],
        looks_like="CheckpointsVanished",
    ),
    Incident(
        "a plan is deleted, and the exporter restarted",
        lasts=60,
        timeline={10: delete(PLAN), 40: restart()},
        fires=[plan_down(15, 26)],
        looks_like="CheckpointsVanished DataStale ExporterDown",
    ),
    slow(
        "a plan is deleted at 18:00, which is told until the next morning",
        lasts=14 * 60,
        timeline={8: delete(PLAN)},
        settings={**SLOWLY, "metrics.families": []},
        groups=1,
        fires=[plan_down(12, 28)],
        looks_like="CheckpointsVanished DataStale",
    ),
    Incident(
        "a deleted plan is listed again",
        lasts=45,
        timeline={10: delete(PLAN), 30: come_back()},
        fires=[plan_down(15, 26, until=41)],
        looks_like="CheckpointsVanished",
    ),
    Incident(
        "most groups of an item vanish",
        lasts=45,
        timeline={10: vanish(plan=PLAN, group="GID_[bs]*")},
        fires=[fires("CheckpointsVanished", 15, 18, plan_id=PLAN, item_id=ITEM)],
        looks_like="DataStale GroupNotOnTarget PlanDown",
    ),
    Incident(
        "an item of a plan is deleted",
        lasts=45,
        plans=1,
        items=2,
        timeline={10: delete(OTHER_ITEM)},
        fires=[fires("CheckpointsVanished", 15, 27, item_id=OTHER_ITEM)],
        looks_like="PlanDown ItemStopped",
    ),
    Incident(
        "a plan that is configured never existed",
        lasts=45,
        settings={"plans": [{"id": PLAN}, {"id": OTHER_PLAN}]},
        timeline={0: delete(PLAN)},
        fires=[plan_down(5, 8)],
        looks_like="CheckpointsVanished DataStale",
    ),
    Incident(
        "an item that is configured is deleted",
        lasts=45,
        plans=1,
        items=2,
        settings={"plans": [{"id": PLAN, "items": [ITEM, OTHER_ITEM]}]},
        timeline={10: delete(OTHER_ITEM)},
        fires=[page("PlanDown", 15, 26, kind="item", id=OTHER_ITEM)],
        looks_like="CheckpointsVanished ItemStopped",
    ),
)
