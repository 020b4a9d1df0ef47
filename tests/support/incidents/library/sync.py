"""Incidents of the sync: consumers would fall back after a failover."""

from __future__ import annotations

from incidents.actions import (
    all_of,
    edit,
    heal,
    lag,
    lose_target,
    never_sync,
    rename,
    stall,
)
from incidents.incident import GROUP, ITEM, PLAN, SOURCE, Fires, Incident, fires

NAME = '{{ $labels.none }} "quoted" \\ {{ .Value }} $(reboot)'
# For incidents of many hours: what moves by the minute moves by four.
SLOWLY = {"poll.interval": "4m", "poll.stale_after": "20m"}


def stalled(begins: float, until: float | None) -> list[Fires]:
    """Return what comes of a stall of a plan whose objectives are the default ones."""
    alerts = (
        ("SyncLagHigh", 10, "warning"),
        ("SyncStalled", 12, "critical"),
        ("SyncLagCritical", 20, "critical"),
    )
    return [
        fires(
            alert,
            begins + at,
            begins + at + 3,
            until=until,
            severity=severity,
            plan_id=PLAN,
            item_id=ITEM,
        )
        for alert, at, severity in alerts
    ]


INCIDENTS = (
    Incident(
        "a consumer group of a one-way plan is no longer synced",
        lasts=60,
        timeline={10: stall(plan=PLAN, group=GROUP), 40: heal()},
        groups=10,
        fires=stalled(10, until=43),
        looks_like="DataStale ItemStopped",
        inhibited="SyncLagHigh",
    ),
    Incident(
        "a whole item is no longer synced, as two replicas see it",
        lasts=40,
        timeline={10: stall(plan=PLAN)},
        replicas=("a", "b"),
        fires=[
            *stalled(10, until=None),
            fires(
                "ObjectiveBurn", 25, 28, plan_id=PLAN, long="1h", severity="critical"
            ),
        ],
        inhibited="SyncLagHigh",
    ),
    Incident(
        "a plan is renamed in the middle of a stall",
        lasts=40,
        timeline={
            10: stall(plan=PLAN, group=GROUP),
            21: edit(PLAN, name="another name"),
        },
        groups=10,
        fires=stalled(10, until=None),
        inhibited="SyncLagHigh",
        # Before the lag is critical, too.
        judged_at=25,
    ),
    Incident(
        "a route that is configured in full stalls, of whose plan nothing was asked",
        lasts=40,
        timeline={10: stall(plan=PLAN, group=GROUP)},
        groups=10,
        settings={
            "plans": [{"id": PLAN, "items": [ITEM], "source_instances": [SOURCE]}]
        },
        fires=[
            fires("SyncLagHigh", 20, 23, plan_id=PLAN, item_id=ITEM),
            fires("SyncLagCritical", 30, 33, plan_id=PLAN, item_id=ITEM),
        ],
        # Whether it syncs by itself is not known.
        looks_like="SyncStalled ConfiguredMissing",
        inhibited="SyncLagHigh",
    ),
    Incident(
        "one group of a thousand falls further and further behind",
        lasts=25,
        timeline={5: lag(360, growing=0.75, plan=PLAN, group=GROUP)},
        plans=1,
        groups=1000,
        settings={"metrics.families": ["sync_lag"], "poll.interval": "2m"},
        scrape_every=2,
        fires=[
            fires("SyncLagHigh", 10, 13, plan_id=PLAN, item_id=ITEM),
            fires("SyncLagCritical", 22, 25, plan_id=PLAN, item_id=ITEM),
        ],
        looks_like="ObjectiveBurn SyncStalled",
        inhibited="SyncLagHigh",
    ),
    Incident(
        "a plan trails by a little more than its objective",
        lasts=75,
        timeline={10: lag(330, plan=PLAN), 40: heal()},
        fires=[
            fires("SyncLagHigh", 15, 18, until=42, plan_id=PLAN, item_id=ITEM),
            fires(
                "ObjectiveBurn",
                20,
                23,
                until=46,
                plan_id=PLAN,
                long="1h",
                severity="critical",
            ),
            fires(
                "ObjectiveBurn",
                32,
                37,
                until=71,
                plan_id=PLAN,
                long="6h",
                severity="critical",
            ),
        ],
        looks_like="SyncLagCritical",
    ),
    Incident(
        "one group in eight trails for hours",
        lasts=240,
        timeline={0: lag(330, group=GROUP)},
        plans=1,
        groups=8,
        settings=SLOWLY,
        scrape_every=4,
        evaluate_every=4,
        fires=[
            fires("SyncLagHigh", 5, 12),
            fires("ObjectiveBurn", 168, 186, long="6h", severity="critical"),
        ],
    ),
    Incident(
        "one group in twelve trails for half a day",
        lasts=570,
        timeline={0: lag(330, group=GROUP)},
        plans=1,
        groups=12,
        settings={**SLOWLY, "metrics.families": ["sync_lag"]},
        scrape_every=4,
        evaluate_every=4,
        fires=[
            fires("SyncLagHigh", 5, 12),
            fires("ObjectiveBurn", 258, 288, long="6h", severity="critical"),
            fires("ObjectiveBurn", 516, 558, long="1d", severity="warning"),
            fires("ObjectiveBurn", 528, 558, long="3d", severity="warning"),
        ],
        inhibited="ObjectiveBurn",
    ),
    Incident(
        "a group was never synced",
        lasts=45,
        timeline={5: never_sync(plan=PLAN, group=GROUP), 35: heal()},
        fires=[
            fires(
                "NeverSynced",
                20,
                23,
                until=37,
                plan_id=PLAN,
                item_id=ITEM,
                severity="warning",
            )
        ],
        looks_like="TargetMissing CheckpointsVanished",
    ),
    Incident(
        "the target loses the progress of a group",
        lasts=45,
        timeline={5: lose_target(plan=PLAN, group=GROUP), 35: heal()},
        fires=[
            fires(
                "TargetMissing",
                20,
                23,
                until=37,
                plan_id=PLAN,
                item_id=ITEM,
                severity="warning",
            )
        ],
        looks_like="NeverSynced",
    ),
    Incident(
        "a group whose name is a template is no longer synced, in a plan without name",
        lasts=40,
        timeline={
            0: all_of(
                edit(PLAN, name=""),
                rename(GROUP, NAME),
                rename("GID_mailer", '{{ end }}{{ template "x" }}'),
            ),
            10: all_of(
                stall(plan=PLAN, group=GROUP), never_sync(plan=PLAN, group="GID_mailer")
            ),
        },
        groups=10,
        fires=[*stalled(10, until=None), fires("NeverSynced", 25, 28)],
        inhibited="SyncLagHigh",
    ),
)
