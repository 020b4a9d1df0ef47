"""Incidents of the monitor itself: the exporter cannot tell how the sync is."""

from __future__ import annotations

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
from incidents.incident import GROUP, OTHER_PLAN, PLAN, Action, Fires, Incident, fires
from incidents.library.sync import stalled

ROUTES = 2


def blind(
    name: str,
    cause: Action,
    reason: str,
    *more: Fires,
    inhibited: str = "PollFailing",
    looks_like: str = "PermissionDenied",
) -> Incident:
    """Return an incident in which no route can be polled, and nothing else is wrong."""
    return Incident(
        name,
        lasts=45,
        timeline={10: cause},
        settings={"objectives.age": "90s"},
        fires=[
            fires(
                "PollFailing", 13, 16, count=ROUTES, reason=reason, severity="warning"
            ),
            fires("DataStale", 15, 18, count=ROUTES, severity="critical"),
            *more,
        ],
        looks_like=f"SyncStalled SyncLagHigh CheckpointsVanished {looks_like}",
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
        fires("APIThrottled", 20, 23),
    ),
    blind(
        "the access key is revoked",
        revoke_key(),
        "credentials",
        fires("CredentialsRejected", 13, 16, severity="critical"),
        inhibited="DataStale PollFailing",
    ),
    blind(
        "a permission is withdrawn",
        forbid(action="Checkpoints"),
        "permission",
        fires("PermissionDenied", 13, 16, count=ROUTES),
        inhibited="DataStale PollFailing",
        looks_like="",
    ),
    blind(
        "the clock is twenty minutes off",
        cloud_clock(1200),
        "clock",
        fires("ClockSkew", 15, 18),
    ),
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
        fires=[fires("NeverSynced", 25, 28)]
        + [
            fires(alert, 13, 18, until=33, plan_id=PLAN)
            for alert in ("PollFailing", "DataStale", "PermissionDenied")
        ],
        looks_like="CredentialsRejected ExporterDown",
        inhibited="DataStale PollFailing",
    ),
    Incident(
        "plans may not be listed any more, though what is known is polled",
        lasts=45,
        timeline={5: forbid(action="Plans")},
        fires=[fires("PermissionDenied", 15, 30, severity="critical")],
        looks_like="PollFailing DataStale",
    ),
    Incident(
        "a plan could never be looked up, and is not polled",
        lasts=45,
        timeline={0: break_down(plan=PLAN, action="Items"), 30: work_again()},
        fires=[
            fires(
                "PollFailing", 1, 6, until=33, reason="unavailable", job="rocketmq-dr"
            )
        ],
        looks_like="DataStale ConfiguredMissing",
    ),
    Incident(
        "the exporter is restarted while the API is out of order",
        lasts=45,
        timeline={10: all_of(break_down(), restart())},
        fires=[
            fires("PollFailing", 11, 20),
            fires("DataStale", 11, 20, severity="critical", job="rocketmq-dr"),
        ],
        looks_like="CheckpointsVanished ExporterDown",
        inhibited="PollFailing",
    ),
    Incident(
        "a group stalls, and then the API is out of reach as well",
        lasts=45,
        timeline={5: stall(plan=PLAN, group=GROUP), 28: refuse()},
        groups=10,
        fires=[
            *stalled(5, until=35),
            fires("PollFailing", 31, 34, count=ROUTES),
            fires("DataStale", 33, 36, count=ROUTES),
        ],
        looks_like="CheckpointsVanished",
        inhibited="SyncStalled SyncLagHigh SyncLagCritical",
    ),
    Incident(
        "the exporter is gone in the middle of a burn",
        lasts=75,
        timeline={10: stall(plan=PLAN), 60: stop()},
        fires=[
            *stalled(10, until=68),
            fires("ObjectiveBurn", 25, 28, until=68, long="1h"),
            fires("ObjectiveBurn", 38, 44, long="6h"),
            fires("ExporterDown", 65, 68, severity="critical", job="rocketmq-dr"),
        ],
        looks_like="DataStale CheckpointsVanished",
        inhibited="ObjectiveBurn",
        judged_at=67,
    ),
    Incident(
        "the exporter is gone, and comes back",
        lasts=45,
        timeline={10: stop(), 30: start()},
        fires=[fires("ExporterDown", 15, 18, until=32)],
        looks_like="DataStale CheckpointsVanished",
    ),
    Incident(
        "of two teams that name their job alike, one loses its exporter",
        lasts=45,
        timeline={0: never_sync(plan=PLAN, group=GROUP), 20: stop("a")},
        replicas=("a", "b"),
        namespaces={"a": "orders", "b": "search"},
        fires=[
            fires("NeverSynced", 15, 18, until=22, namespace="orders"),
            fires("NeverSynced", 15, 18, namespace="search"),
            fires("ExporterDown", 25, 28, namespace="orders"),
        ],
        looks_like="CheckpointsVanished DataStale",
        judged_at=30,
    ),
    Incident(
        "a reload is refused",
        lasts=30,
        timeline={10: fail_reload()},
        fires=[fires("ConfigReloadFailed", 15, 18, severity="warning")],
        looks_like="ExporterDown",
    ),
    Incident(
        "the API falls silent, and each poll waits for longer than the interval",
        lasts=60,
        timeline={5: silence()},
        settings={"poll.timeout": "3m"},
        fires=[
            fires("PollFailing", 8, 15, count=ROUTES),
            fires("DataStale", 10, 15, count=ROUTES),
            fires("PollsSkipped", 15, 25),
        ],
        looks_like="ExporterDown",
        inhibited="PollFailing PollsSkipped",
    ),
    Incident(
        "polls take longer than the interval",
        lasts=60,
        timeline={5: silence(75, action="Checkpoints")},
        settings={"poll.timeout": "2m", "api.timeout": "90s"},
        fires=[fires("PollsSkipped", 15, 25, severity="warning")],
        looks_like="PollFailing DataStale",
    ),
    Incident(
        "there are more checkpoints than may be shown",
        lasts=30,
        settings={"metrics.max_checkpoints": 4},
        fires=[fires("CheckpointsDropped", 15, 18, severity="warning")],
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
        looks_like="PollFailing DataStale",
    ),
)
