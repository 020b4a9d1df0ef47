"""What the landing page says of routes, checkpoints, faults, and of nothing at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_cases import OTHER, ROUTE, SIBLING, item, one_way, row, two_way
from exposition_cases import snapshot_of, status_of
from landing_cases import NOW, down, facts_of, large, settings_of, view_of

from exporter.model.errors import CloudError, Origin, PermissionDeniedError, Reason
from exporter.model.types import Missing, RouteStatus
from exporter.web.status_page.bars import Tone
from exporter.web.status_page.summary import Figure, Verdict
from exporter.web.status_page.words import REMEDIES

REFUSED = Origin("ListDisasterRecoveryPlans", "NoPermission", 403, "8C3A")


def up(*lags: int | None, last_sync_ms: int | None = None) -> RouteStatus:
    """Return the status of a route with a checkpoint for each lag in milliseconds."""
    rows = [row(n, f"group{n}", lag_ms=lag) for n, lag in enumerate(lags)]
    if last_sync_ms is not None:
        rows = [replace(each, last_sync_ms=last_sync_ms) for each in rows]
    return status_of(snapshot_of(ROUTE, *rows))


def test_a_route_is_said_with_its_plan_and_its_item() -> None:
    """Name, type and status of the plan; the item's status where it has one."""
    plan = replace(one_way("1", "CREATED"), name="dr_trade")
    stopped = replace(item("1", "10"), status="MANUAL_STOPPED")

    (route,) = view_of(facts_of(up(5_000), plans=[plan], items=[stopped])).routes

    assert (route.plan.name, route.plan.type) == ("dr_trade", "one-way")
    assert (route.plan.status, route.plan.tone) == ("CREATED", Tone.WARNING)
    assert (route.item_id, route.item_status) == ("10", "MANUAL_STOPPED")
    assert route.item_tone is Tone.BAD
    assert (route.state, route.tone, route.advice) == ("up", Tone.GOOD, "")
    assert (route.last_poll, route.last_poll_at) == (
        "22s ago",
        "2025-02-28T06:27:50+00:00",
    )


def test_a_route_counts_its_checkpoints_and_their_problems() -> None:
    """The worst of them is what its bars are of."""
    (route,) = view_of(facts_of(up(65_000, None), plans=[one_way("1")])).routes

    assert (route.checkpoints, list(route.problems)) == ("2", ["1 no target time"])
    assert (route.lag.text, route.lag.length, route.lag.tone) == (
        "1m 5s",
        10.8,
        Tone.GOOD,
    )
    assert (route.age.text, route.age.length) == ("12.5s", 1.0)


def test_what_failed_is_said_with_what_to_do() -> None:
    """In an operator's words, with the RAM action, and with what the API said."""
    action = "ListDisasterRecoveryCheckpoints"
    origin = replace(REFUSED, action=action)
    refused = down(ROUTE, Reason.PERMISSION, origin=origin)

    (route,) = view_of(facts_of(refused)).routes

    assert (route.state, route.tone) == ("down: permission", Tone.BAD)
    assert route.advice == f"grant the RAM action rocketmq:{action}"
    assert route.evidence == f"{action}: HTTP 403, NoPermission, request 8C3A"
    assert (route.last_poll, route.checkpoints) == ("never", "unknown")
    assert (route.lag.text, route.lag.length, route.lag.tone) == (
        "unknown",
        None,
        Tone.QUIET,
    )


def test_there_is_a_remedy_for_every_reason() -> None:
    """No failure leaves the reader alone."""
    assert set(REMEDIES) == set(Reason)
    assert all(REMEDIES.values())


def test_what_somebody_should_look_at_comes_first() -> None:
    """What fails, what was never polled, and then by the share of its objective."""
    settings = settings_of(objectives__lag="1m")
    other = status_of(snapshot_of(OTHER, row(1, lag_ms=9_000)))
    late = replace(up(50_000), route=replace(ROUTE, item_id="11"))
    never = RouteStatus(SIBLING)
    broken = down(replace(ROUTE, item_id="12"), Reason.TIMEOUT)

    view = view_of(facts_of(other, late, never, broken, settings=settings))

    assert [(route.plan.plan_id, route.item_id) for route in view.routes] == [
        ("1", "12"),
        ("1", "10"),
        ("1", "11"),
        ("2", "20"),
    ]


def test_what_misses_its_own_objective_most_comes_first() -> None:
    """Not what lags most: another plan may allow that."""
    settings = settings_of(plans='[{id: "1", objectives: {lag: 1h}}]')
    other = status_of(snapshot_of(OTHER, row(1, lag_ms=600_000)))

    view = view_of(facts_of(up(900_000), other, settings=settings))

    assert [route.plan.plan_id for route in view.routes] == ["2", "1"]


def test_what_nobody_promises_comes_after_what_is_nearly_missed() -> None:
    """However much it lags."""
    settings = settings_of(plans='[{id: "2", objectives: {lag: 0s}}]')
    endless = status_of(snapshot_of(OTHER, row(1, lag_ms=9_000_000)))

    view = view_of(facts_of(endless, up(9_000), settings=settings))

    assert [route.plan.plan_id for route in view.routes] == ["1", "2"]


def test_nobody_promises_an_age_where_progress_is_not_synced_by_itself() -> None:
    """A two-way plan's ages grow by design: no bar, no colour, no verdict."""
    old = up(5_000, last_sync_ms=1)

    two, one = (
        view_of(facts_of(old, plans=[plan])) for plan in (two_way("1"), one_way("1"))
    )

    assert (two.routes[0].age.note, two.routes[0].age.tone) == (
        "no objective",
        Tone.QUIET,
    )
    assert two.checkpoints[0].age == two.routes[0].age
    assert two.verdict.tone is Tone.GOOD
    assert one.routes[0].age.tone is Tone.BAD
    assert one.verdict == Verdict("Objectives missed by 1 of 1 route", Tone.BAD)


def test_an_objective_of_zero_is_none() -> None:
    """As in the alert rules: no bar, no colour, no verdict, and no division by it."""
    settings = settings_of(objectives__lag="0s", objectives__age="0s")
    other = status_of(snapshot_of(OTHER, row(1, lag_ms=9_000_000)))
    facts = facts_of(other, up(5_000), plans=[one_way("1")], settings=settings)

    view = view_of(facts)

    assert view.verdict.tone is Tone.GOOD
    for route in view.routes:
        assert {route.lag.note, route.age.note} == {"no objective"}
        assert (route.lag.length, route.lag.tone) == (None, Tone.QUIET)
    assert [figure.note for figure in view.figures[2:]] == ["no objective"] * 2
    assert not any(column.near or column.over for column in view.columns)


def test_nobody_promises_an_age_where_nobody_looked_the_plan_up() -> None:
    """Whether its progress is synced by itself is unknown; `poll` says the same."""
    view = view_of(facts_of(up(5_000, last_sync_ms=1)))

    assert view.routes[0].age.note == "no objective"
    assert view.verdict.tone is Tone.GOOD


def test_the_worst_checkpoints_are_said_with_both_sides() -> None:
    """Names, places, state, and both bars against the plan's own objectives."""
    settings = settings_of(objectives__lag="10s", objectives__age="25s")

    facts = facts_of(up(12_000), plans=[one_way("1")], settings=settings)
    (worst,) = view_of(facts).checkpoints

    assert (worst.group, worst.topic, worst.item_id) == ("group0", "topic", "10")
    assert (worst.source_instance_id, worst.target_instance_id) == (
        "rmq-here",
        "rmq-there",
    )
    assert (worst.state, worst.tone) == ("ok", Tone.QUIET)
    assert (worst.lag.note, worst.lag.length) == ("1.2× objective", 60.0)
    assert (worst.age.note, worst.age.length) == ("", 25.0)


@pytest.mark.parametrize(
    ("lag_ms", "last_sync_ms", "state", "tone"),
    [
        (-1_000, 1, "target ahead", Tone.QUIET),
        (None, 1, "no target time", Tone.BAD),
        (None, 0, "never synced", Tone.BAD),
    ],
)
def test_states_are_said_in_words(
    lag_ms: int | None, last_sync_ms: int, state: str, tone: Tone
) -> None:
    """A target ahead is none of the problems."""
    status = up(lag_ms, last_sync_ms=last_sync_ms)

    (worst,) = view_of(facts_of(status)).checkpoints

    assert (worst.state, worst.tone) == (state, tone)


def test_a_lag_below_zero_draws_nothing() -> None:
    """A length cannot be negative, and the sign is not lost."""
    (worst,) = view_of(facts_of(up(-90_000))).checkpoints

    assert (worst.lag.text, worst.lag.note, worst.lag.length) == (
        "-1m 30s",
        "target ahead",
        0.0,
    )


def test_a_lag_of_nothing_is_no_target_ahead() -> None:
    """Nor is one that is just what was promised late."""
    now, just = view_of(
        facts_of(up(0, 300_000)),
    ).checkpoints[::-1]

    assert (now.lag.text, now.lag.note, now.lag.length) == ("0s", "", 0.0)
    assert (just.lag.note, just.lag.length, just.lag.tone) == ("", 50.0, Tone.WARNING)


def test_a_bar_ends_at_twice_the_objective() -> None:
    """What is far over says how far in words."""
    (worst,) = view_of(facts_of(up(1_000_000_000))).checkpoints

    assert (worst.lag.length, worst.lag.note) == (100.0, "over 999× objective")


def test_the_rest_is_counted() -> None:
    """Hidden checkpoints are not part of it; failures that are not listed are told."""
    many = large(ROUTE, 150)
    many = replace(many, hidden=frozenset(range(40)))
    broken = [
        down(replace(OTHER, item_id=str(number)), Reason.TIMEOUT)
        for number in range(60)
    ]

    view = view_of(facts_of(many, *broken))

    assert (len(view.routes), view.more_routes) == (
        50,
        "11 more routes, 10 of them down",
    )
    assert (len(view.checkpoints), view.more_checkpoints) == (
        50,
        "60 more checkpoints",
    )
    fine = [replace(up(1), route=replace(ROUTE, item_id=str(n))) for n in range(51)]
    assert view_of(facts_of(*fine)).more_routes == "1 more route"
    assert view_of(facts_of(up(1))).more_checkpoints == ""
    assert view_of(facts_of(up(1))).more_routes == ""


def test_the_figures_are_of_all_routes() -> None:
    """Routes up, checkpoints, worst lag and oldest sync, each with its comparison."""
    never = RouteStatus(OTHER)
    broken = down(SIBLING, Reason.TIMEOUT)

    facts = facts_of(up(450_000, None), never, broken, plans=[one_way("1")])
    figures = view_of(facts).figures

    assert figures == (
        Figure("Routes up", "1 of 3", "1 down, 1 not polled yet", Tone.BAD),
        Figure("Checkpoints", "2", "1 without a lag", Tone.WARNING),
        Figure("Worst lag", "7m 30s", "1.5× objective", Tone.BAD),
        Figure("Oldest sync", "12.5s", "objective 10m", Tone.GOOD),
    )


def test_the_oldest_sync_is_of_a_plan_that_promises_an_age() -> None:
    """An age by design would hide the one that matters."""
    by_design = status_of(
        snapshot_of(OTHER, replace(row(1), last_sync_ms=int((NOW - 9e5) * 1000)))
    )
    plans = [one_way("1"), two_way("2")]

    both = view_of(facts_of(up(1), by_design, plans=plans)).figures[3]
    alone = view_of(facts_of(by_design, plans=plans)).figures[3]

    assert both == Figure("Oldest sync", "12.5s", "objective 10m", Tone.GOOD)
    assert alone == Figure("Oldest sync", "10d 10h", "no objective", Tone.QUIET)


def test_without_data_the_figures_are_unknown() -> None:
    """No zero for what nobody knows, and no figure where there is no route."""
    figures = view_of(facts_of(RouteStatus(ROUTE))).figures

    assert [figure.value for figure in figures] == ["0 of 1"] + ["unknown"] * 3
    assert {figure.tone for figure in figures} == {Tone.QUIET}
    assert view_of(facts_of()).figures == ()


def test_all_is_well_is_said_when_it_is() -> None:
    """And the figures say the same."""
    view = view_of(facts_of(up(5_000), plans=[one_way("1")]))

    assert view.verdict == Verdict(
        "Every route is up and keeps its objectives", Tone.GOOD
    )
    assert {figure.tone for figure in view.figures} == {Tone.GOOD}
    assert [figure.note for figure in view.figures[:2]] == ["all", "all with a lag"]


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (
            facts_of(up(1), down(SIBLING, Reason.CLOCK)),
            "1 of 2 routes cannot be polled",
        ),
        (
            facts_of(up(1), failing={"plan 2": PermissionDeniedError("refused")}),
            "Not all plans could be looked up",
        ),
        (
            facts_of(up(1), missing=[Missing("plan", "3")]),
            "Something configured does not exist",
        ),
        (facts_of(), "No route is polled"),
        (facts_of(up(400_000)), "Objectives missed by 1 of 1 route"),
        (
            facts_of(up(1), items=[replace(item("1", "10"), status="MANUAL_STOPPED")]),
            "Plan or item does not run on 1 of 1 route",
        ),
        (
            facts_of(up(1), plans=[one_way("1", "CREATED")]),
            "Plan or item does not run on 1 of 1 route",
        ),
        (
            facts_of(up(1), items=[replace(item("1", "10"), status="CHANGING")]),
            "Every route is up and keeps its objectives",
        ),
        (facts_of(up(1, None, None)), "The lag of 2 checkpoints is unknown"),
        (
            facts_of(up(1), RouteStatus(SIBLING), is_tried=False),
            "Not every route has been polled yet",
        ),
    ],
)
def test_the_verdict_is_the_first_thing_to_do(view: object, text: str) -> None:
    """One sentence, for whoever reads no further."""
    assert view_of(view).verdict.text == text  # type: ignore[arg-type]


def test_the_verdict_is_as_bad_as_what_it_says() -> None:
    """What replicates nothing is trouble, an unknown lag something to look at."""
    stopped = replace(item("1", "10"), status="OVERDUE_STOPPED")

    assert view_of(facts_of(up(1), items=[stopped])).verdict.tone is Tone.BAD
    assert view_of(facts_of(up(1, None))).verdict.tone is Tone.WARNING


def test_a_failed_look_up_says_what_to_do() -> None:
    """For each plan or region of its own; no text of the cloud's is in it."""
    error: CloudError = PermissionDeniedError("refused", origin=REFUSED)

    view = view_of(facts_of(failing={"region cn-hangzhou": error}))

    (failure,) = view.failures
    assert (failure.subject, failure.reason) == ("region cn-hangzhou", "permission")
    assert failure.advice == "grant the RAM action rocketmq:ListDisasterRecoveryPlans"
    assert failure.evidence.startswith("ListDisasterRecoveryPlans: HTTP 403")
    assert view.nothing is not None
    assert view.nothing.heading == "Looking for plans failed"


def test_no_more_failures_are_listed_than_anybody_reads() -> None:
    """An outage is one thing to do, however many plans it hits."""
    failing = {f"plan {n:03}": PermissionDeniedError("refused") for n in range(90)}

    failures = view_of(facts_of(failing=failing)).failures

    assert [failure.subject for failure in failures][::49] == ["plan 000", "plan 049"]
    assert len(failures) == 50


def test_what_is_missing_upstream_is_listed() -> None:
    """Each id with its kind, and no more than anybody reads."""
    missing = [Missing("item", str(number)) for number in range(100, 200)]

    absences = view_of(facts_of(up(1), missing=missing)).absences

    assert [(gone.kind, gone.id) for gone in absences[:2]] == [
        ("item", "100"),
        ("item", "101"),
    ]
    assert len(absences) == 50


@pytest.mark.parametrize(
    ("facts", "heading", "word"),
    [
        (facts_of(is_tried=False), "Looking for plans", "Wait"),
        (replace(facts_of(), stands_by=True), "Standing by", "ha.lease"),
        (facts_of(), "No running plan in cn-hangzhou", "api.region"),
        (
            facts_of(settings=settings_of(plans='[{id: "7"}]')),
            "No configured plan was found",
            "console",
        ),
        (facts_of(plans=[one_way("1")]), "Plans, but no route to poll", "items"),
        (
            facts_of(
                plans=[one_way("1")],
                settings=settings_of(shard__total="3", shard__index="1"),
            ),
            "Plans, but no route to poll",
            "shard 1 of 3",
        ),
    ],
)
def test_where_there_is_nothing_it_says_why(
    facts: object, heading: str, word: str
) -> None:
    """An empty table would look like a fault of the page."""
    nothing = view_of(facts).nothing  # type: ignore[arg-type]

    assert nothing is not None
    assert nothing.heading == heading
    assert word in " ".join(nothing.steps)


def test_where_there_is_something_nothing_is_said() -> None:
    """Not even while its first poll is under way."""
    assert view_of(facts_of(RouteStatus(ROUTE), is_tried=False)).nothing is None


def test_names_longer_than_any_are_cut() -> None:
    """The API allows 255 characters at most: the page stays small all the same."""
    endless = replace(row(group="g" * 5_000), topic="t" * 255)

    (worst,) = view_of(facts_of(status_of(snapshot_of(ROUTE, endless)))).checkpoints

    assert worst.group == "g" * 255 + "…"
    assert worst.topic == "t" * 255


def test_the_head_says_what_this_is() -> None:
    """Version, uptime and region."""
    view = view_of(facts_of(settings=settings_of(api__region="cn-shanghai")))

    assert (view.uptime, view.region) == ("1d 2h", "cn-shanghai")
