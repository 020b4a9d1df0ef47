"""Incidents of the inventory: what should be replicated is not, or is no more."""

from __future__ import annotations

from incidents.actions import (
    all_of,
    delete,
    item_is,
    lose_target,
    plan_is,
    stall,
    vanish,
)
from incidents.incident import (
    GROUP,
    HOUR,
    ITEM,
    MINUTE,
    OTHER_ITEM,
    OTHER_PLAN,
    PLAN,
    Fires,
    Incident,
)
from incidents.library.sync import stalled

INCIDENTS = (
    Incident(
        "an item is stopped because the bill was not paid",
        lasts=45 * MINUTE,
        timeline={
            10 * MINUTE: all_of(
                stall(plan=PLAN),
                item_is(ITEM, "OVERDUE_STOPPED"),
                # Of another item, and so not held back.
                lose_target(plan=OTHER_PLAN, group=GROUP),
            )
        },
        fires=[
            Fires("RocketMQDRTargetMissing", 25 * MINUTE, 28 * MINUTE),
            Fires(
                "RocketMQDRItemStopped",
                after=12 * MINUTE,
                by=23 * MINUTE,
                labels={"item_id": ITEM, "severity": "critical"},
            ),
            Fires("RocketMQDRSyncLagHigh", 20 * MINUTE, 23 * MINUTE),
            Fires("RocketMQDRSyncLagCritical", 30 * MINUTE, 33 * MINUTE),
        ],
        looks_like=["RocketMQDRSyncStalled", "RocketMQDRObjectiveBurn"],
        inhibited=["RocketMQDRSyncLagHigh", "RocketMQDRSyncLagCritical"],
    ),
    Incident(
        "a target is taken offline for maintenance, its item stopped by hand",
        lasts=45 * MINUTE,
        timeline={
            10 * MINUTE: all_of(stall(plan=PLAN), item_is(ITEM, "MANUAL_STOPPED"))
        },
        fires=[
            Fires(
                "RocketMQDRItemStopped",
                after=12 * MINUTE,
                by=23 * MINUTE,
                labels={"item_id": ITEM, "severity": "info"},
            ),
            Fires("RocketMQDRSyncLagHigh", 20 * MINUTE, 23 * MINUTE),
            Fires("RocketMQDRSyncLagCritical", 30 * MINUTE, 33 * MINUTE),
        ],
        looks_like=["RocketMQDRSyncStalled", "RocketMQDRObjectiveBurn"],
        inhibited=["RocketMQDRSyncLagHigh", "RocketMQDRSyncLagCritical"],
    ),
    Incident(
        "an item is stopped by hand, and forgotten",
        lasts=12.5 * HOUR,
        timeline={0.0: item_is(ITEM, "MANUAL_STOPPED")},
        plans=1,
        groups=1,
        settings={
            "poll.interval": "15m",
            "poll.stale_after": "1h",
            "poll.discovery_interval": "1h",
            "metrics.families": [],
        },
        scrape_every=4 * MINUTE,
        evaluate_every=4 * MINUTE,
        fires=[
            Fires(
                "RocketMQDRItemStopped",
                after=0.0,
                by=0.2 * HOUR,
                labels={"severity": "info"},
            ),
            Fires(
                "RocketMQDRItemStopped",
                after=12 * HOUR,
                by=12.3 * HOUR,
                labels={"severity": "warning"},
            ),
        ],
    ),
    Incident(
        "a plan is stopped",
        lasts=HOUR,
        timeline={10 * MINUTE: plan_is(PLAN, status="CREATED")},
        fires=[
            Fires(
                "RocketMQDRPlanNotRunning",
                after=25 * MINUTE,
                by=36 * MINUTE,
                labels={"plan_id": PLAN, "severity": "warning"},
            )
        ],
        looks_like=["RocketMQDRCheckpointsVanished", "RocketMQDRConfiguredMissing"],
    ),
    Incident(
        "a configured plan is stopped, and falls behind",
        lasts=45 * MINUTE,
        settings={"plans": [{"id": PLAN}, {"id": OTHER_PLAN}]},
        timeline={
            10 * MINUTE: all_of(
                stall(plan=PLAN, group=GROUP), plan_is(PLAN, status="CREATED")
            )
        },
        groups=10,
        fires=[
            *stalled(10 * MINUTE, until=None),
            Fires(
                "RocketMQDRPlanNotRunning",
                after=25 * MINUTE,
                by=36 * MINUTE,
                labels={"plan_id": PLAN, "severity": "warning"},
            ),
        ],
        inhibited=[
            "RocketMQDRSyncLagHigh",
            "RocketMQDRSyncStalled",
            "RocketMQDRSyncLagCritical",
        ],
        judged_at=40 * MINUTE,
    ),
    Incident(
        "a plan is deleted",
        lasts=HOUR,
        timeline={10 * MINUTE: delete(PLAN)},
        fires=[
            Fires(
                "RocketMQDRCheckpointsVanished",
                after=15 * MINUTE,
                by=26 * MINUTE,
                labels={"plan_id": PLAN, "severity": "warning"},
            )
        ],
        looks_like=["RocketMQDRPollFailing", "RocketMQDRConfiguredMissing"],
    ),
    Incident(
        "most groups of an item vanish",
        lasts=45 * MINUTE,
        timeline={10 * MINUTE: vanish(plan=PLAN, group="GID_[bs]*")},
        fires=[
            Fires(
                "RocketMQDRCheckpointsVanished",
                after=15 * MINUTE,
                by=18 * MINUTE,
                labels={"plan_id": PLAN, "item_id": ITEM},
            )
        ],
        looks_like=["RocketMQDRDataStale", "RocketMQDRNeverSynced"],
    ),
    Incident(
        "a plan that is configured does not exist",
        lasts=45 * MINUTE,
        settings={"plans": [{"id": PLAN}, {"id": OTHER_PLAN}]},
        timeline={10 * MINUTE: delete(OTHER_PLAN)},
        fires=[
            Fires(
                "RocketMQDRConfiguredMissing",
                after=25 * MINUTE,
                by=36 * MINUTE,
                labels={"kind": "plan", "id": OTHER_PLAN, "severity": "warning"},
            )
        ],
        looks_like=["RocketMQDRPlanNotRunning"],
    ),
    Incident(
        "an item that is configured is deleted",
        lasts=45 * MINUTE,
        plans=1,
        items=2,
        settings={"plans": [{"id": PLAN, "items": [ITEM, OTHER_ITEM]}]},
        timeline={10 * MINUTE: delete(OTHER_ITEM)},
        fires=[
            Fires(
                "RocketMQDRConfiguredMissing",
                after=25 * MINUTE,
                by=36 * MINUTE,
                labels={"kind": "item", "id": OTHER_ITEM, "severity": "warning"},
            )
        ],
        looks_like=["RocketMQDRCheckpointsVanished", "RocketMQDRItemStopped"],
    ),
)
