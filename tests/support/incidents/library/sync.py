"""Incidents of the sync: consumers would fall back after a failover."""

from __future__ import annotations

from functools import partial

from incidents.actions import (
    all_of,
    edit,
    heal,
    lag,
    lose_target,
    never_sync,
    rename,
    reset_offsets,
    restart,
    sparse,
    stall,
)
from incidents.incident import (
    GROUP,
    ITEM,
    OTHER_GROUP,
    OTHER_ITEM,
    PLAN,
    SLOWLY,
    SOURCE,
    Fires,
    Incident,
    fires,
    page,
    slow,
    ticket,
)

NAME = '{{ $labels.none }} "quoted" \\ {{ .Value }} $(reboot)'
of_item = partial(fires, plan_id=PLAN, item_id=ITEM, severity="warning")


def stalled(
    begins: float, until: float | None = None, *, most: bool = False
) -> list[Fires]:
    """Return what comes of a stall of some or most of a plan, by default objectives."""
    late = of_item("SyncDelayed", begins + 10, begins + 13, until=until)
    some = of_item("SyncStalled", begins + 15, begins + 18, until=until)
    most_of_it = page(
        "SyncStalled", begins + 15, begins + 18, until=until, plan_id=PLAN
    )
    return [late, some, most_of_it] if most else [late, some]


def burns(after: float, by: float, window: str, until: float | None = None) -> Fires:
    """Return a burn of the error budget, which pages for two windows of four."""
    told = page if window in {"1h", "6h"} else ticket
    return told("ObjectiveBurn", after, by, until=until, plan_id=PLAN, long=window)


INCIDENTS = (
    Incident(
        "a consumer group of a one-way plan is no longer synced",
        lasts=60,
        timeline={10: stall(plan=PLAN, group=GROUP), 40: heal()},
        groups=10,
        fires=stalled(10, until=48),
        looks_like="DataStale ItemStopped ObjectiveBurn",
    ),
    Incident(
        "one group of fifty is offline on the target: a ticket, and no page",
        lasts=75,
        timeline={5: stall(group=GROUP)},
        plans=1,
        groups=50,
        fires=stalled(5),
        looks_like="PlanDown DataStale",
    ),
    Incident(
        "all fifty groups are offline on the target: one page",
        lasts=45,
        timeline={5: stall()},
        plans=1,
        groups=50,
        fires=[*stalled(5, most=True), burns(20, 23, "1h"), burns(33, 38, "6h")],
        looks_like="PlanDown DataStale",
        inhibited="SyncDelayed SyncStalled",
    ),
    Incident(
        "one group stalls, and another of its route trails: two tickets",
        lasts=24,
        timeline={
            5: all_of(
                stall(plan=PLAN, group=GROUP), lag(700, plan=PLAN, group=OTHER_GROUP)
            )
        },
        groups=10,
        fires=[ticket("SyncDelayed", 10, 13), ticket("SyncStalled", 20, 23)],
        looks_like="ObjectiveBurn",
    ),
    Incident(
        "most of a plan stalls, and the rest trails: a page for each",
        lasts=31,
        timeline={
            5: all_of(stall(), lag(1300, item=OTHER_ITEM, group="GID_[bs]*")),
        },
        plans=1,
        items=2,
        fires=[
            ticket("SyncDelayed", 10, 13, item_id=OTHER_ITEM),
            ticket("SyncDelayed", 15, 18, item_id=ITEM),
            page("SyncDelayed", 18, 21, item_id=OTHER_ITEM),
            ticket("SyncStalled", 20, 23, count=2),
            page("SyncStalled", 20, 23),
            burns(19, 23, "1h"),
        ],
        inhibited="SyncDelayed SyncStalled",
        judged_at=30,
    ),
    Incident(
        "a whole item is no longer synced, as two replicas see it",
        lasts=40,
        timeline={10: stall(plan=PLAN)},
        replicas=("a", "b"),
        fires=[*stalled(10, most=True), burns(25, 28, "1h")],
        inhibited="SyncDelayed SyncStalled",
    ),
    Incident(
        "a plan is renamed in the middle of a stall",
        lasts=40,
        timeline={
            10: stall(plan=PLAN, group=GROUP),
            21: edit(PLAN, name="another name"),
        },
        groups=10,
        fires=stalled(10),
        judged_at=39,
    ),
    Incident(
        "the exporter is restarted in the middle of an outage",
        lasts=60,
        timeline={10: stall(plan=PLAN, group=GROUP), 35: restart()},
        groups=10,
        fires=[
            ticket("SyncDelayed", 20, 23, until=42),
            # It has seen no more of the past than since it runs.
            ticket("SyncDelayed", 45, 48),
            ticket("SyncStalled", 25, 28),
        ],
        looks_like="CheckpointsVanished ExporterDown DataStale",
    ),
    Incident(
        "a route that is configured in full stalls",
        lasts=40,
        timeline={10: stall(plan=PLAN, group=GROUP)},
        groups=10,
        settings={
            "plans": [{"id": PLAN, "items": [ITEM], "source_instances": [SOURCE]}]
        },
        fires=stalled(10),
        looks_like="PlanDown",
    ),
    Incident(
        "one group of a thousand falls further and further behind",
        lasts=45,
        timeline={5: lag(420, growing=0.75, plan=PLAN, group=GROUP)},
        plans=1,
        groups=1000,
        settings={"metrics.families": ["sync_lag"]},
        fires=[
            ticket("SyncDelayed", 10, 13, item_id=ITEM),
            page("SyncDelayed", 20, 45, item_id=ITEM),
        ],
        looks_like="ObjectiveBurn SyncStalled",
        inhibited="SyncDelayed",
    ),
    Incident(
        "a plan trails by twice its objective",
        lasts=75,
        timeline={10: lag(700, plan=PLAN), 40: heal()},
        fires=[
            ticket("SyncDelayed", 15, 18, until=47, item_id=ITEM),
            burns(20, 23, "1h", until=46),
            burns(32, 37, "6h", until=71),
        ],
        looks_like="SyncStalled",
    ),
    slow(
        "one group in eight trails for hours",
        lasts=240,
        timeline={0: lag(600, group=GROUP)},
        plans=1,
        groups=8,
        fires=[ticket("SyncDelayed", 5, 20), burns(168, 196, "6h")],
        looks_like="SyncStalled",
    ),
    slow(
        "one group in twelve trails for half a day",
        lasts=620,
        timeline={0: lag(600, group=GROUP)},
        plans=1,
        groups=12,
        settings={**SLOWLY, "metrics.families": ["sync_lag"]},
        fires=[
            ticket("SyncDelayed", 5, 20),
            burns(258, 296, "6h"),
            burns(516, 562, "1d"),
            burns(528, 616, "3d"),
        ],
        inhibited="ObjectiveBurn",
    ),
    Incident(
        "a group was never synced",
        lasts=45,
        timeline={5: never_sync(plan=PLAN, group=GROUP), 35: heal()},
        fires=[of_item("GroupNotOnTarget", 20, 23, until=42)],
        looks_like="CheckpointsVanished SyncStalled",
    ),
    Incident(
        "one group of two hundred was never synced: a ticket",
        lasts=45,
        timeline={5: never_sync(group=GROUP)},
        plans=1,
        groups=200,
        settings={"metrics.families": []},
        fires=[ticket("GroupNotOnTarget", 20, 23)],
        looks_like="SyncStalled SyncDelayed ObjectiveBurn",
    ),
    Incident(
        "the target loses the progress of a group",
        lasts=45,
        timeline={5: lose_target(plan=PLAN, group=GROUP), 35: heal()},
        fires=[of_item("GroupNotOnTarget", 20, 23, until=42)],
        looks_like="CheckpointsVanished",
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
        fires=[*stalled(10), fires("GroupNotOnTarget", 25, 28)],
        judged_at=39,
    ),
    Incident(
        "of a hundred groups with sparse traffic, one gets stuck",
        lasts=150,
        timeline={
            0: all_of(sparse(1200, 60), sparse(1200, 60, stuck_after=7200, group=GROUP))
        },
        plans=1,
        groups=100,
        settings={"metrics.families": []},
        fires=[ticket("SyncDelayed", 130, 132), page("SyncDelayed", 140, 143)],
        looks_like="SyncStalled ObjectiveBurn",
        inhibited="SyncDelayed",
    ),
    Incident(
        "the offsets of a group that trails are reset: the delay starts again",
        lasts=33,
        timeline={
            5: lag(1200, plan=PLAN, group=GROUP),
            9: reset_offsets(1200, plan=PLAN, group=GROUP),
        },
        groups=10,
        fires=[ticket("SyncDelayed", 22, 27)],
        looks_like="SyncStalled",
    ),
)
