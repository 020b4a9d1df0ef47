"""What is wrong, in which order, and what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_cases import HERE, OTHER, ROUTE, SIBLING, item, one_way, row
from exposition_cases import snapshot_of, status_of
from report_cases import REFUSED, assessed, failed, found

from exporter.model.assessment import Assessment, Grade
from exporter.model.errors import (
    CloudError,
    NotFoundError,
    Origin,
    Reason,
    ThrottledError,
)
from exporter.model.problems import Problem, problems
from exporter.model.types import Item, Missing, Plan, Route, RouteStatus


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


def test_a_route_that_fails_now_and_has_older_data_is_told() -> None:
    """Its rows are shown, and so is that they are old."""
    stands = replace(found(row()), is_up=False, reason=Reason.TIMEOUT)

    assert said(assessed(stands)) == ["1 route could not be polled: timeout"]


def test_a_failed_lookup_says_what_to_do() -> None:
    """Nothing else is said of there being no route: nobody could look."""
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
