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


STALE = frozenset({"stale"})
MOMENTS = [
    ("a consumer group of a one-way plan is no longer synced", 9, told("")),
    ("a consumer group of a one-way plan is no longer synced", 35, told("lag age")),
    ("a consumer group of a one-way plan is no longer synced", 50, told("")),
    ("a backlog is worked off", 2, told("lag")),
    ("progress is synced late, and no later than promised", 30, told("")),
    ("a group was never synced", 10, told("never_synced")),
    ("the target loses the progress of a group", 10, told("target_missing")),
    (
        "an item is stopped because the bill was not paid",
        19,
        told("lag item_stopped", other=frozenset({"target_missing"})),
    ),
    ("a plan is stopped", 30, told("plan_not_running")),
    ("a plan is deleted", 30, {OTHER_PLAN: READY}),
    (
        "a plan that is configured does not exist",
        30,
        told("", other=frozenset({"missing"})),
    ),
    (
        "one plan of two is forbidden, and allowed again",
        20,
        told("stale", other=frozenset({"never_synced"})),
    ),
    ("the API is out of order for two minutes", 11, told("")),
    ("the API is out of reach", 12, told("age", other=frozenset({"age"}))),
    ("the API is out of reach", 30, told("stale", other=STALE)),
    ("the exporter is gone, and comes back", 20, {}),
    ("the exporter is restarted while the API is out of order", 30, {}),
    ("a two-way plan is at rest", 30, told("")),
    ("one of two replicas is gone", 20, told("")),
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


def test_a_target_that_is_ahead_is_not_behind() -> None:
    """The exporter's lag is below 0 then; the rules' is 0, for route and plan."""
    name = "a planned failover: the target's consumers go ahead of the source's"
    at = 40 * MINUTE
    moment = Expected(
        "max by (plan_id) (rocketmq_dr_max_sync_lag_seconds) < bool 0",
        at,
        {f"{{{plan(PLAN)}}}": 1.0, f"{{{plan(OTHER_PLAN)}}}": 0.0},
    )
    rules = [
        Expected(f"min({level}:rocketmq_dr_sync_lag_seconds:max)", at, {"{}": 0.0})
        for level in ("route", "plan")
    ]

    assert against(named(name), [moment, *rules]) == ""


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
