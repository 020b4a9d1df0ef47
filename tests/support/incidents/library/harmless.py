"""Oddities that look like trouble, and nobody may be woken for."""

from __future__ import annotations

from incidents.actions import (
    all_of,
    break_down,
    clock,
    come_back,
    delete,
    fail_over,
    heal,
    idle,
    item_is,
    lag,
    lose_target,
    lose_the_cloud,
    never_sync,
    reload,
    restart,
    stall,
    start,
    start_prometheus,
    stop,
    stop_prometheus,
    throttle,
    two_way,
    vanish,
    work_again,
)
from incidents.incident import (
    GROUP,
    HOUR,
    ITEM,
    MINUTE,
    OTHER_GROUP,
    OTHER_PLAN,
    PLAN,
    Fires,
    Incident,
)
from incidents.library.sync import SLOWLY

INCIDENTS = (
    Incident(
        "a healthy working day",
        lasts=10 * HOUR,
        looks_like=["RocketMQDRObjectiveBurn", "RocketMQDRPollsSkipped"],
        settings=SLOWLY,
        scrape_every=4 * MINUTE,
        evaluate_every=4 * MINUTE,
    ),
    Incident(
        "a backlog is worked off",
        lasts=40 * MINUTE,
        timeline={0.0: lag(850, growing=-1, plan=PLAN, group=GROUP)},
        groups=10,
        looks_like=["RocketMQDRSyncLagHigh", "RocketMQDRSyncLagCritical"],
    ),
    Incident(
        "progress is synced late, and no later than promised",
        lasts=HOUR,
        timeline={5 * MINUTE: lag(280)},
        looks_like=["RocketMQDRSyncLagHigh", "RocketMQDRObjectiveBurn"],
    ),
    Incident(
        "a two-way plan is at rest",
        lasts=HOUR,
        timeline={0.0: all_of(two_way(PLAN), never_sync(plan=PLAN, group=GROUP))},
        groups=10,
        looks_like=["RocketMQDRSyncStalled", "RocketMQDRNeverSynced"],
    ),
    Incident(
        "a topic is idle",
        lasts=HOUR,
        timeline={5 * MINUTE: idle(plan=PLAN)},
        looks_like=["RocketMQDRSyncLagHigh", "RocketMQDRSyncStalled"],
    ),
    Incident(
        "a new group waits for its first sync, and another for its target",
        lasts=40 * MINUTE,
        timeline={
            10 * MINUTE: all_of(
                never_sync(plan=PLAN, group=GROUP), lose_target(plan=OTHER_PLAN)
            ),
            22 * MINUTE: heal(),
        },
        looks_like=["RocketMQDRNeverSynced", "RocketMQDRTargetMissing"],
    ),
    Incident(
        "a planned failover: the target's consumers go ahead of the source's",
        lasts=HOUR,
        timeline={
            10 * MINUTE: all_of(fail_over(plan=PLAN), item_is(ITEM, "MANUAL_STOPPED"))
        },
        fires=[
            Fires(
                "RocketMQDRItemStopped",
                after=12 * MINUTE,
                by=23 * MINUTE,
                labels={"item_id": ITEM, "severity": "info"},
            )
        ],
        looks_like=["RocketMQDRSyncStalled", "RocketMQDRSyncLagCritical"],
    ),
    Incident(
        "an item is stopped before its groups are on the target",
        lasts=45 * MINUTE,
        timeline={
            0.0: all_of(
                item_is(ITEM, "MANUAL_STOPPED"),
                never_sync(plan=PLAN, group=GROUP),
                lose_target(plan=PLAN, group=OTHER_GROUP),
            )
        },
        fires=[
            Fires(
                "RocketMQDRItemStopped",
                after=0.0,
                by=4 * MINUTE,
                labels={"item_id": ITEM, "severity": "info"},
            )
        ],
        looks_like=["RocketMQDRNeverSynced", "RocketMQDRTargetMissing"],
    ),
    Incident(
        "the exporter is restarted, twice",
        lasts=30 * MINUTE,
        timeline={
            10 * MINUTE: all_of(stop()),
            12 * MINUTE: start(),
            20 * MINUTE: restart(),
        },
        looks_like=[
            "RocketMQDRExporterDown",
            "RocketMQDRDataStale",
            "RocketMQDRCheckpointsVanished",
        ],
    ),
    Incident(
        "one of two replicas is gone",
        lasts=30 * MINUTE,
        replicas=("a", "b"),
        timeline={10 * MINUTE: stop("a")},
        looks_like=["RocketMQDRExporterDown", "RocketMQDRCheckpointsVanished"],
    ),
    Incident(
        "one of two replicas no longer reaches the API",
        lasts=45 * MINUTE,
        replicas=("a", "b"),
        timeline={10 * MINUTE: lose_the_cloud("a")},
        looks_like=[
            "RocketMQDRPollFailing",
            "RocketMQDRDataStale",
            "RocketMQDRCheckpointsVanished",
        ],
    ),
    Incident(
        "Prometheus itself is gone for eight minutes",
        lasts=45 * MINUTE,
        timeline={10 * MINUTE: stop_prometheus(), 18 * MINUTE: start_prometheus()},
        looks_like=["RocketMQDRDataStale", "RocketMQDRPollsSkipped"],
    ),
    Incident(
        "the API is out of order for two minutes",
        lasts=30 * MINUTE,
        timeline={10 * MINUTE: break_down(), 12 * MINUTE: work_again()},
        looks_like=["RocketMQDRPollFailing", "RocketMQDRDataStale"],
    ),
    Incident(
        "routes are polled four times an hour, and one poll fails",
        lasts=2 * HOUR,
        timeline={50 * MINUTE: break_down(), 63 * MINUTE: work_again()},
        settings={"poll.interval": "15m", "poll.stale_after": "1h"},
        looks_like=[
            "RocketMQDRPollFailing",
            "RocketMQDRDataStale",
            "RocketMQDRSyncStalled",
            "RocketMQDRPollsSkipped",
        ],
    ),
    Incident(
        "one answer in twenty is throttled",
        lasts=45 * MINUTE,
        timeline={5 * MINUTE: throttle(every=20)},
        looks_like=["RocketMQDRAPIThrottled", "RocketMQDRPollFailing"],
    ),
    Incident(
        "a group is retired",
        lasts=30 * MINUTE,
        timeline={10 * MINUTE: vanish(plan=PLAN, group=GROUP)},
        looks_like=["RocketMQDRCheckpointsVanished", "RocketMQDRTargetMissing"],
    ),
    Incident(
        "a configured plan is out of sight for a while",
        lasts=45 * MINUTE,
        settings={"plans": [{"id": PLAN}, {"id": OTHER_PLAN}]},
        timeline={10 * MINUTE: delete(OTHER_PLAN), 16 * MINUTE: come_back()},
        looks_like=["RocketMQDRConfiguredMissing", "RocketMQDRPlanNotRunning"],
    ),
    Incident(
        "there are just as many checkpoints as may be shown",
        lasts=30 * MINUTE,
        settings={"metrics.max_checkpoints": 6},
        looks_like=["RocketMQDRCheckpointsDropped"],
    ),
    Incident(
        "the clock is half a minute off",
        lasts=30 * MINUTE,
        timeline={10 * MINUTE: clock(-30)},
        looks_like=["RocketMQDRClockSkew", "RocketMQDRDataStale"],
    ),
    Incident(
        "the clock is five minutes ahead, and ages with it",
        lasts=45 * MINUTE,
        timeline={10 * MINUTE: clock(300)},
        fires=[
            Fires(
                "RocketMQDRClockSkew",
                after=15 * MINUTE,
                by=18 * MINUTE,
                labels={"severity": "warning"},
            )
        ],
        looks_like=["RocketMQDRSyncStalled", "RocketMQDRDataStale"],
    ),
    Incident(
        "the clock is five minutes behind",
        lasts=45 * MINUTE,
        timeline={10 * MINUTE: clock(-300)},
        fires=[Fires("RocketMQDRClockSkew", 15 * MINUTE, 18 * MINUTE)],
        looks_like=["RocketMQDRDataStale", "RocketMQDRPollFailing"],
    ),
    Incident(
        "no lag is promised, and there is one",
        lasts=45 * MINUTE,
        settings={"objectives.lag": "0s", "objectives.age": "0s"},
        timeline={10 * MINUTE: stall(plan=PLAN)},
        looks_like=[
            "RocketMQDRSyncLagHigh",
            "RocketMQDRSyncLagCritical",
            "RocketMQDRSyncStalled",
            "RocketMQDRObjectiveBurn",
        ],
    ),
    Incident(
        "the configuration is reloaded, and promises less",
        lasts=40 * MINUTE,
        timeline={
            10 * MINUTE: lag(330),
            13 * MINUTE: reload(objectives__lag="10m"),
        },
        looks_like=["RocketMQDRSyncLagHigh", "RocketMQDRConfigReloadFailed"],
    ),
)
