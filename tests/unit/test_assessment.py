"""How checkpoints, routes and plans stand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_cases import OTHER, ROUTE, SIBLING, SOURCE_MS, item, one_way, row
from exposition_cases import snapshot_of, status_of
from hypothesis import given
from hypothesis import strategies as st
from report_cases import NOW, assessed, failed, found, report_of

from exporter.model.assessment import Assessment, Limits, worst
from exporter.model.errors import Reason
from exporter.model.types import RouteStatus, State

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


def test_a_checkpoint_has_its_numbers_in_seconds() -> None:
    """Lag and age, beside its state; unknown is None."""
    known, unknown = assessed(
        found(row(lag_ms=-1_500), row(2, lag_ms=None, last_sync_ms=0))
    ).worst

    assert (known.lag.value, known.age.value) == (-1.5, 12.5)
    assert known.state is State.TARGET_AHEAD
    assert (unknown.lag.value, unknown.age.value) == (None, None)


def test_each_plan_is_measured_by_its_own_objectives() -> None:
    """A lag within one plan's objective breaks another's; no age is no objective."""
    late = row(lag_ms=100_000, last_sync_ms=1)
    it = assessed(found(late), found(late, route=OTHER))

    assert items(it) == ["20", "10"]
    assert over(it) == [(1, 0), (0, 1)]


def test_exactly_the_objective_is_not_over_it() -> None:
    """Not even beside what is."""
    rows = row(1, lag_ms=300_000), row(2, lag_ms=300_001), row(3, last_sync_ms=1)
    exact = row(4, last_sync_ms=NOW_MS - 600_000)

    assert over(assessed(found(*rows, exact))) == [(1, 1)]


@pytest.mark.parametrize("limits", [{}, {"1": Limits(lag=None)}, {"1": Limits(0.0)}])
def test_without_an_objective_nothing_is_over_it(limits: dict[str, Limits]) -> None:
    """Nor is a plan whose objectives are unknown judged by others."""
    it = assessed(found(row(lag_ms=9_000_000, last_sync_ms=1)), limits=limits)

    assert over(it) == [(0, 0)]
    assert not it.worst[0].is_bad


def test_hidden_rows_and_withdrawn_snapshots_count_nowhere() -> None:
    """Another route shows the first; nobody knows the second any more."""
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
        found(route=replace(ROUTE, plan_id="3", item_id="30")),
    )

    assert items(it) == ["12", "10", "20", "11", "30"]
    assert [plan.plan_id for plan in it.plans] == ["1", "2", "3"]
    assert [len(plan.routes) for plan in it.plans] == [3, 1, 1]


def test_a_plan_with_a_route_that_failed_comes_first() -> None:
    """Whatever its other routes do."""
    second = replace(OTHER, item_id="21")
    it = assessed(
        RouteStatus(ROUTE), RouteStatus(second), failed(OTHER, Reason.TIMEOUT)
    )

    assert [plan.plan_id for plan in it.plans] == ["2", "1"]


def test_a_plan_without_a_route_is_known_too() -> None:
    """And one that nobody looked up has no status."""
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
