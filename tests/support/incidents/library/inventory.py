"""Incidents of the inventory: what should be replicated is not, or no longer."""

from __future__ import annotations

from incidents.actions import all_of, delete, edit, lose_target, stall, vanish
from incidents.incident import (
    GROUP,
    ITEM,
    OTHER_ITEM,
    OTHER_PLAN,
    PLAN,
    Incident,
    fires,
)
from incidents.library.sync import stalled

INCIDENTS = (
    Incident(
        "an item is stopped because the bill was not paid",
        lasts=45,
        timeline={
            10: all_of(
                stall(plan=PLAN),
                edit(ITEM, status="OVERDUE_STOPPED"),
                # Of another item, and so not held back.
                lose_target(plan=OTHER_PLAN, group=GROUP),
            )
        },
        fires=[
            fires("TargetMissing", 25, 28),
            fires("ItemStopped", 12, 23, item_id=ITEM, severity="critical"),
            fires("SyncLagHigh", 20, 23),
            fires("SyncLagCritical", 30, 33),
        ],
        looks_like="SyncStalled ObjectiveBurn",
        inhibited="SyncLagHigh SyncLagCritical",
    ),
    Incident(
        "a target is taken offline for maintenance, its item stopped by hand",
        lasts=45,
        timeline={10: all_of(stall(plan=PLAN), edit(ITEM, status="MANUAL_STOPPED"))},
        fires=[
            fires("ItemStopped", 12, 23, item_id=ITEM, severity="info"),
            fires("SyncLagHigh", 20, 23),
            fires("SyncLagCritical", 30, 33),
        ],
        looks_like="SyncStalled ObjectiveBurn",
        inhibited="SyncLagHigh SyncLagCritical",
    ),
    Incident(
        "an item is stopped by hand, and forgotten",
        lasts=750,
        timeline={0: edit(ITEM, status="MANUAL_STOPPED")},
        plans=1,
        groups=1,
        settings={
            "poll.interval": "15m",
            "poll.stale_after": "1h",
            "poll.discovery_interval": "1h",
            "metrics.families": [],
        },
        scrape_every=4,
        evaluate_every=4,
        fires=[
            fires("ItemStopped", 0, 12, severity="info"),
            fires("ItemStopped", 720, 738, severity="warning"),
        ],
    ),
    Incident(
        "a plan is stopped",
        lasts=60,
        timeline={10: edit(PLAN, status="CREATED")},
        fires=[fires("PlanNotRunning", 25, 36, plan_id=PLAN, severity="warning")],
        looks_like="CheckpointsVanished ConfiguredMissing",
    ),
    Incident(
        "a configured plan is stopped, and falls behind",
        lasts=45,
        settings={"plans": [{"id": PLAN}, {"id": OTHER_PLAN}]},
        timeline={
            10: all_of(stall(plan=PLAN, group=GROUP), edit(PLAN, status="CREATED"))
        },
        groups=10,
        fires=[
            *stalled(10, until=None),
            fires("PlanNotRunning", 25, 36, plan_id=PLAN, severity="warning"),
        ],
        inhibited="SyncLagHigh SyncStalled SyncLagCritical",
        judged_at=40,
    ),
    Incident(
        "a plan is deleted",
        lasts=60,
        timeline={10: delete(PLAN)},
        fires=[fires("CheckpointsVanished", 15, 26, plan_id=PLAN, severity="warning")],
        looks_like="PollFailing ConfiguredMissing",
    ),
    Incident(
        "most groups of an item vanish",
        lasts=45,
        timeline={10: vanish(plan=PLAN, group="GID_[bs]*")},
        fires=[fires("CheckpointsVanished", 15, 18, plan_id=PLAN, item_id=ITEM)],
        looks_like="DataStale NeverSynced",
    ),
    Incident(
        "a plan that is configured does not exist",
        lasts=45,
        settings={"plans": [{"id": PLAN}, {"id": OTHER_PLAN}]},
        timeline={10: delete(OTHER_PLAN)},
        fires=[
            fires(
                "ConfiguredMissing",
                25,
                36,
                kind="plan",
                id=OTHER_PLAN,
                severity="warning",
            )
        ],
        looks_like="PlanNotRunning",
    ),
    Incident(
        "an item that is configured is deleted",
        lasts=45,
        plans=1,
        items=2,
        settings={"plans": [{"id": PLAN, "items": [ITEM, OTHER_ITEM]}]},
        timeline={10: delete(OTHER_ITEM)},
        fires=[
            fires(
                "ConfiguredMissing",
                25,
                36,
                kind="item",
                id=OTHER_ITEM,
                severity="warning",
            )
        ],
        looks_like="CheckpointsVanished ItemStopped",
    ),
)
