"""What is shown of each route, for how long, and once where two routes have it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from core_cases import (
    HERE,
    OTHER,
    ROUTE,
    SIBLING,
    THERE,
    failure,
    groups_shown,
    row,
    success,
)
from exposition_cases import FakeClock, snapshot_of
from hypothesis import given
from hypothesis import strategies as st
from store_bench import (
    MAX_CHECKPOINTS,
    STALE_AFTER,
    dropped_of,
    new_store,
    prepare_nothing,
    publish,
    status_of,
)

from exporter.model.errors import NOWHERE, Reason
from exporter.model.time_slicer import TimeSlicer
from exporter.model.types import Checkpoint, Route, RouteStatus, State
from exporter.polling import store as store_module
from exporter.polling.store import PollResult, Store


@pytest.fixture
def clock() -> FakeClock:
    """Return a monotonic clock; it begins where Unix time is not."""
    return FakeClock(50.0)


@pytest.fixture
def store(clock: FakeClock) -> Store:
    """Return a store of three routes, two of them of one item."""
    return new_store(clock)


def many(count: int) -> list[Checkpoint]:
    """Return so many checkpoints."""
    return [row(number, f"GID_{number}") for number in range(count)]


def test_a_route_is_unknown_before_its_first_poll(store: Store) -> None:
    """Neither up nor down, with no duration and nothing to show."""
    assert [status.route for status in store.statuses()] == [ROUTE, SIBLING, OTHER]
    assert status_of(store, ROUTE) == RouteStatus(ROUTE)
    assert not store.is_tried()


def test_a_complete_poll_is_shown(store: Store) -> None:
    """Its rows, what they come to, and when it ended."""
    poll = success(ROUTE, row(lag_ms=7_000), at=1_740_724_090.0)

    publish(store, poll)

    status = status_of(store, ROUTE)
    assert (status.is_up, status.reason, status.polls) == (True, None, 1)
    assert (status.last_success_at, status.duration) == (1_740_724_090.0, 0.5)
    assert status.snapshot is poll.outcome
    assert status.rollup is not None
    assert status.rollup.max_lag_ms == 7_000


def test_a_failed_poll_keeps_what_is_shown(store: Store) -> None:
    """Rows and last success stay; up, reason, duration and counters tell of it."""
    publish(store, success(ROUTE, row(), at=100.0), failure(ROUTE, Reason.THROTTLED))

    status = status_of(store, ROUTE)
    assert groups_shown(status) == ["orders"]
    assert status.last_success_at == 100.0
    assert (status.is_up, status.reason) == (False, Reason.THROTTLED)
    assert (status.polls, status.duration) == (2, 1.5)


def test_a_failure_says_which_answer_it_came_from_until_a_success(
    store: Store,
) -> None:
    """A failure alone is no success: last success stays absent."""
    refused = failure(ROUTE, Reason.NOT_FOUND)
    assert refused.error is not None

    publish(store, refused)
    status = status_of(store, ROUTE)
    assert status.origin is refused.error.origin
    assert status.last_success_at is None

    publish(store, success(ROUTE))
    status = status_of(store, ROUTE)
    assert (status.origin, status.reason) == (NOWHERE, None)


def test_failures_are_counted_by_reason_and_for_good(store: Store) -> None:
    """A success resets no counter, and other routes have their own."""
    for reason in (Reason.TIMEOUT, Reason.TIMEOUT, Reason.INTERNAL):
        publish(store, failure(ROUTE, reason))
    publish(store, success(ROUTE))

    failures = dict(status_of(store, ROUTE).failures)
    assert set(failures) == set(Reason)
    assert failures.pop(Reason.TIMEOUT) == 2
    assert failures.pop(Reason.INTERNAL) == 1
    assert set(failures.values()) == {0}
    assert status_of(store, ROUTE).polls == 4
    assert set(status_of(store, OTHER).failures.values()) == {0}


@pytest.mark.parametrize("poll", [success(OTHER, row()), failure(OTHER)])
def test_a_poll_of_a_dropped_route_is_ignored(store: Store, poll: PollResult) -> None:
    """It may end after discovery has let go of the route."""
    store.set_routes([ROUTE])
    version = store.version

    publish(store, poll)

    assert [status.route for status in store.statuses()] == [ROUTE]
    assert store.version == version


def test_stale_rows_are_withdrawn_by_the_clock_alone(
    store: Store, clock: FakeClock
) -> None:
    """From `stale_after` on neither rows nor rollup are shown; the rest stays."""
    publish(store, success(ROUTE, row(), at=100.0))
    clock.now += STALE_AFTER - 1
    assert groups_shown(status_of(store, ROUTE)) == ["orders"]
    version = store.version

    clock.now += 1

    status = status_of(store, ROUTE)
    assert (status.snapshot, status.rollup) == (None, None)
    assert (status.is_up, status.last_success_at, status.polls) == (True, 100.0, 1)
    assert store.version > version

    publish(store, success(ROUTE, row()))
    assert groups_shown(status_of(store, ROUTE)) == ["orders"]


def test_routes_that_stay_keep_what_is_known(store: Store) -> None:
    """One goes, one comes, one keeps its status; what comes back begins again."""
    publish(store, success(ROUTE, row()), failure(OTHER))
    before = status_of(store, ROUTE)
    new = Route("3", "30", HERE, ROUTE.region)

    store.set_routes([new, ROUTE])

    assert [status.route for status in store.statuses()] == [ROUTE, new]
    assert status_of(store, ROUTE) is before
    assert status_of(store, new) == RouteStatus(new)
    store.set_routes([OTHER])
    assert status_of(store, OTHER) == RouteStatus(OTHER)


def test_all_are_tried_once_each_has_ended_a_poll(store: Store) -> None:
    """Well or badly: readiness does not depend on the cloud."""
    publish(store, success(ROUTE), failure(SIBLING))
    assert not store.is_tried()

    publish(store, failure(OTHER))

    assert store.is_tried()


def test_the_version_moves_with_every_change(store: Store) -> None:
    """An answer may be kept until it does."""
    versions = [store.version]
    for poll in (success(ROUTE, row()), failure(ROUTE)):
        publish(store, poll)
        versions.append(store.version)
    store.set_routes([ROUTE])
    versions.append(store.version)

    assert versions == sorted(set(versions))
    assert status_of(store, ROUTE).polls == 2
    assert store.version == versions[-1]


def test_other_limits_hold_for_age_at_once_and_for_number_at_the_next_poll(
    store: Store, clock: FakeClock
) -> None:
    """A reload may set them."""
    publish(store, success(ROUTE, row(1), row(2, "b")))
    clock.now += STALE_AFTER - 1
    publish(store, success(OTHER, row(3)))
    store.set_limits(stale_after=2 * STALE_AFTER, max_checkpoints=2)
    clock.now += 2
    assert status_of(store, ROUTE).snapshot is not None
    assert store.series_budget(OTHER) == 0

    before = store.version
    store.set_limits(stale_after=10, max_checkpoints=2)
    assert status_of(store, ROUTE).snapshot is None
    assert status_of(store, OTHER).snapshot is not None
    assert store.version > before
    assert store.series_budget(OTHER) == 2


def test_two_routes_of_an_item_show_a_checkpoint_once(store: Store) -> None:
    """The route whose instance is the source keeps it, however small its lag."""
    mine = success(ROUTE, row(1, lag_ms=1_000))
    theirs = success(SIBLING, row(2, lag_ms=90_000), row(3, source=THERE))
    publish(store, mine)
    for poll in (theirs, theirs, mine):
        publish(store, poll)

        own, other = status_of(store, ROUTE), status_of(store, SIBLING)
        assert groups_shown(own) == ["orders"]
        assert (own.hidden, other.hidden) == (frozenset(), frozenset({0}))
        assert own.rollup is not None
        assert other.rollup is not None
        assert own.rollup.max_lag_ms == 1_000
        assert other.rollup.max_lag_ms == 5_000
        assert sum(other.rollup.states.values()) == 1


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        (1_000, 2_000, SIBLING),
        (2_000, 1_000, ROUTE),
        (None, -1, SIBLING),
        (1_000, 1_000, ROUTE),
    ],
)
def test_between_strangers_the_larger_lag_is_kept_then_the_first(
    store: Store, first: int | None, second: int, winner: Route
) -> None:
    """A known lag is larger than an unknown one; which poll was last is no matter."""
    mine = success(ROUTE, row(source="rmq-third", lag_ms=first))
    publish(store, mine)
    for poll in (success(SIBLING, row(source="rmq-third", lag_ms=second)), mine):
        publish(store, poll)

        assert {s.route for s in store.statuses() if groups_shown(s)} == {winner}


def test_what_was_dropped_stays_in_the_rollup(store: Store) -> None:
    """The rollup without hidden rows would be without the dropped ones too."""
    polled = snapshot_of(SIBLING, row(), dropped=4)

    publish(store, success(ROUTE, row()), PollResult(SIBLING, 0.0, 0.5, polled))

    status = status_of(store, SIBLING)
    assert status.hidden == frozenset({0})
    assert status.rollup is polled.rollup


@pytest.mark.parametrize("how", ["dropped", "stale", "not listed"])
def test_a_hidden_row_reappears_when_the_other_route_has_it_no_more(
    store: Store, clock: FakeClock, how: str
) -> None:
    """It is shown and counted from the next complete poll of the item on."""
    publish(store, success(ROUTE, row()))
    clock.now += STALE_AFTER / 2
    publish(store, success(SIBLING, row()))
    assert groups_shown(status_of(store, SIBLING)) == []

    if how == "dropped":
        store.set_routes([SIBLING])
    elif how == "stale":
        clock.now += STALE_AFTER / 2
    else:
        publish(store, success(ROUTE))
    if how != "not listed":
        publish(store, success(SIBLING, row()))

    status = status_of(store, SIBLING)
    assert groups_shown(status) == ["orders"]
    assert status.rollup is not None
    assert status.rollup.states[State.OK] == 1


def test_a_sibling_whose_rows_stay_keeps_its_status(store: Store) -> None:
    """So nothing of it is rendered again."""
    publish(store, success(ROUTE, row()), success(SIBLING, row()))
    before = status_of(store, SIBLING)

    publish(store, success(ROUTE, row()))

    assert status_of(store, SIBLING) is before


def test_three_routes_of_an_item_show_a_checkpoint_once(store: Store) -> None:
    """When one goes, its rows reappear with the next poll of the item, still once."""
    third = replace(ROUTE, source_instance_id="rmq-third")
    store.set_routes([ROUTE, SIBLING, third])
    polls = [success(route, row()) for route in (SIBLING, third, ROUTE)]
    publish(store, *polls)
    assert [bool(groups_shown(s)) for s in store.statuses()] == [True, False, False]

    store.set_routes([SIBLING, third])
    assert not any(map(groups_shown, store.statuses()))
    publish(store, polls[1])

    assert [bool(groups_shown(s)) for s in store.statuses()] == [True, False]


@pytest.mark.parametrize("gone", ["sibling", "route", "stale"])
async def test_what_changes_while_duplicates_are_resolved_is_heeded(
    store: Store, clock: FakeClock, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is dropped or withdrawn meanwhile is not shown again."""
    monkeypatch.setattr(store_module, "TimeSlicer", lambda: TimeSlicer(0.0))
    publish(store, success(ROUTE, row()))
    poll = success(SIBLING, row())
    publishing = asyncio.create_task(store.publish(poll, prepare_nothing))
    await asyncio.sleep(0)

    if gone == "sibling":
        store.set_routes([SIBLING])
    elif gone == "route":
        store.set_routes([ROUTE])
    else:
        clock.now += STALE_AFTER
        store.statuses()
    await publishing

    left = ROUTE if gone == "route" else SIBLING
    publish(store, success(left, row()))
    shown = [s.route for s in store.statuses() if s.snapshot is not None]
    assert shown == [left]
    assert groups_shown(status_of(store, left)) == ["orders"]


async def test_polls_that_end_together_hide_each_others_rows(store: Store) -> None:
    """Neither is resolved against what the other was before."""
    await asyncio.gather(
        store.publish(success(ROUTE, *many(400)), prepare_nothing),
        store.publish(success(SIBLING, *many(400)), prepare_nothing),
        store.publish(failure(SIBLING), prepare_nothing),
    )

    assert len(status_of(store, SIBLING).hidden) == 400
    assert status_of(store, ROUTE).hidden == frozenset()
    assert status_of(store, SIBLING).polls == 2


def test_the_series_budget_is_what_other_routes_leave(
    store: Store, clock: FakeClock
) -> None:
    """A route's own rows do not count against it, stale ones against nobody."""
    publish(store, success(ROUTE, *many(400)))
    clock.now += STALE_AFTER / 2
    publish(store, success(OTHER, *many(500)), success(OTHER, *many(500)))

    assert store.series_budget(ROUTE) == 500
    assert store.series_budget(SIBLING) == 100
    assert store.series_budget(OTHER) == 600

    clock.now += STALE_AFTER / 2

    assert store.series_budget(OTHER) == MAX_CHECKPOINTS


def test_checkpoints_over_the_limit_are_counted_but_not_shown(
    clock: FakeClock,
) -> None:
    """Polls that began with the same budget do not share it twice."""
    store = new_store(clock, max_checkpoints=3)
    budgets = {store.series_budget(route) for route in (ROUTE, OTHER)}
    polled = snapshot_of(OTHER, row(3, "c"), row(4, "d"), row(5, "e"), dropped=4)

    publish(store, success(ROUTE, row(1, "a"), row(2, "b")))
    publish(store, PollResult(OTHER, 0.0, 0.5, polled))

    assert budgets == {3}
    assert groups_shown(status_of(store, ROUTE)) == ["a", "b"]
    cut = status_of(store, OTHER)
    assert groups_shown(cut) == ["c"]
    assert dropped_of(store, OTHER) == 4 + 2
    assert cut.rollup is polled.rollup


def test_a_row_that_was_cut_hides_none(clock: FakeClock) -> None:
    """A checkpoint is shown by the route that has a row for it."""
    store = new_store(clock, max_checkpoints=3)
    strangers = [row(n, f"GID_{n}", source="rmq-third") for n in range(3)]
    publish(store, success(OTHER, row()), success(SIBLING, strangers[2]))

    publish(store, success(ROUTE, *strangers))

    assert groups_shown(status_of(store, ROUTE)) == ["GID_0"]
    assert groups_shown(status_of(store, SIBLING)) == ["GID_2"]


def test_a_freed_budget_is_used_by_the_next_poll(clock: FakeClock) -> None:
    """Nothing is dropped for good."""
    store = new_store(clock, max_checkpoints=2)
    publish(store, success(ROUTE, row(1, "a"), row(2, "b")))
    publish(store, success(OTHER, row(3, "c")))
    assert dropped_of(store, OTHER) == 1

    publish(store, success(ROUTE, row(1, "a")), success(OTHER, row(3, "c")))

    assert groups_shown(status_of(store, OTHER)) == ["c"]
    assert dropped_of(store, OTHER) == 0


@given(
    st.lists(
        st.tuples(st.sampled_from([ROUTE, SIBLING, OTHER]), st.integers(0, 5)),
        max_size=8,
    ),
    st.sampled_from([0, 7]),
)
def test_there_are_never_more_series_than_allowed(
    polls: list[tuple[Route, int]], most: int
) -> None:
    """The first to poll have the budget, and nothing is dropped while some is left."""
    store = new_store(FakeClock(), max_checkpoints=most)
    for route, count in polls:
        publish(store, success(route, *many(count)))

        shown = [len(s.snapshot) for s in store.statuses() if s.snapshot is not None]
        assert sum(shown) <= most
        latest = status_of(store, route).snapshot
        assert latest is not None
        assert len(latest) + latest.dropped == count
        assert latest.dropped == 0 or sum(shown) == most
