"""Incidents of the monitor itself: the exporter cannot tell how the sync is."""

from __future__ import annotations

from collections.abc import Sequence

from incidents.actions import (
    all_of,
    break_down,
    cloud_clock,
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
    throttle,
    trip,
    work_again,
)
from incidents.incident import (
    GROUP,
    HOUR,
    MINUTE,
    OTHER_PLAN,
    PLAN,
    Action,
    Fires,
    Incident,
)
from incidents.library.sync import stalled

ROUTES = 2
BOTH = ("RocketMQDRDataStale", "RocketMQDRPollFailing")
SYNC = ["RocketMQDRSyncStalled", "RocketMQDRSyncLagHigh"]


def failing(reason: str, *, routes: int = ROUTES) -> list[Fires]:
    """Return what comes of polls that fail for good from the tenth minute on."""
    return [
        Fires(
            "RocketMQDRPollFailing",
            after=13 * MINUTE,
            by=16 * MINUTE,
            labels={"reason": reason, "severity": "warning"},
            count=routes,
        ),
        Fires(
            "RocketMQDRDataStale",
            after=15 * MINUTE,
            by=18 * MINUTE,
            labels={"severity": "critical"},
            count=routes,
        ),
    ]


def blind(
    name: str,
    cause: Action,
    reason: str,
    more: Sequence[Fires] = (),
    *,
    inhibited: Sequence[str] = ("RocketMQDRPollFailing",),
) -> Incident:
    """Return an incident in which no route can be polled, and nothing else is wrong."""
    alike = {"RocketMQDRPermissionDenied"} - {fires.alert for fires in more}
    return Incident(
        name,
        lasts=45 * MINUTE,
        timeline={10 * MINUTE: cause},
        settings={"objectives.age": "90s"},
        fires=[*failing(reason), *more],
        looks_like=[*SYNC, "RocketMQDRCheckpointsVanished", *alike],
        inhibited=inhibited,
    )


INCIDENTS = (
    blind("the API is out of reach", refuse(), "unavailable"),
    blind("the API is out of order", break_down(), "unavailable"),
    blind("the API falls silent", silence(), "timeout"),
    blind("a proxy answers in the API's place", garble(), "malformed"),
    blind("pages never add up", miscount(), "incomplete"),
    blind("a bug comes to light", trip(action="Checkpoints"), "internal"),
    blind("all items are gone", lose(action="Checkpoints"), "not_found"),
    blind(
        "the account is throttled for good",
        throttle(),
        "throttled",
        [Fires("RocketMQDRAPIThrottled", 20 * MINUTE, 23 * MINUTE)],
    ),
    blind(
        "the access key is revoked",
        revoke_key(),
        "credentials",
        [
            Fires(
                "RocketMQDRCredentialsRejected",
                after=13 * MINUTE,
                by=16 * MINUTE,
                labels={"severity": "critical"},
            )
        ],
        inhibited=BOTH,
    ),
    blind(
        "a permission is withdrawn",
        forbid(action="Checkpoints"),
        "permission",
        [
            Fires(
                "RocketMQDRPermissionDenied",
                after=13 * MINUTE,
                by=16 * MINUTE,
                count=ROUTES,
            )
        ],
        inhibited=BOTH,
    ),
    blind(
        "the clock is twenty minutes off",
        cloud_clock(20 * MINUTE),
        "clock",
        [Fires("RocketMQDRClockSkew", 15 * MINUTE, 18 * MINUTE)],
    ),
    Incident(
        "one plan of two is forbidden, and allowed again",
        lasts=45 * MINUTE,
        timeline={
            10 * MINUTE: all_of(
                forbid(plan=PLAN, action="Checkpoints"),
                # Seen as well as ever, and not held back by what the other plan lacks.
                never_sync(plan=OTHER_PLAN, group=GROUP),
            ),
            30 * MINUTE: work_again(),
        },
        fires=[
            Fires("RocketMQDRNeverSynced", 25 * MINUTE, 28 * MINUTE),
        ]
        + [
            Fires(
                alert,
                after=13 * MINUTE,
                by=18 * MINUTE,
                until=33 * MINUTE,
                labels={"plan_id": PLAN},
            )
            for alert in (
                "RocketMQDRPollFailing",
                "RocketMQDRDataStale",
                "RocketMQDRPermissionDenied",
            )
        ],
        looks_like=["RocketMQDRCredentialsRejected", "RocketMQDRExporterDown"],
        inhibited=["RocketMQDRDataStale", "RocketMQDRPollFailing"],
    ),
    Incident(
        "plans may not be listed any more, though what is known is polled",
        lasts=45 * MINUTE,
        timeline={5 * MINUTE: forbid(action="Plans")},
        fires=[
            Fires(
                "RocketMQDRPermissionDenied",
                after=15 * MINUTE,
                by=30 * MINUTE,
                labels={"severity": "critical"},
            )
        ],
        looks_like=["RocketMQDRPollFailing", "RocketMQDRDataStale"],
    ),
    Incident(
        "a plan could never be looked up, and is not polled",
        lasts=45 * MINUTE,
        timeline={
            0.0: break_down(plan=PLAN, action="Items"),
            30 * MINUTE: work_again(),
        },
        fires=[
            Fires(
                "RocketMQDRPollFailing",
                after=MINUTE,
                by=6 * MINUTE,
                until=33 * MINUTE,
                labels={"reason": "unavailable", "job": "rocketmq-dr"},
            )
        ],
        looks_like=["RocketMQDRDataStale", "RocketMQDRConfiguredMissing"],
    ),
    Incident(
        "the exporter is restarted while the API is out of order",
        lasts=45 * MINUTE,
        timeline={10 * MINUTE: all_of(break_down(), restart())},
        fires=[
            Fires("RocketMQDRPollFailing", 11 * MINUTE, 20 * MINUTE),
            Fires(
                "RocketMQDRDataStale",
                after=11 * MINUTE,
                by=20 * MINUTE,
                labels={"severity": "critical", "job": "rocketmq-dr"},
            ),
        ],
        looks_like=["RocketMQDRCheckpointsVanished", "RocketMQDRExporterDown"],
        inhibited=["RocketMQDRPollFailing"],
    ),
    Incident(
        "a group stalls, and then the API is out of reach as well",
        lasts=45 * MINUTE,
        timeline={
            5 * MINUTE: stall(plan=PLAN, group=GROUP),
            28 * MINUTE: refuse(),
        },
        groups=10,
        fires=[
            *stalled(5 * MINUTE, until=35 * MINUTE),
            Fires("RocketMQDRPollFailing", 31 * MINUTE, 34 * MINUTE, count=ROUTES),
            Fires("RocketMQDRDataStale", 33 * MINUTE, 36 * MINUTE, count=ROUTES),
        ],
        looks_like=["RocketMQDRCheckpointsVanished"],
        inhibited=[*SYNC, "RocketMQDRSyncLagCritical"],
    ),
    Incident(
        "the exporter is gone in the middle of a burn",
        lasts=75 * MINUTE,
        timeline={
            10 * MINUTE: stall(plan=PLAN),
            60 * MINUTE: stop(),
        },
        fires=[
            *stalled(10 * MINUTE, until=68 * MINUTE),
            Fires(
                "RocketMQDRObjectiveBurn",
                after=25 * MINUTE,
                by=28 * MINUTE,
                until=68 * MINUTE,
                labels={"long": "1h"},
            ),
            Fires(
                "RocketMQDRObjectiveBurn",
                after=38 * MINUTE,
                by=44 * MINUTE,
                labels={"long": "6h"},
            ),
            Fires(
                "RocketMQDRExporterDown",
                after=65 * MINUTE,
                by=68 * MINUTE,
                labels={"severity": "critical", "job": "rocketmq-dr"},
            ),
        ],
        looks_like=["RocketMQDRDataStale", "RocketMQDRCheckpointsVanished"],
        inhibited=["RocketMQDRObjectiveBurn"],
        judged_at=67 * MINUTE,
    ),
    Incident(
        "the exporter is gone, and comes back",
        lasts=45 * MINUTE,
        timeline={10 * MINUTE: stop(), 30 * MINUTE: start()},
        fires=[
            Fires(
                "RocketMQDRExporterDown",
                after=15 * MINUTE,
                by=18 * MINUTE,
                until=32 * MINUTE,
            )
        ],
        looks_like=["RocketMQDRDataStale", "RocketMQDRCheckpointsVanished"],
    ),
    Incident(
        "of two teams that name their job alike, one loses its exporter",
        lasts=45 * MINUTE,
        timeline={
            0.0: never_sync(plan=PLAN, group=GROUP),
            20 * MINUTE: stop("a"),
        },
        replicas=("a", "b"),
        namespaces={"a": "orders", "b": "search"},
        fires=[
            Fires(
                "RocketMQDRNeverSynced",
                after=15 * MINUTE,
                by=18 * MINUTE,
                until=22 * MINUTE,
                labels={"namespace": "orders"},
            ),
            Fires(
                "RocketMQDRNeverSynced",
                after=15 * MINUTE,
                by=18 * MINUTE,
                labels={"namespace": "search"},
            ),
            Fires(
                "RocketMQDRExporterDown",
                after=25 * MINUTE,
                by=28 * MINUTE,
                labels={"namespace": "orders"},
            ),
        ],
        looks_like=["RocketMQDRCheckpointsVanished", "RocketMQDRDataStale"],
        judged_at=30 * MINUTE,
    ),
    Incident(
        "a reload is refused",
        lasts=30 * MINUTE,
        timeline={10 * MINUTE: fail_reload()},
        fires=[
            Fires(
                "RocketMQDRConfigReloadFailed",
                after=15 * MINUTE,
                by=18 * MINUTE,
                labels={"severity": "warning"},
            )
        ],
        looks_like=["RocketMQDRExporterDown"],
    ),
    Incident(
        "the API falls silent, and each poll waits for longer than the interval",
        lasts=HOUR,
        timeline={5 * MINUTE: silence()},
        settings={"poll.timeout": "3m"},
        fires=[
            Fires("RocketMQDRPollFailing", 8 * MINUTE, 15 * MINUTE, count=ROUTES),
            Fires("RocketMQDRDataStale", 10 * MINUTE, 15 * MINUTE, count=ROUTES),
            Fires("RocketMQDRPollsSkipped", 15 * MINUTE, 25 * MINUTE),
        ],
        looks_like=["RocketMQDRExporterDown"],
        inhibited=["RocketMQDRPollFailing", "RocketMQDRPollsSkipped"],
    ),
    Incident(
        "polls take longer than the interval",
        lasts=HOUR,
        timeline={5 * MINUTE: silence(75, action="Checkpoints")},
        settings={"poll.timeout": "2m", "api.timeout": "90s"},
        fires=[
            Fires(
                "RocketMQDRPollsSkipped",
                after=15 * MINUTE,
                by=25 * MINUTE,
                labels={"severity": "warning"},
            )
        ],
        looks_like=["RocketMQDRPollFailing", "RocketMQDRDataStale"],
    ),
    Incident(
        "there are more checkpoints than may be shown",
        lasts=30 * MINUTE,
        settings={"metrics.max_checkpoints": 4},
        fires=[
            Fires(
                "RocketMQDRCheckpointsDropped",
                after=15 * MINUTE,
                by=18 * MINUTE,
                labels={"severity": "warning"},
            )
        ],
        looks_like=["RocketMQDRCheckpointsVanished"],
    ),
    Incident(
        "polls fail every other time",
        lasts=45 * MINUTE,
        timeline={
            at * MINUTE: break_down() if at % 3 == 1 else work_again()
            for at in range(10, 40)
            if at % 3 != 0
        },
        looks_like=["RocketMQDRPollFailing", "RocketMQDRDataStale"],
    ),
)
