"""Whether a plan can fail over now, and if not why, as the recording rules tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from incidents.incident import MINUTE, OTHER_PLAN, PLAN, Incident
from incidents.library import LIBRARY, RULES
from incidents.promtool import Expected, refuted
from incidents.stage import samples_of

READINESS = "plan:rocketmq_dr_failover_ready:min"
JOB = 'job="rocketmq-dr"'
READY: frozenset[str] = frozenset()
Told = Mapping[str, frozenset[str]]
"""What blocks each plan of which something is known."""


def told(blocked: str, other: frozenset[str] | None = READY) -> Told:
    """Return what is told of the first plan, and of the other unless that is None."""
    plans = {PLAN: frozenset(blocked.split())}
    return plans if other is None else plans | {OTHER_PLAN: other}


THIRD = "1300000018"
REFUSED = {**told("data_unknown"), THIRD: READY}
UNKNOWN = frozenset({"data_unknown"})
STUCK = "a consumer group of a one-way plan is no longer synced"
MOMENTS = [
    (STUCK, 9, told("")),
    (STUCK, 19, told("late")),
    (STUCK, 35, told("stalled late")),
    (STUCK, 50, told("")),
    ("progress is synced late, and no later than promised", 30, told("")),
    ("a group was never synced", 10, told("not_on_target")),
    ("one group of two hundred was never synced: a ticket", 40, told("", other=None)),
    ("the target loses the progress of a group", 10, told("not_on_target")),
    (
        "an item is stopped because the bill was not paid",
        30,
        told("item_stopped stalled late", other=frozenset({"not_on_target"})),
    ),
    ("a plan that never ran does not run", 30, told("plan_down")),
    ("a plan is deleted, and the exporter restarted", 30, told("plan_down")),
    ("a plan that is configured never existed", 30, told("plan_down")),
    (
        "one plan of two is forbidden, and allowed again",
        20,
        told("data_unknown", other=frozenset({"not_on_target"})),
    ),
    *(
        (f"a {kind} plan may not be looked up after a restart", 24, REFUSED)
        for kind in ("listed", "configured")
    ),
    ("an item that is configured is deleted", 30, told("data_unknown", other=None)),
    ("the API is out of order for two minutes", 11, told("")),
    ("the API is out of reach", 30, told("data_unknown", other=UNKNOWN)),
    ("the exporter is gone, and comes back", 20, {}),
    ("a two-way plan is at rest", 30, told("not_on_target")),
    ("one of two replicas is gone", 20, told("")),
    (
        "one of two shards is gone, and comes back",
        20,
        {**told("data_unknown", UNKNOWN), THIRD: READY, "1300000019": UNKNOWN},
    ),
    ("one of two replicas no longer reaches the API", 30, told("")),
    ("no lag is promised, and there is one", 40, told("")),
]


@pytest.mark.parametrize(("name", "minute", "plans"), MOMENTS)
def test_a_plan_is_ready_unless_something_is_known_to_block_it(
    name: str, minute: int, plans: Told
) -> None:
    """1, 0 with its reasons, or nothing where nothing is known."""
    incident = named(name)
    at = minute * MINUTE
    ready = Expected(
        READINESS,
        at,
        {
            f"{READINESS}{{{JOB}, {plan(one)}}}": float(not blockers)
            for one, blockers in plans.items()
        },
    )
    blocked = Expected(
        "count by (plan_id, blocker) (plan:rocketmq_dr_failover_blocked:max)",
        at,
        {
            f'{{blocker="{blocker}", {plan(one)}}}': 1.0
            for one, blockers in plans.items()
            for blocker in blockers
        },
    )

    assert against(incident, [ready, blocked]) == ""


def test_a_route_that_one_replica_polls_does_not_fail() -> None:
    """The key or the permission that the other one lacks pages nobody."""
    incident = named("one of two replicas no longer reaches the API")
    at = 30 * MINUTE
    one_fails = Expected("count(rocketmq_dr_up == 0) > bool 0", at, {"{}": 1.0})
    none_failing = Expected("route:rocketmq_dr_poll_failing:max", at, {})

    assert against(incident, [one_fails, none_failing]) == ""


def against(incident: Incident, expected: Sequence[Expected]) -> str:
    """Return what promtool has against what is expected of an incident."""
    return refuted(
        RULES,
        samples_of(incident, RULES.names.__contains__).series(),
        expected,
        scrape_every=incident.scrape_every * MINUTE,
        evaluate_every=incident.evaluate_every * MINUTE,
    )


def plan(plan_id: str) -> str:
    """Return the matcher of a plan."""
    return f'plan_id="{plan_id}"'


def named(name: str) -> Incident:
    """Return an incident of the library."""
    return next(incident for incident in LIBRARY if incident.name == name)
