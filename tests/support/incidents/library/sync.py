"""Incidents of the sync: consumers would fall back after a failover."""

from __future__ import annotations

from incidents.actions import (
    all_of,
    call,
    heal,
    lag,
    lose_target,
    never_sync,
    plan_is,
    stall,
)
from incidents.incident import (
    GROUP,
    HOUR,
    ITEM,
    MINUTE,
    PLAN,
    SOURCE,
    Fires,
    Incident,
)

NAME = '{{ $labels.none }} "quoted" \\ {{ .Value }} $(reboot)'
ROUTE = {"plan_id": PLAN, "item_id": ITEM}
# For incidents of many hours: what moves by the minute moves by four.
SLOWLY = {"poll.interval": "4m", "poll.stale_after": "20m"}


def stalled(begins: float, until: float | None) -> list[Fires]:
    """Return what comes of a stall of a plan whose objectives are the default ones."""
    return [
        Fires(
            "RocketMQDRSyncLagHigh",
            after=begins + 10 * MINUTE,
            by=begins + 13 * MINUTE,
            until=until,
            labels={**ROUTE, "severity": "warning"},
        ),
        Fires(
            "RocketMQDRSyncStalled",
            after=begins + 12 * MINUTE,
            by=begins + 15 * MINUTE,
            until=until,
            labels={**ROUTE, "severity": "critical"},
        ),
        Fires(
            "RocketMQDRSyncLagCritical",
            after=begins + 20 * MINUTE,
            by=begins + 23 * MINUTE,
            until=until,
            labels={**ROUTE, "severity": "critical"},
        ),
    ]


INCIDENTS = (
    Incident(
        "a consumer group of a one-way plan is no longer synced",
        lasts=HOUR,
        timeline={
            10 * MINUTE: stall(plan=PLAN, group=GROUP),
            40 * MINUTE: heal(),
        },
        groups=10,
        fires=stalled(10 * MINUTE, until=43 * MINUTE),
        looks_like=["RocketMQDRDataStale", "RocketMQDRItemStopped"],
        inhibited=["RocketMQDRSyncLagHigh"],
    ),
    Incident(
        "a whole item is no longer synced, as two replicas see it",
        lasts=40 * MINUTE,
        timeline={10 * MINUTE: stall(plan=PLAN)},
        replicas=("a", "b"),
        fires=[
            *stalled(10 * MINUTE, until=None),
            Fires(
                "RocketMQDRObjectiveBurn",
                after=25 * MINUTE,
                by=28 * MINUTE,
                labels={"plan_id": PLAN, "long": "1h", "severity": "critical"},
            ),
        ],
        inhibited=["RocketMQDRSyncLagHigh"],
    ),
    Incident(
        "a plan is renamed in the middle of a stall",
        lasts=40 * MINUTE,
        timeline={
            10 * MINUTE: stall(plan=PLAN, group=GROUP),
            21 * MINUTE: plan_is(PLAN, name="another name"),
        },
        groups=10,
        fires=stalled(10 * MINUTE, until=None),
        inhibited=["RocketMQDRSyncLagHigh"],
        # Before the lag is critical, too.
        judged_at=25 * MINUTE,
    ),
    Incident(
        "a route that is configured in full stalls, of whose plan nothing was asked",
        lasts=40 * MINUTE,
        timeline={10 * MINUTE: stall(plan=PLAN, group=GROUP)},
        groups=10,
        settings={
            "plans": [{"id": PLAN, "items": [ITEM], "source_instances": [SOURCE]}]
        },
        fires=[
            Fires("RocketMQDRSyncLagHigh", 20 * MINUTE, 23 * MINUTE, labels=ROUTE),
            Fires("RocketMQDRSyncLagCritical", 30 * MINUTE, 33 * MINUTE, labels=ROUTE),
        ],
        # Whether it syncs by itself is not known.
        looks_like=["RocketMQDRSyncStalled", "RocketMQDRConfiguredMissing"],
        inhibited=["RocketMQDRSyncLagHigh"],
    ),
    Incident(
        "one group of a thousand falls further and further behind",
        lasts=25 * MINUTE,
        timeline={5 * MINUTE: lag(360, growing=0.75, plan=PLAN, group=GROUP)},
        plans=1,
        groups=1000,
        settings={"metrics.families": ["sync_lag"], "poll.interval": "2m"},
        scrape_every=2 * MINUTE,
        fires=[
            Fires("RocketMQDRSyncLagHigh", 10 * MINUTE, 13 * MINUTE, labels=ROUTE),
            Fires("RocketMQDRSyncLagCritical", 22 * MINUTE, 25 * MINUTE, labels=ROUTE),
        ],
        looks_like=["RocketMQDRObjectiveBurn", "RocketMQDRSyncStalled"],
        inhibited=["RocketMQDRSyncLagHigh"],
    ),
    Incident(
        "a plan trails by a little more than its objective",
        lasts=75 * MINUTE,
        timeline={
            10 * MINUTE: lag(330, plan=PLAN),
            40 * MINUTE: heal(),
        },
        fires=[
            Fires(
                "RocketMQDRSyncLagHigh",
                after=15 * MINUTE,
                by=18 * MINUTE,
                until=42 * MINUTE,
                labels=ROUTE,
            ),
            Fires(
                "RocketMQDRObjectiveBurn",
                after=20 * MINUTE,
                by=23 * MINUTE,
                until=46 * MINUTE,
                labels={"plan_id": PLAN, "long": "1h", "severity": "critical"},
            ),
            Fires(
                "RocketMQDRObjectiveBurn",
                after=32 * MINUTE,
                by=37 * MINUTE,
                until=71 * MINUTE,
                labels={"plan_id": PLAN, "long": "6h", "severity": "critical"},
            ),
        ],
        looks_like=["RocketMQDRSyncLagCritical"],
    ),
    Incident(
        "one group in eight trails for hours",
        lasts=4 * HOUR,
        timeline={0.0: lag(330, group=GROUP)},
        plans=1,
        groups=8,
        settings=SLOWLY,
        scrape_every=4 * MINUTE,
        evaluate_every=4 * MINUTE,
        fires=[
            Fires("RocketMQDRSyncLagHigh", 5 * MINUTE, 12 * MINUTE),
            Fires(
                "RocketMQDRObjectiveBurn",
                after=2.8 * HOUR,
                by=3.1 * HOUR,
                labels={"long": "6h", "severity": "critical"},
            ),
        ],
    ),
    Incident(
        "one group in twelve trails for half a day",
        lasts=9.5 * HOUR,
        timeline={0.0: lag(330, group=GROUP)},
        plans=1,
        groups=12,
        settings={**SLOWLY, "metrics.families": ["sync_lag"]},
        scrape_every=4 * MINUTE,
        evaluate_every=4 * MINUTE,
        fires=[
            Fires("RocketMQDRSyncLagHigh", 5 * MINUTE, 12 * MINUTE),
            Fires(
                "RocketMQDRObjectiveBurn",
                after=4.3 * HOUR,
                by=4.8 * HOUR,
                labels={"long": "6h", "severity": "critical"},
            ),
            Fires(
                "RocketMQDRObjectiveBurn",
                after=8.6 * HOUR,
                by=9.3 * HOUR,
                labels={"long": "1d", "severity": "warning"},
            ),
            Fires(
                "RocketMQDRObjectiveBurn",
                after=8.8 * HOUR,
                by=9.3 * HOUR,
                labels={"long": "3d", "severity": "warning"},
            ),
        ],
        inhibited=["RocketMQDRObjectiveBurn"],
    ),
    Incident(
        "a group was never synced",
        lasts=45 * MINUTE,
        timeline={
            5 * MINUTE: never_sync(plan=PLAN, group=GROUP),
            35 * MINUTE: heal(),
        },
        fires=[
            Fires(
                "RocketMQDRNeverSynced",
                after=20 * MINUTE,
                by=23 * MINUTE,
                until=37 * MINUTE,
                labels={**ROUTE, "severity": "warning"},
            )
        ],
        looks_like=["RocketMQDRTargetMissing", "RocketMQDRCheckpointsVanished"],
    ),
    Incident(
        "the target loses the progress of a group",
        lasts=45 * MINUTE,
        timeline={
            5 * MINUTE: lose_target(plan=PLAN, group=GROUP),
            35 * MINUTE: heal(),
        },
        fires=[
            Fires(
                "RocketMQDRTargetMissing",
                after=20 * MINUTE,
                by=23 * MINUTE,
                until=37 * MINUTE,
                labels={**ROUTE, "severity": "warning"},
            )
        ],
        looks_like=["RocketMQDRNeverSynced"],
    ),
    Incident(
        "a group whose name is a template is no longer synced, in a plan without name",
        lasts=40 * MINUTE,
        timeline={
            0.0: all_of(
                plan_is(PLAN, name=""),
                call(GROUP, NAME),
                call("GID_mailer", '{{ end }}{{ template "x" }}'),
            ),
            10 * MINUTE: all_of(
                stall(plan=PLAN, group=GROUP),
                never_sync(plan=PLAN, group="GID_mailer"),
            ),
        },
        groups=10,
        fires=[
            *stalled(10 * MINUTE, until=None),
            Fires("RocketMQDRNeverSynced", 25 * MINUTE, 28 * MINUTE),
        ],
        inhibited=["RocketMQDRSyncLagHigh"],
    ),
)
