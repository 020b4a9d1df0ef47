"""Oddities that look like trouble, for which nobody may be woken."""

from __future__ import annotations

from incidents.actions import (
    all_of,
    break_down,
    clock,
    come_back,
    delete,
    edit,
    fail_over,
    forbid,
    heal,
    idle,
    lag,
    lose_target,
    lose_the_cloud,
    never_sync,
    not_yet,
    reload,
    reset_offsets,
    restamp,
    restart,
    scrape_again,
    silence,
    sparse,
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
    ITEM,
    OTHER_GROUP,
    OTHER_PLAN,
    PLAN,
    Incident,
    fires,
    slow,
    ticket,
)

# For a week. Beside one sample every 15 minutes nothing is kept of it.
RARELY = {
    "poll.interval": "15m",
    "poll.stale_after": "1h",
    "poll.discovery_interval": "6h",
    "metrics.families": [],
}

INCIDENTS = (
    slow(
        "a healthy working day",
        lasts=600,
        looks_like="ObjectiveBurn SyncDelayed",
    ),
    Incident(
        "a backlog is worked off",
        lasts=40,
        timeline={0: lag(850, growing=-1, plan=PLAN, group=GROUP)},
        groups=10,
        looks_like="SyncStalled PlanDown",
    ),
    Incident(
        "progress is synced late, and no later than promised",
        lasts=60,
        timeline={5: lag(290)},
        looks_like="SyncDelayed ObjectiveBurn",
    ),
    Incident(
        "a two-way plan is at rest",
        lasts=60,
        timeline={0: all_of(two_way(PLAN), never_sync(plan=PLAN, group=GROUP))},
        groups=10,
        looks_like="SyncStalled GroupNotOnTarget",
    ),
    Incident(
        "a topic is idle",
        lasts=60,
        timeline={5: idle(plan=PLAN)},
        looks_like="SyncDelayed SyncStalled",
    ),
    Incident(
        "a new group waits for its first sync, and another for its target",
        lasts=40,
        timeline={
            10: all_of(
                never_sync(plan=PLAN, group=GROUP), lose_target(plan=OTHER_PLAN)
            ),
            22: heal(),
        },
        looks_like="GroupNotOnTarget",
    ),
    Incident(
        "a planned failover: the target's consumers go ahead of the source's",
        lasts=60,
        timeline={
            10: all_of(fail_over(plan=PLAN), edit(ITEM, status="MANUAL_STOPPED"))
        },
        fires=[ticket("ItemStopped", 25, 36, item_id=ITEM)],
        looks_like="SyncStalled SyncDelayed",
    ),
    Incident(
        "an item is stopped before its groups are on the target",
        lasts=45,
        timeline={
            0: all_of(
                edit(ITEM, status="MANUAL_STOPPED"),
                never_sync(plan=PLAN, group=GROUP),
                lose_target(plan=PLAN, group=OTHER_GROUP),
            )
        },
        fires=[ticket("ItemStopped", 15, 18, item_id=ITEM)],
        looks_like="GroupNotOnTarget",
    ),
    Incident(
        "the exporter is restarted, twice",
        lasts=30,
        timeline={10: all_of(stop()), 12: start(), 20: restart()},
        looks_like="ExporterDown DataStale CheckpointsVanished",
    ),
    Incident(
        "one of two replicas no longer reaches the API",
        lasts=45,
        replicas=("a", "b"),
        timeline={10: lose_the_cloud("a")},
        looks_like="ExporterDegraded AccessRefused DataStale CheckpointsVanished",
    ),
    Incident(
        "Prometheus itself is gone for eight minutes",
        lasts=45,
        timeline={10: stop_prometheus(), 18: start_prometheus()},
        looks_like="DataStale ExporterDegraded",
    ),
    Incident(
        "the API is out of order for two minutes",
        lasts=30,
        timeline={10: break_down(), 12: work_again()},
        looks_like="ExporterDegraded DataStale",
    ),
    Incident(
        "routes are polled four times an hour, and one poll fails",
        lasts=120,
        timeline={50: break_down(), 63: work_again()},
        settings={"poll.interval": "15m", "poll.stale_after": "1h"},
        looks_like="ExporterDegraded DataStale SyncStalled",
    ),
    Incident(
        "one look-up is refused, and one poll of each route takes too long",
        lasts=60,
        timeline={
            7: forbid(plan=PLAN, action="Items"),
            8.9: work_again(),
            20: silence(75, action="Checkpoints"),
            20.9: work_again(),
        },
        settings={"poll.timeout": "2m", "api.timeout": "90s"},
        looks_like="ExporterDegraded AccessRefused",
    ),
    Incident(
        "one answer in twenty is throttled",
        lasts=45,
        timeline={5: throttle(every=20)},
        looks_like="ExporterDegraded",
    ),
    Incident(
        "a group is retired",
        lasts=30,
        timeline={10: vanish(plan=PLAN, group=GROUP)},
        looks_like="CheckpointsVanished GroupNotOnTarget",
    ),
    Incident(
        "a configured plan is out of sight for a while",
        lasts=45,
        settings={
            "plans": [{"id": PLAN}, {"id": OTHER_PLAN}],
            "poll.discovery_interval": "2m",
        },
        timeline={10: delete(OTHER_PLAN), 13: come_back()},
        looks_like="PlanDown CheckpointsVanished",
    ),
    Incident(
        "there are just as many checkpoints as may be shown",
        lasts=30,
        settings={"metrics.max_checkpoints": 6},
        looks_like="ExporterDegraded",
    ),
    Incident(
        "the clock is half a minute off",
        lasts=30,
        timeline={10: clock(-30)},
        looks_like="ExporterDegraded DataStale",
    ),
    Incident(
        "the clock is five minutes ahead, and ages with it",
        lasts=45,
        timeline={10: clock(300)},
        fires=[fires("ExporterDegraded", 15, 18, problem="clock_skew")],
        looks_like="SyncStalled DataStale",
    ),
    Incident(
        "the clock is five minutes behind",
        lasts=45,
        timeline={10: clock(-300)},
        fires=[fires("ExporterDegraded", 15, 18, problem="clock_skew")],
        looks_like="DataStale SyncDelayed",
    ),
    Incident(
        "no lag is promised, and there is one",
        lasts=45,
        settings={"objectives.lag": "0s", "objectives.age": "0s"},
        timeline={10: stall(plan=PLAN)},
        looks_like="SyncDelayed SyncStalled ObjectiveBurn",
    ),
    Incident(
        "the configuration is reloaded, and promises less",
        lasts=40,
        timeline={10: lag(420), 13: reload(objectives__lag="10m")},
        looks_like="SyncDelayed ExporterDegraded",
    ),
    *(
        Incident(
            f"a week of a message every {every // 60} minutes for each of {groups} "
            f"groups, synced after {synced_after} s",
            lasts=7 * 24 * 60,
            timeline={0: sparse(every, synced_after)},
            plans=1,
            groups=groups,
            settings=RARELY,
            scrape_every=15,
            evaluate_every=15,
            looks_like="SyncDelayed SyncStalled ObjectiveBurn",
        )
        for every, groups, synced_after in (
            (1200, 100, 60),
            (1200, 500, 10),
            (3600, 100, 10),
            (3600, 500, 60),
        )
    ),
    Incident(
        "the target stamps copies three seconds later than the source",
        lasts=60,
        timeline={0: restamp()},
        looks_like="SyncDelayed SyncStalled GroupNotOnTarget",
    ),
    Incident(
        "the offsets of a group are reset on the source, and catch up",
        lasts=40,
        timeline={10: reset_offsets(0, plan=PLAN, group=GROUP), 17: heal()},
        groups=10,
        looks_like="SyncDelayed SyncStalled CheckpointsVanished",
    ),
    Incident(
        "a cold standby promises nothing, and none of its consumers is online",
        lasts=60,
        settings={"objectives.lag": "0s", "objectives.age": "0s"},
        timeline={0: never_sync(group="GID_[a-m]*"), 5: stall(group="GID_[n-z]*")},
        groups=20,
        looks_like="SyncDelayed SyncStalled GroupNotOnTarget ObjectiveBurn",
    ),
    Incident(
        "a plan that never ran does not run",
        lasts=45,
        timeline={0: edit(PLAN, status="CREATED")},
        looks_like="PlanDown DataStale CheckpointsVanished",
    ),
    Incident(
        "the rules are there before the first exporter",
        lasts=45,
        timeline={0: not_yet(), 10: scrape_again(), 30: start()},
        looks_like="ExporterDown PlanDown DataStale CheckpointsVanished",
    ),
    Incident(
        "one of two replicas restarts slowly",
        lasts=30,
        replicas=("a", "b"),
        timeline={10: stop("a"), 14: start("a")},
        looks_like="ExporterDown CheckpointsVanished DataStale SyncStalled",
    ),
    Incident(
        "a critical lag is worked off before it pages",
        lasts=60,
        timeline={5: lag(1200, plan=PLAN, group=GROUP), 24: heal()},
        groups=10,
        fires=[ticket("SyncDelayed", 10, 18, until=30)],
        looks_like="SyncStalled ObjectiveBurn",
    ),
)
