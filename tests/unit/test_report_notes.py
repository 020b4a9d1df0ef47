"""What is said under the table, and what it tells people to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_cases import HERE, OTHER, ROUTE, SIBLING, one_way, row
from exposition_cases import snapshot_of, status_of
from report_cases import ESCAPES, failed, found, survey

from exporter.app.report.notes import notes
from exporter.app.report.survey import Survey, still_true
from exporter.model.errors import CloudError, Reason, ThrottledError
from exporter.model.types import Missing, Route


def said(of: Survey, rows: int = 100) -> list[str]:
    """Return the notes, those of trouble marked."""
    return [
        f"! {note.text}" if note.is_trouble else note.text for note in notes(of, rows)
    ]


def test_all_well_is_one_line() -> None:
    """How much there is, and that nobody need do anything."""
    assert said(survey(found(row()))) == [
        "1 checkpoint on 1 route: all within their objectives."
    ]


def test_what_is_over_its_objective_is_counted() -> None:
    """Lag, age and each problem, and only those that there are."""
    rows = (
        row(1, lag_ms=301_000),
        row(2, lag_ms=301_000, last_sync_ms=1),
        row(3, lag_ms=None),
    )

    assert said(survey(found(*rows))) == [
        (
            "! 3 checkpoints on 1 route: 2 over the objective for lag,"
            " 1 over that for age, 1 target_missing."
        )
    ]


def test_it_is_told_when_not_all_are_shown() -> None:
    """And where the others are."""
    of = survey(found(*(row(number) for number in range(5))))

    (_, note) = said(of, rows=3)
    assert note.startswith("The worst 3 are shown; `poll` shows all in a pipe")
    assert len(said(of, rows=5)) == 1


def test_what_is_over_the_cap_is_told_apart() -> None:
    """It cannot be listed, and counts all the same."""
    of = survey(status_of(snapshot_of(ROUTE, row(), dropped=2)))
    status = of.statuses[0]
    assert status.rollup is not None
    states = {state: 3 * n for state, n in status.rollup.states.items()}
    of = replace(
        of,
        statuses=[replace(status, rollup=replace(status.rollup, states=states))],
    )

    total, dropped = said(of, rows=1)

    assert total.startswith("3 checkpoints")
    assert dropped.startswith("2 of them are over metrics.max_checkpoints")


@pytest.mark.parametrize("reason", Reason)
def test_a_route_that_failed_is_named_with_what_to_do(reason: Reason) -> None:
    """For every reason there is."""
    remedy = {e.reason: e.remedy for e in CloudError.__subclasses__()}[reason]

    assert said(survey(failed(ROUTE, reason))) == [
        (
            f"! 1 route could not be polled, {reason.value}: {remedy}"
            f" (plan 1 item 10 {HERE})."
        )
    ]


def test_routes_that_fail_alike_are_one_line() -> None:
    """However many they are; the first three are named."""
    many = [Route("1", str(n), HERE, "r") for n in range(1_234)]
    routes = [failed(route, Reason.UNAVAILABLE) for route in many]

    first, second = said(survey(*routes, failed(OTHER, Reason.PERMISSION)))

    assert first.startswith("! 1,234 routes could not be polled, unavailable: wait;")
    assert first.endswith(f"plan 1 item 2 {HERE} and 1,231 more).")
    assert second.startswith("! 1 route could not be polled, permission")


def test_a_route_that_fails_now_and_has_older_data_is_told() -> None:
    """Its rows are shown, and so is that they are old."""
    stands = replace(found(row()), is_up=False, reason=Reason.TIMEOUT)

    total, failing = said(survey(stands))

    assert total.startswith("1 checkpoint on 1 route")
    assert failing.startswith("! 1 route could not be polled, timeout")


def test_a_failed_look_is_told_with_what_to_do() -> None:
    """Nothing else is said of there being no route: nobody could look."""
    failures = {"region cn-x": ThrottledError("429")}

    assert said(survey(plans=(), failures=failures)) == [
        f"! Could not look up region cn-x, throttled: {ThrottledError.remedy}."
    ]


def test_what_is_configured_and_missing_is_named() -> None:
    """Sorted, the first three."""
    missing = frozenset(Missing("plan", str(number)) for number in range(5))

    (_, note) = said(survey(found(row()), missing=missing))

    assert note.startswith(
        "! Configured and not found: plan 0, plan 1, plan 2 and 2 more; correct the id"
    )


@pytest.mark.parametrize(
    ("plans", "words"),
    [
        ((), "no plan is there"),
        ((one_way("1", "STOPPED"),), "1 plan found, and none is RUNNING"),
        (
            (one_way("1"), one_way("2"), one_way("3", "STOPPED")),
            "of 2 running plans none has an item for us",
        ),
    ],
)
def test_no_route_says_where_to_look(plans: tuple[()], words: str) -> None:
    """What was found instead, which settings, and which command tells more."""
    (note,) = said(survey(plans=plans))

    assert note.startswith(f"! No route was found: {words}. Look at api.region")
    assert "check --live" in note


def test_routes_without_a_checkpoint_say_why_that_may_be() -> None:
    """A table without a row is explained."""
    (note,) = said(survey(found(), found(route=SIBLING)))

    assert note.startswith("! No checkpoint was found")


def test_no_id_from_upstream_commands_the_terminal() -> None:
    """Not in a note either."""
    route = Route(ESCAPES, "10", HERE, "r")
    bad = survey(
        failed(route, Reason.TIMEOUT),
        missing=frozenset({Missing("plan", ESCAPES)}),
        failures={f"plan {ESCAPES}": ThrottledError("429")},
    )

    assert all(text.isprintable() for text in said(bad))
    assert len(said(bad)) == 3


def test_what_failing_polls_leave_unconfirmed_is_let_go() -> None:
    """After `stale_after`, and not before; what was polled well stays in any case."""
    well = replace(found(row()), last_success_at=100.0)
    failing = replace(well, is_up=False, reason=Reason.TIMEOUT)
    never = failed(OTHER, Reason.TIMEOUT)

    young = still_true([well, failing, never], 400.0, 300.0)
    old = still_true([well, failing, never], 401.0, 300.0)

    assert young[:2] == (well, failing)
    assert [status.snapshot is None for status in old] == [False, True, True]
    assert old[1].rollup is None
