"""Incidents of the monitor itself: the exporter cannot tell how the sync is."""

from __future__ import annotations

from dataclasses import replace

from incidents.actions import (
    all_of,
    break_down,
    cloud_clock,
    delete,
    fail_reload,
    forbid,
    garble,
    lose,
    miscount,
    never_sync,
    refuse,
    restart,
    revoke_key,
    silence,
    stall,
    start,
    stop,
    take_away,
    throttle,
    trip,
    work_again,
)
from incidents.incident import (
    GROUP,
    ITEM,
    OTHER_PLAN,
    PLAN,
    SLOWLY,
    SOURCE,
    Action,
    Fires,
    Incident,
    fires,
    page,
    slow,
    ticket,
)
from incidents.library.sync import burns, stalled

ROUTES = 2


def degraded(
    problem: str, after: float, by: float, *, until: float | None = None, **more: str
) -> Fires:
    """Return a ticket for what the exporter does badly; `more` may tell the reason."""
    named = ticket("ExporterDegraded", after, by, until=until, problem=problem)
    return replace(named, labels={**named.labels, **more})


def blind(name: str, cause: Action, *more: Fires, inhibited: str = "") -> Incident:
    """Return an incident in which no route can be polled, and nothing else is wrong."""
    stale = ticket("DataStale", 15, 18, count=ROUTES)
    return Incident(
        name,
        lasts=40,
        timeline={10: cause},
        settings={"objectives.age": "90s"},
        fires=[stale, *more],
        looks_like="SyncStalled SyncDelayed CheckpointsVanished PlanDown",
        inhibited=inhibited,
    )


def failing(reason: str) -> Fires:
    """Return the ticket for polls that fail."""
    return degraded("poll_failing", 13, 16, reason=reason)


def outage(minutes: int, *pages: Fires, looks_like: str = "") -> Incident:
    """Return an outage of the vendor, which begins in the fifth minute."""
    end = 5 + minutes
    return Incident(
        f"the vendor's API is out of order for {minutes} minutes",
        lasts=70,
        timeline={5: break_down(), end: work_again()},
        fires=[
            degraded("poll_failing", 8, 11, until=end + 3, reason="unavailable"),
            *pages,
        ],
        looks_like=f"SyncDelayed SyncStalled CheckpointsVanished {looks_like}",
        inhibited="DataStale" if len(pages) > 1 else "",
    )


def stale(after: float, by: float, until: float, severity: str) -> Fires:
    """Return that all routes have nothing to show."""
    return fires("DataStale", after, by, until=until, count=ROUTES, severity=severity)


REFUSED = page("AccessRefused", 13, 16, job="rocketmq-dr")

INCIDENTS = (
    blind("the API is out of reach", refuse(), failing("unavailable")),
    blind("the API falls silent", silence(), failing("timeout")),
    blind("a proxy answers in the API's place", garble(), failing("malformed")),
    blind("pages never add up", miscount(), failing("incomplete")),
    blind("a bug comes to light", trip(action="Checkpoints"), failing("internal")),
    blind("all items are gone", lose(action="Checkpoints"), failing("not_found")),
    blind(
        "the account is throttled for good",
        throttle(),
        failing("throttled"),
        degraded("throttled", 20, 23),
    ),
    blind("the access key is revoked", revoke_key(), REFUSED, inhibited="DataStale"),
    blind(
        "a permission is withdrawn",
        forbid(action="Checkpoints"),
        REFUSED,
        inhibited="DataStale",
    ),
    blind(
        "the clock is twenty minutes off",
        cloud_clock(1200),
        failing("clock"),
        degraded("clock_skew", 15, 18),
    ),
    outage(6, stale(11, 12, 14, "warning")),
    outage(20, stale(10, 13, 28, "warning")),
    outage(40, stale(10, 13, 48, "warning"), stale(39, 42, 48, "critical")),
    Incident(
        "one plan of two is forbidden, and allowed again",
        lasts=45,
        timeline={
            10: all_of(
                forbid(plan=PLAN, action="Checkpoints"),
                # Seen as well as ever, and not held back by what the other plan lacks.
                never_sync(plan=OTHER_PLAN, group=GROUP),
            ),
            30: work_again(),
        },
        fires=[
            fires("GroupNotOnTarget", 25, 28),
            ticket("AccessRefused", 13, 16, until=38, plan_id=PLAN),
            ticket("DataStale", 15, 18, until=33, plan_id=PLAN),
        ],
        looks_like="ExporterDown ExporterDegraded",
        inhibited="DataStale",
    ),
    Incident(
        "a stranger's plan is found, and may not be looked up",
        lasts=45,
        timeline={0: forbid(plan=PLAN)},
        fires=[ticket("AccessRefused", 3, 6)],
        looks_like="DataStale ExporterDegraded PlanDown",
    ),
    *(
        Incident(
            f"a {kind} plan may not be looked up after a restart",
            lasts=45,
            plans=3,
            settings=settings,
            timeline={
                5: forbid(plan=PLAN, action=action),
                15: restart(),
                25: delete(OTHER_PLAN),
            },
            fires=[
                ticket("AccessRefused", 12, 16),
                page("PlanDown", 30, 33, plan_id=OTHER_PLAN),
            ],
            looks_like="CheckpointsVanished DataStale ExporterDegraded",
        )
        for kind, action, settings in (
            ("listed", "Items", {}),
            (
                "configured",
                "Plan",
                {"plans": [{"id": str(1300000016 + n)} for n in range(3)]},
            ),
        )
    ),
    Incident(
        "a plan that is configured in full may not be looked up, and is judged",
        lasts=30,
        settings={
            "plans": [{"id": PLAN, "items": [ITEM], "source_instances": [SOURCE]}]
        },
        timeline={
            0: all_of(
                forbid(plan=PLAN, action="Plan"), never_sync(plan=PLAN, group=GROUP)
            )
        },
        fires=[ticket("AccessRefused", 3, 6), ticket("GroupNotOnTarget", 15, 18)],
        looks_like="DataStale PlanDown CheckpointsVanished",
    ),
    Incident(
        "plans may not be listed any more, though what is known is polled",
        lasts=45,
        timeline={5: forbid(action="Plans")},
        fires=[ticket("AccessRefused", 12, 16)],
        looks_like="ExporterDegraded DataStale PlanDown",
    ),
    Incident(
        "plans may never be listed",
        lasts=45,
        timeline={0: forbid(action="Plans")},
        fires=[
            page("AccessRefused", 3, 6),
            ticket("DataStale", 1, 4),
            page("DataStale", 30, 33),
        ],
        looks_like="ExporterDegraded PlanDown",
        inhibited="DataStale DataStale!",
    ),
    Incident(
        "a plan could never be looked up, and is not polled",
        lasts=45,
        timeline={0: break_down(plan=PLAN, action="Items"), 30: work_again()},
        fires=[degraded("poll_failing", 1, 6, until=33, reason="unavailable")],
        looks_like="DataStale PlanDown",
    ),
    Incident(
        "a group stalls, and then the API is out of reach as well",
        lasts=75,
        timeline={5: stall(plan=PLAN, group=GROUP), 28: refuse()},
        groups=10,
        fires=[
            *stalled(5, until=40),
            degraded("poll_failing", 31, 34, reason="unavailable"),
            ticket("DataStale", 33, 36, count=ROUTES),
            page("DataStale", 62, 66, count=ROUTES),
        ],
        looks_like="CheckpointsVanished PlanDown",
        judged_at=30,
    ),
    Incident(
        "the exporter is gone in the middle of an outage",
        lasts=75,
        timeline={10: stall(plan=PLAN), 60: stop()},
        fires=[
            *stalled(10, until=67, most=True),
            burns(25, 28, "1h", until=68),
            burns(38, 44, "6h", until=68),
            page("ExporterDown", 65, 68),
        ],
        looks_like="DataStale CheckpointsVanished",
        inhibited="SyncDelayed SyncStalled",
    ),
    Incident(
        "the exporter is gone, and comes back",
        lasts=45,
        timeline={10: stop(), 30: start()},
        fires=[fires("ExporterDown", 15, 18, until=32)],
        looks_like="DataStale CheckpointsVanished PlanDown",
    ),
    *(
        slow(
            f"of two jobs one is {name} for 25 hours",
            lasts=1530,
            timeline=timeline,
            replicas=("a", "b"),
            jobs={"a": "orders", "b": "search"},
            groups=1,
            plans=1,
            settings={**SLOWLY, "metrics.families": []},
            fires=[page("ExporterDown", 15, 24, until=until, job="orders")],
            looks_like="DataStale CheckpointsVanished PlanDown",
        )
        for name, timeline, until in (
            ("down", {10.0: stop("a"), 1510.0: start("a")}, 1520),
            ("taken away", {10.0: take_away("a")}, None),
        )
    ),
    Incident(
        "one of two replicas is gone",
        lasts=30,
        replicas=("a", "b"),
        timeline={10: stop("a")},
        fires=[fires("ExporterDown", 15, 18, instance="exporter-a:10063")],
        looks_like="CheckpointsVanished DataStale ShardMissing",
    ),
    Incident(
        "of two teams that name their job alike, one loses its exporter",
        lasts=45,
        timeline={0: never_sync(plan=PLAN, group=GROUP), 20: stop("a")},
        replicas=("a", "b"),
        namespaces={"a": "orders", "b": "search"},
        fires=[
            fires("GroupNotOnTarget", 15, 18, until=27, namespace="orders"),
            fires("GroupNotOnTarget", 15, 18, namespace="search"),
            fires("ExporterDown", 25, 28, namespace="orders"),
        ],
        looks_like="CheckpointsVanished DataStale",
    ),
    Incident(
        "a reload is refused",
        lasts=30,
        timeline={10: fail_reload()},
        fires=[degraded("config_reload_failed", 15, 18)],
        looks_like="ExporterDown",
    ),
    Incident(
        "polls take longer than the interval",
        lasts=60,
        timeline={5: silence(75, action="Checkpoints")},
        settings={"poll.timeout": "2m", "api.timeout": "90s"},
        fires=[degraded("polls_skipped", 15, 25)],
        looks_like="DataStale SyncDelayed",
    ),
    Incident(
        "there are more checkpoints than may be shown",
        lasts=30,
        settings={"metrics.max_checkpoints": 4},
        fires=[degraded("over_limit", 15, 18)],
        looks_like="CheckpointsVanished",
    ),
    Incident(
        "polls fail every other time",
        lasts=45,
        timeline={
            at: break_down() if at % 3 == 1 else work_again()
            for at in range(10, 40)
            if at % 3 != 0
        },
        looks_like="ExporterDegraded DataStale",
    ),
    Incident(
        "the exporter is restarted while the API is out of order",
        lasts=60,
        timeline={10: break_down(), 20: restart()},
        fires=[
            ticket("DataStale", 15, 18, until=22, count=ROUTES),
            ticket("DataStale", 20, 23),
            page("DataStale", 50, 53),
            degraded("poll_failing", 13, 16),
        ],
        looks_like="CheckpointsVanished PlanDown",
        inhibited="DataStale",
        judged_at=55,
    ),
)
