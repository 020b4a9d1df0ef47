"""How checkpoints, routes and plans stand, what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_cases import HERE, OTHER, ROUTE, SIBLING, SOURCE_MS, item, one_way, row
from exposition_cases import snapshot_of, status_of
from hypothesis import given
from hypothesis import strategies as st
from report_cases import NOW, REFUSED, assessed, failed, found, report_of

from exporter.model.assessment import Assessment, Grade, Limits, worst
from exporter.model.errors import (
    CloudError,
    NotFoundError,
    Origin,
    Reason,
    ThrottledError,
)
from exporter.model.problems import Problem, problems
from exporter.model.types import Item, Missing, Plan, Route, RouteStatus, State

NOW_MS = int(NOW * 1000)


def over(it: Assessment) -> list[tuple[int, int]]:
    """Return how many checkpoints of each route are over lag and over age."""
    tallies = [route.tally for route in it.routes]
    return [(tally.over_lag, tally.over_age) for tally in tallies if tally]


def items(it: Assessment) -> list[str]:
    """Return the items of the routes, in their order."""
    return [route.status.route.item_id for route in it.routes]


def on_item(item_id: str, *lags_ms: int) -> RouteStatus:
    """Return the status of a route of plan 1 with these lags."""
    rows = (row(number, lag_ms=lag) for number, lag in enumerate(lags_ms))
    return found(*rows, route=replace(ROUTE, item_id=item_id))


@pytest.mark.parametrize(
    ("lag_ms", "last_sync_ms", "expected"),
    [
        (300_000, NOW_MS, False),
        (300_001, NOW_MS, True),
        (1, NOW_MS - 600_000, False),
        (1, NOW_MS - 600_001, True),
        (None, 0, True),
        (-1_000, 0, False),
    ],
)
def test_bad_is_what_breaks_an_objective_or_is_a_problem(
    lag_ms: int | None, last_sync_ms: int, *, expected: bool
) -> None:
    """Exactly the objective is no breach; a target that is ahead is no problem."""
    it = assessed(found(row(lag_ms=lag_ms, last_sync_ms=last_sync_ms)))

    assert it.worst[0].is_bad is expected
    assert (over(it) != [(0, 0)]) is (expected and lag_ms is not None)


def test_each_plan_is_measured_by_its_own_objectives() -> None:
    """A lag within one plan's objective breaks another's; no age is no objective."""
    late = row(lag_ms=100_000, last_sync_ms=1)
    it = assessed(found(late), found(late, route=OTHER))

    assert items(it) == ["20", "10"]
    assert over(it) == [(1, 0), (0, 1)]


@pytest.mark.parametrize("limits", [{}, {"1": Limits(lag=None)}, {"1": Limits(0.0)}])
def test_without_an_objective_nothing_is_over_it(limits: dict[str, Limits]) -> None:
    """A plan whose objectives are unknown is not judged by another's."""
    it = assessed(found(row(lag_ms=9_000_000, last_sync_ms=1)), limits=limits)

    assert over(it) == [(0, 0)]
    assert not it.worst[0].is_bad


def test_hidden_rows_and_withdrawn_snapshots_count_nowhere() -> None:
    """Another route shows the first; the second is too old."""
    late = row(lag_ms=999_000)
    hidden = replace(found(late, late), hidden=frozenset({0}))
    gone = replace(found(late, route=OTHER), snapshot=None, rollup=None)

    it = assessed(hidden, gone)

    assert over(it) == [(1, 0)]
    assert len(it.worst) == 1


def test_a_route_is_judged_by_its_worst_lag_and_its_oldest_sync() -> None:
    """They may be of different checkpoints; its states are counted."""
    rows = row(1, lag_ms=65_000), row(2, lag_ms=None, last_sync_ms=NOW_MS - 60_000)

    (route,) = assessed(found(*rows), items=[item("1", "10")]).routes

    assert (route.lag.value, route.age.value) == (65.0, 60.0)
    assert (route.item_status, route.lag.objective) == ("RUNNING", 300.0)
    assert route.tally is not None
    assert route.tally.states[State.TARGET_MISSING] == 1
    assert route.tally.states[State.OK] == 1


def test_what_somebody_should_look_at_comes_first() -> None:
    """What failed, what was never polled, then by the share of the objective."""
    it = assessed(
        found(row(lag_ms=100_000), route=OTHER),
        on_item("11", 250_000),
        RouteStatus(SIBLING),
        failed(replace(ROUTE, item_id="12"), Reason.TIMEOUT),
        found(route=replace(ROUTE, plan_id="0", item_id="30")),
    )

    assert items(it) == ["12", "10", "20", "11", "30"]
    assert [plan.plan_id for plan in it.plans] == ["1", "2", "0"]
    assert [len(plan.routes) for plan in it.plans] == [3, 1, 1]


def test_a_plan_without_a_route_is_known_too() -> None:
    """A plan that was not looked up has no status."""
    known, polled = sorted(
        assessed(found(row()), plans=[one_way("7", "CREATED")]).plans,
        key=lambda plan: plan.plan_id,
        reverse=True,
    )

    assert known.plan is not None
    assert (known.plan.status, list(known.routes)) == ("CREATED", [])
    assert (polled.plan_id, polled.plan) == ("1", None)


def test_the_rest_is_counted() -> None:
    """What is over the cap is counted apart: it cannot be listed."""
    status = status_of(snapshot_of(ROUTE, *map(row, range(60)), dropped=2))
    assert status.rollup is not None
    states = {**status.rollup.states, State.OK: 62}
    status = replace(status, rollup=replace(status.rollup, states=states))

    it = assessed(status)

    assert it.tally is not None
    assert (it.tally.states.total(), it.tally.dropped) == (62, 2)
    assert (len(it.worst), it.more) == (50, 10)


@given(
    st.lists(
        st.lists(st.none() | st.integers(-5, 5), max_size=20), min_size=1, max_size=5
    ),
    st.integers(0, 30),
)
def test_the_worst_are_those_that_sorting_finds(
    routes: list[list[int | None]], count: int
) -> None:
    """The largest lags, the unknown last, equals in the order of routes and rows."""
    statuses = [
        found(*(row(n, f"{r}.{n}", lag_ms=lag) for n, lag in enumerate(lags)))
        for r, lags in enumerate(routes)
    ]
    everything = [
        (f"{r}.{n}", lag) for r, lags in enumerate(routes) for n, lag in enumerate(lags)
    ]
    everything.sort(
        key=lambda each: -SOURCE_MS if each[1] is None else each[1], reverse=True
    )

    listed = worst(report_of(*statuses), count)

    assert [each.checkpoint.group for each in listed] == [
        group for group, _ in everything[:count]
    ]


def said(it: Assessment) -> list[str]:
    """Return what is wrong."""
    return [problem.what for problem in problems(it)]


def only(it: Assessment) -> Problem:
    """Return the one thing that is wrong."""
    (problem,) = problems(it)
    return problem


def stopped(plan_id: str = "1", item_id: str = "10") -> Item:
    """Return an item that was stopped for too long."""
    return replace(item(plan_id, item_id), status="OVERDUE_STOPPED")


def test_all_well_is_nothing_wrong() -> None:
    """A changing item is no trouble, nor is a target that is ahead."""
    changing = replace(item("1", "10"), status="CHANGING")

    assert said(assessed(found(row(lag_ms=-1)), items=[changing])) == []


def test_the_cause_stands_before_its_symptoms() -> None:
    """What cannot be read, what does not run, and then what checkpoints suffer."""
    rows = (
        row(1, lag_ms=301_000),
        row(2, lag_ms=301_000, last_sync_ms=1),
        row(3, lag_ms=None),
        row(4, lag_ms=None, last_sync_ms=0),
        replace(row(5), source_ms=0),
    )
    it = assessed(
        status_of(snapshot_of(ROUTE, *rows, dropped=7)),
        failed(OTHER, Reason.TIMEOUT),
        RouteStatus(SIBLING),
        plans=[one_way("1", "CREATED")],
        items=[stopped()],
        missing=[Missing("item", "9")],
        failures={"plan 2": ThrottledError("429")},
        is_tried=False,
    )

    wrong = list(problems(it))

    assert [problem.what for problem in wrong] == [
        "1 lookup failed: throttled",
        "Configured, but not found in the cloud",
        "1 route could not be polled: timeout",
        "1 plan not RUNNING",
        "1 item stopped",
        "1 checkpoint over the objective for age",
        "2 checkpoints over the objective for lag",
        "1 checkpoint never synced",
        "1 checkpoint without a consume time on the source",
        "1 checkpoint without a consume time on the target",
        "7 checkpoints over metrics.max_checkpoints: counted, but not listed",
        "Not every route has been polled yet",
    ]
    grades = [Grade.BAD] * 7 + [Grade.WARNING] * 4 + [Grade.UNKNOWN]
    assert [problem.grade for problem in wrong] == grades
    assert all(problem.remedy for problem in wrong)
    assert list(wrong[3].subjects) == ["plan 1: CREATED"]
    assert list(wrong[4].subjects) == ["plan 1 item 10: OVERDUE_STOPPED"]


@pytest.mark.parametrize("reason", Reason)
def test_a_route_that_failed_is_named_with_what_to_do(reason: Reason) -> None:
    """For every reason there is."""
    remedies = {e.reason: e.remedy for e in CloudError.__subclasses__()}
    remedies[Reason.PERMISSION] = "grant the RAM action rocketmq:ListA"

    it = assessed(failed(ROUTE, reason, origin=Origin("ListA")))

    assert only(it) == Problem(
        f"1 route could not be polled: {reason.value}",
        remedies[reason],
        [f"plan 1 item 10 {HERE}"],
        "ListA",
    )


def test_what_fails_alike_is_one_problem() -> None:
    """However much it is; another RAM action is another thing to do."""
    refused = [Origin("ListA", request_id=str(n)) for n in range(1_234)]
    routes = [
        failed(Route("1", str(n), HERE, "r"), Reason.PERMISSION, origin=origin)
        for n, origin in enumerate(refused)
    ]
    other = failed(OTHER, Reason.PERMISSION, origin=Origin("ListB"))

    many, one = problems(assessed(*routes, other))

    assert many.what == "1,234 routes could not be polled: permission"
    assert many.remedy == "grant the RAM action rocketmq:ListA"
    assert (len(many.subjects), many.evidence) == (1_234, "ListA: request 0")
    assert one.remedy == "grant the RAM action rocketmq:ListB"


def test_a_failed_lookup_says_what_to_do() -> None:
    """That there is no route is not told: it could not be looked up."""
    failures = {"region cn-x": REFUSED, "plan 1": REFUSED}

    problem = only(assessed(plans=(), failures=failures))

    assert problem == Problem(
        "2 lookups failed: permission",
        "grant the RAM action rocketmq:ListDisasterRecoveryPlans",
        ["plan 1", "region cn-x"],
        "ListDisasterRecoveryPlans: HTTP 403, NoPermission, request 8C3A-1",
    )


def test_what_is_configured_and_missing_is_named() -> None:
    """Sorted; that there is no route needs no other reason."""
    missing = [Missing("plan", "2"), Missing("item", "3"), Missing("plan", "1")]

    assert only(assessed(plans=(), missing=missing)) == Problem(
        "Configured, but not found in the cloud",
        NotFoundError.remedy,
        ["item 3", "plan 1", "plan 2"],
    )


@pytest.mark.parametrize(
    ("plans", "what"),
    [
        ((), "0 plans in cn-hangzhou, 0 of them RUNNING"),
        (
            (one_way("1"), one_way("2", "CREATED")),
            "2 plans in cn-hangzhou, 1 of them RUNNING",
        ),
    ],
)
def test_no_route_says_what_there_is_and_where_to_look(
    plans: tuple[Plan, ...], what: str
) -> None:
    """Which settings, and which command tells more."""
    problem = only(assessed(plans=plans))

    assert problem.what == f"No route was found: {what}"
    assert "check --live" in problem.remedy
    assert problem.grade is Grade.WARNING


def test_nothing_is_wrong_before_discovery_has_ended() -> None:
    """It says that it takes seconds."""
    problem = only(assessed(plans=(), is_tried=False))

    assert problem.what == "Discovery has not ended yet"
    assert problem.grade is Grade.UNKNOWN


def test_a_standby_says_who_polls_and_nothing_else() -> None:
    """What it knew is not its business any more."""
    it = assessed(plans=(), failures={"plan 1": REFUSED}, is_standby=True)

    assert only(it).what.startswith("Standing by: another replica holds the Lease")


def test_routes_without_a_checkpoint_say_why_that_may_be() -> None:
    """A table without a row is explained, but not before a poll was complete."""
    assert said(assessed(found(), found(route=SIBLING))) == ["No checkpoint was found"]
    assert said(assessed(RouteStatus(ROUTE))) == []


def test_only_what_is_polled_can_be_stopped() -> None:
    """And only what is known to be: discovery leaves the last plan alone."""
    it = assessed(
        found(row()),
        found(route=OTHER),
        plans=[one_way("1"), one_way("2", status=""), one_way("7", "CREATED")],
        items=[stopped("7", "70")],
    )

    assert said(it) == []
