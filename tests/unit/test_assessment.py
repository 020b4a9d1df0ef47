"""How checkpoints, routes and plans stand, what is wrong, and what to do."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Any

import pytest
from core_cases import HERE, OTHER, ROUTE, SIBLING, item, one_way, two_way
from exposition_cases import snapshot_of, status_of
from hypothesis import given
from hypothesis import strategies as st
from report_cases import LIMITS, NOW, REFUSED, assessed, failed, found, report_of, row

from exporter.model.assessment import (
    Assessment,
    Blocker,
    Grade,
    Measure,
    PlanStanding,
    worst,
)
from exporter.model.errors import (
    CloudError,
    NotFoundError,
    Origin,
    Reason,
    RequestTimeoutError,
    ThrottledError,
)
from exporter.model.problems import Problem, problems, verdict
from exporter.model.types import (
    Checkpoint,
    History,
    Item,
    Limits,
    Missing,
    PastPoll,
    Plan,
    Route,
    RouteStatus,
)

NOW_MS = int(NOW * 1000)


def over(it: Assessment) -> list[tuple[int | None, int | None]]:
    """Return how many checkpoints of each route are late and stalled."""
    rollups = [route.rollup for route in it.routes]
    return [(rollup.late, rollup.stalled) for rollup in rollups if rollup]


def items(it: Assessment) -> list[str]:
    """Return the items of the routes, in their order."""
    return [route.status.route.item_id for route in it.routes]


def polled_for(seconds: float) -> History:
    """Return the history of a route that was polled first so many seconds ago."""
    times = round(seconds * 1000), 0
    return History(polls=tuple(PastPoll(at_ms, array("q")) for at_ms in times))


def on_item(item_id: str, *lags_ms: int) -> RouteStatus:
    """Return the status of a route of plan 1 with these lags."""
    rows = (row(number, lag_ms=lag) for number, lag in enumerate(lags_ms))
    return found(*rows, route=replace(ROUTE, item_id=item_id))


@pytest.mark.parametrize(
    ("delay_ms", "last_sync_ms", "late_and_stalled"),
    [
        (300_000, NOW_MS, (0, 0)),
        (300_001, NOW_MS, (1, 0)),
        (1, NOW_MS - 600_000, (0, 0)),
        (1, NOW_MS - 600_001, (0, 1)),
        (0, 0, (0, 0)),
    ],
)
def test_bad_is_what_is_late_or_stalled(
    delay_ms: int, last_sync_ms: int, late_and_stalled: tuple[int, int]
) -> None:
    """Exactly the objective is no breach, and no lag is one, however large."""
    bad = row(lag_ms=9_000_000, delay_ms=delay_ms, last_sync_ms=last_sync_ms)

    it = assessed(found(bad))

    assert over(it) == [late_and_stalled]
    assert it.worst[0].is_bad is (late_and_stalled != (0, 0))
    assert it.worst[0].lag == it.routes[0].lag == Measure(9_000.0, None)


@pytest.mark.parametrize(("lag_ms", "is_bad"), [(None, True), (-1_000, False)])
def test_bad_is_what_cannot_be_failed_over(lag_ms: int | None, *, is_bad: bool) -> None:
    """A target that is ahead can; an unknown delay is not known to be late."""
    it = assessed(found(row(lag_ms=lag_ms)))

    assert it.worst[0].is_bad is is_bad
    assert it.worst[0].delay.value == (None if is_bad else 0.0)
    assert over(it) == [(0, 0)]


def test_each_plan_is_measured_by_its_own_objectives() -> None:
    """A delay within one plan's objective breaks another's, which does not sync."""
    late = row(lag_ms=100_000, last_sync_ms=1)
    it = assessed(found(late), found(late, route=OTHER))

    assert items(it) == ["20", "10"]
    assert over(it) == [(1, None), (0, 1)]
    assert [it.age.objective for it in it.routes] == [None, 600.0]


@pytest.mark.parametrize("limits", [{}, {"1": Limits(is_auto_synced=True)}])
def test_without_an_objective_nothing_is_over_it(limits: dict[str, Limits]) -> None:
    """A plan whose objectives are unknown is not judged by another's."""
    it = assessed(found(row(lag_ms=9_000_000, last_sync_ms=1)), limits=limits)

    assert over(it) == [(None, None)]
    assert not it.worst[0].is_bad
    assert verdicts(it) == ["1: ready to fail over"]


def test_hidden_rows_and_withdrawn_snapshots_count_nowhere() -> None:
    """Another route shows the first; the second is too old."""
    late = row(lag_ms=999_000)
    hidden = replace(found(late, late), hidden=frozenset({0}))
    gone = replace(found(late, route=OTHER), snapshot=None, rollup=None)

    it = assessed(hidden, gone)

    assert over(it) == [(1, 0)]
    assert len(it.worst) == 1


def test_a_route_is_judged_by_its_longest_delay_and_its_oldest_sync() -> None:
    """They may be of different checkpoints, and the largest lag of a third."""
    rows = (
        row(1, lag_ms=2, delay_ms=65_000),
        row(2, lag_ms=None, last_sync_ms=NOW_MS - 60_000),
        row(3, lag_ms=99_000, delay_ms=1),
    )

    (route,) = assessed(found(*rows), items=[item("1", "10")]).routes

    assert (route.delay, route.age) == (Measure(65.0, 300.0), Measure(60.0, 600.0))
    assert (route.lag, route.item_status) == (Measure(99.0), "RUNNING")


def test_what_somebody_should_look_at_comes_first() -> None:
    """What failed, what was never polled, then by delay; a plan that is ready last."""
    it = assessed(
        found(row(lag_ms=100_000), route=OTHER),
        on_item("11", 250_000),
        RouteStatus(SIBLING),
        failed(replace(ROUTE, item_id="12"), Reason.TIMEOUT),
        found(row(lag_ms=0), route=replace(ROUTE, plan_id="0", item_id="30")),
        found(route=replace(ROUTE, plan_id="3", item_id="40")),
        limits={**LIMITS, "2": Limits(60.0, share=0.0)},
    )

    assert items(it) == ["12", "10", "20", "11", "30", "40"]
    assert [plan.plan_id for plan in it.plans] == ["1", "3", "2", "0"]
    assert [len(plan.routes) for plan in it.plans] == [3, 1, 1, 1]


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
    it = assessed(status_of(snapshot_of(ROUTE, *map(row, range(60)), dropped=2)))

    assert it.plans[0].checkpoints == 62
    assert (it.dropped, len(it.worst), it.more) == (2, 50, 10)


lags = st.none() | st.integers(-5, 5)


@given(
    st.lists(
        st.lists(st.tuples(lags, st.integers(0, 3)), max_size=20),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 30),
)
def test_the_worst_are_those_that_sorting_finds(
    routes: list[list[tuple[int | None, int]]], count: int
) -> None:
    """The longest delays, then the largest lags, the unknown last; equals as listed."""
    statuses = [
        found(*(made(f"{r}.{n}", *each) for n, each in enumerate(rows)))
        for r, rows in enumerate(routes)
    ]
    everything = [
        ((-delay, -lag) if lag is not None else (1, 0), f"{r}.{n}")
        for r, rows in enumerate(routes)
        for n, (lag, delay) in enumerate(rows)
    ]
    everything.sort(key=lambda each: each[0])

    listed = worst(report_of(*statuses), count)

    assert [each.checkpoint.group for each in listed] == [
        group for _, group in everything[:count]
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_the_unknown_are_equals_whichever_side_is_unknown(order: int) -> None:
    """They come last, in the order of the rows."""
    unknown = [TARGET_MISSING, SOURCE_MISSING][::order]

    listed = assessed(found(*unknown, row(9))).worst

    assert [each.checkpoint for each in listed] == [row(9), *unknown]


def made(group: str, lag_ms: int | None, delay_ms: int) -> Checkpoint:
    """Return a checkpoint with a delay if its lag is known."""
    return row(
        group=group, lag_ms=lag_ms, delay_ms=None if lag_ms is None else delay_ms
    )


def verdicts(it: Assessment) -> list[str]:
    """Return a line for each plan."""
    return [f"{plan.name}: {verdict(plan)}" for plan in it.plans]


def standing(*rows: Checkpoint, share: float = 0.99, **more: Any) -> PlanStanding:
    """Return how plan 1 stands, of which these checkpoints were found."""
    limits = {"1": replace(LIMITS["1"], share=share)}
    (plan,) = assessed(found(*rows), limits=limits, **more).plans
    return plan


def good(count: int) -> list[Checkpoint]:
    """Return so many checkpoints that are ready."""
    return [row(number) for number in range(100, 100 + count)]


LATE = row(1, lag_ms=1, delay_ms=1_680_000)
STALLED = row(2, lag_ms=0, last_sync_ms=NOW_MS - 7_200_000)
NEVER_SYNCED = row(3, lag_ms=None, last_sync_ms=0)
TARGET_MISSING = row(4, lag_ms=None)
SOURCE_MISSING = replace(row(5, lag_ms=None), source_ms=0)


@pytest.mark.parametrize(
    ("blocker", "bad", "words"),
    [
        (Blocker.LATE, LATE, "late (28m, objective 5m)"),
        (Blocker.STALLED, STALLED, "stalled (2h, objective 10m)"),
        (Blocker.NOT_ON_TARGET, NEVER_SYNCED, "never synced"),
        # It was synced once.
        (
            Blocker.NOT_ON_TARGET,
            TARGET_MISSING,
            "without a consume time on the target",
        ),
        (Blocker.DATA_UNKNOWN, SOURCE_MISSING, "without a consume time on the source"),
    ],
)
def test_too_few_ready_checkpoints_block_a_plan(
    blocker: Blocker, bad: Checkpoint, words: str
) -> None:
    """By what they suffer from, with how far that is beside its objective."""
    few, enough = standing(bad, *good(98)), standing(bad, *good(99))

    assert few.blockers == [blocker]
    assert verdict(few) == f"not ready – 1 of 99 checkpoints {words}"
    assert enough.blockers == []
    assert verdict(enough) == "ready to fail over"


@pytest.mark.parametrize(
    ("share", "bad", "is_ready"),
    [
        *((1.0, 0, True), (1.0, 1, False)),
        *((0.99, 2, True), (0.99, 3, False)),
        *((0.0, 200, True), (0.005, 199, True)),
    ],
)
def test_as_many_have_to_be_ready_as_the_share_says(
    share: float, bad: int, *, is_ready: bool
) -> None:
    """Of two hundred; exactly the share is enough, and 0 asks for none."""
    plan = standing(*[LATE] * bad, *good(200 - bad), share=share)

    assert (not plan.blockers) is is_ready


def test_a_plan_says_all_that_blocks_it_the_cause_first() -> None:
    """The first count says of how many."""
    rows = LATE, STALLED, NEVER_SYNCED, TARGET_MISSING, SOURCE_MISSING
    it = assessed(
        found(*rows),
        RouteStatus(SIBLING),
        plans=[one_way("1", "CREATED")],
        items=[stopped(), replace(stopped(item_id="11"), status="MANUAL_STOPPED")],
    )

    (plan,) = it.plans
    assert plan.blockers == list(Blocker)
    assert verdict(plan) == (
        "not ready – the plan is CREATED;"
        " 2 items MANUAL_STOPPED and OVERDUE_STOPPED;"
        " no data from 1 of 2 routes;"
        " 1 of 5 checkpoints without a consume time on the source;"
        " 1 stalled (2h, objective 10m); 1 late (28m, objective 5m); 1 never synced;"
        " 1 without a consume time on the target"
    )


@pytest.mark.parametrize("status", ["CREATED", "DELETED"])
def test_a_plan_that_does_not_run_is_down(status: str) -> None:
    """That it is not polled then is no other reason; if it is, its data counts."""
    (plan,) = assessed(plans=[one_way("1", status)]).plans

    assert plan.blockers == [Blocker.PLAN_DOWN]
    assert verdict(plan) == f"not ready – the plan is {status}"
    polled = standing(row(), plans=[one_way("1", status)])
    assert polled.blockers == [Blocker.PLAN_DOWN]
    (unknown,) = assessed(RouteStatus(ROUTE), plans=[one_way("1", status)]).plans
    assert unknown.blockers == [Blocker.PLAN_DOWN, Blocker.DATA_UNKNOWN]


def test_a_plan_that_is_configured_and_missing_is_down() -> None:
    """Another kind of missing thing is no plan."""
    it = assessed(plans=(), missing=[Missing("plan", "9"), Missing("item", "8")])

    assert [plan.blockers for plan in it.plans] == [[Blocker.PLAN_DOWN]]
    assert verdicts(it) == ["9: not ready – the plan is not found"]


@pytest.mark.parametrize(
    ("status", "is_stopped"),
    [
        *(("RUNNING", False), ("", False), ("CHANGING", True)),
        *(("MANUAL_STOPPED", True), ("OVERDUE_STOPPED", True)),
    ],
)
def test_an_item_that_does_not_run_blocks_its_plan(
    status: str, *, is_stopped: bool
) -> None:
    """Its own plan alone; a status that is unknown blocks nothing."""
    known = [replace(stopped(), status=status), stopped("7", "70")]

    plan = standing(row(), items=known)

    assert plan.blockers == [Blocker.ITEM_STOPPED] * is_stopped
    assert verdict(plan) == (
        f"not ready – 1 item {status}" if is_stopped else "ready to fail over"
    )


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ((), "no route of it is polled"),
        ((RouteStatus(ROUTE),), "no data from 1 of 1 route"),
        ((found(row()), RouteStatus(SIBLING)), "no data from 1 of 2 routes"),
        ((found(), found(route=SIBLING)), "no checkpoint found"),
    ],
)
def test_a_plan_without_all_its_data_is_not_ready(
    statuses: tuple[RouteStatus, ...], words: str
) -> None:
    """Nobody can tell, whatever share is asked for."""
    limits = {"1": replace(LIMITS["1"], share=0.0)}
    (plan,) = assessed(*statuses, limits=limits).plans

    assert plan.blockers == [Blocker.DATA_UNKNOWN]
    assert verdict(plan) == f"not ready – {words}"


def test_a_plan_that_other_shards_poll_is_left_to_them() -> None:
    """A shard cannot tell whether it is ready; that it is down every shard tells."""
    assert not assessed(is_sharded=True).plans

    gone = [Missing("plan", "9")]
    (missing,) = assessed(is_sharded=True, plans=(), missing=gone).plans
    assert missing.blockers == [Blocker.PLAN_DOWN]


def test_a_configured_plan_that_cannot_be_looked_up_is_not_ready() -> None:
    """Nothing is known of it but its objectives."""
    it = assessed(plans=(), limits={"1": Limits()})

    assert [plan.blockers for plan in it.plans] == [[Blocker.DATA_UNKNOWN]]
    assert verdicts(it) == ["1: not ready – no route of it is polled"]


def test_a_plan_of_which_something_does_not_exist_is_not_ready() -> None:
    """However good the rest of it is; another plan misses nothing."""
    gone = Missing("item", "99", "1"), Missing("instance", "rmq-gone", "1")
    it = assessed(
        *(found(*good(200)), found(row(), route=OTHER)),
        plans=[one_way("1"), two_way("2")],
        missing=gone,
    )

    assert [plan.blockers for plan in it.plans] == [[Blocker.DATA_UNKNOWN], []]
    assert verdicts(it) == [
        "1: not ready – instance rmq-gone not found; item 99 not found",
        "2: ready to fail over",
    ]


def test_what_the_share_allows_is_no_reason() -> None:
    """Though something else blocks the plan."""
    it = assessed(found(LATE, *good(199)), RouteStatus(SIBLING))

    assert verdicts(it) == ["1: not ready – no data from 1 of 2 routes"]


def test_a_failed_poll_blocks_nothing_while_its_route_has_data() -> None:
    """Only from `poll.stale_after` on is it unknown."""
    failing = replace(found(row()), is_up=False, error=RequestTimeoutError("late"))

    assert verdicts(assessed(failing)) == ["1: ready to fail over"]


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
        replace(
            status_of(snapshot_of(ROUTE, *rows, dropped=7)), history=polled_for(301.0)
        ),
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
        "1 lookup failed: 429",
        "Configured, but not found in the cloud",
        "1 route could not be polled: failed",
        "1 plan not RUNNING",
        "1 plan with items that are not RUNNING",
        "1 plan with stalled checkpoints",
        "1 plan with late checkpoints",
        "1 plan with groups that are not on the target",
        "7 checkpoints over metrics.max_checkpoints",
        "Not every route has been polled yet",
    ]
    grades = [Grade.BAD] * 8 + [Grade.WARNING, Grade.UNKNOWN]
    assert [problem.grade for problem in wrong] == grades
    assert all(problem.remedy for problem in wrong)
    assert list(wrong[3].subjects) == ["1"]


@pytest.mark.parametrize("reason", Reason)
def test_a_route_that_failed_is_named_with_what_to_do(reason: Reason) -> None:
    """For every reason there is."""
    remedies = {e.reason: e.remedy for e in CloudError.__subclasses__()}
    remedies[Reason.PERMISSION] = "grant the RAM action rocketmq:ListA"

    status = failed(ROUTE, reason, origin=Origin("ListA"))

    assert status.error is not None
    assert only(assessed(status)) == Problem(
        f"1 route could not be polled: {status.error}",
        remedies[reason],
        [f"plan 1 item 10 {HERE}"],
        str(status.error.origin),
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

    assert many.what == "1,234 routes could not be polled: failed"
    assert many.remedy == "grant the RAM action rocketmq:ListA"
    assert (len(many.subjects), many.evidence) == (1_234, "ListA: request 0")
    assert one.remedy == "grant the RAM action rocketmq:ListB"


def test_a_failed_lookup_says_what_to_do() -> None:
    """That there is no route is not told: it could not be looked up."""
    failures = {"region cn-x": REFUSED, "plan 1": REFUSED}

    problem = only(assessed(plans=(), failures=failures))

    assert problem == Problem(
        "2 lookups failed: refused",
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
    it = assessed(RouteStatus(ROUTE), failures={"plan 1": REFUSED}, is_standby=True)

    assert list(it.plans) == []
    assert only(it).what.startswith("Standing by: another replica holds the Lease")


def test_routes_without_a_checkpoint_say_why_that_may_be() -> None:
    """A table without a row is explained, but not before a poll was complete."""
    assert said(assessed(found(), found(route=SIBLING))) == ["No checkpoint was found"]
    assert said(assessed(RouteStatus(ROUTE))) == []


def test_only_what_is_polled_can_be_stopped() -> None:
    """And only what is known to be; a target that is ahead is no trouble either."""
    it = assessed(
        found(row(lag_ms=-1)),
        found(route=OTHER),
        plans=[one_way("1"), one_way("2", status=""), one_way("7", "CREATED")],
        items=[stopped("7", "70")],
    )

    assert said(it) == []


@pytest.mark.parametrize(
    ("lag_ms", "watched", "objective", "seen"),
    [
        *((300_001, 0.0, 300.0, "one poll"), (300_000, 0.0, 300.0, None)),
        *((300_001, 300.0, 300.0, "5m of polls"), (300_001, 300.1, 300.0, None)),
        *((300_001, 0.0, 0.0, None), (None, 0.0, 300.0, None)),
    ],
)
def test_how_late_a_large_lag_is_takes_as_long_to_see_as_the_objective(
    lag_ms: int | None, watched: float, objective: float, seen: str | None
) -> None:
    """Until then it is not called well, as after a restart in an outage."""
    shown = found(row(lag_ms=lag_ms, delay_ms=lag_ms and 0))
    status = replace(shown, history=polled_for(watched))
    it = assessed(status, limits={"1": Limits(objective, share=0.0)})

    doubt = f", as far as {seen} can tell" if seen else ""
    assert verdicts(it) == [f"1: ready to fail over{doubt}"]
