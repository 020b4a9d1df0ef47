"""What is shown of each route, and for how long."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_cases import (
    HERE,
    OTHER,
    ROUTE,
    SIBLING,
    failure,
    groups_shown,
    not_found,
    row,
    success,
)
from exposition_cases import FakeClock
from store_bench import STALE_AFTER, new_store, status_of

from exporter.model.errors import NOWHERE, Reason
from exporter.model.types import Route, RouteStatus
from exporter.polling.store import Store


@pytest.fixture
def clock() -> FakeClock:
    """Return a monotonic clock; it begins where Unix time is not."""
    return FakeClock(50.0)


@pytest.fixture
def store(clock: FakeClock) -> Store:
    """Return a store of three routes, two of them of one item."""
    return new_store(clock)


def test_a_route_is_unknown_before_its_first_poll(store: Store) -> None:
    """Neither up nor down, with no duration and nothing to show."""
    assert [status.route for status in store.statuses()] == [ROUTE, SIBLING, OTHER]
    assert status_of(store, ROUTE) == RouteStatus(ROUTE)
    assert not store.is_tried()


def test_a_complete_poll_is_shown(store: Store) -> None:
    """Its rows, what they come to, and when it ended."""
    outcome = success(ROUTE, row(lag_ms=7_000), at=1_740_724_090.0)

    store.record(outcome)

    status = status_of(store, ROUTE)
    assert (status.is_up, status.reason, status.polls) == (True, None, 1)
    assert (status.last_success_at, status.duration) == (1_740_724_090.0, 0.5)
    assert status.snapshot is outcome.result
    assert status.rollup is not None
    assert status.rollup.max_lag_ms == 7_000


def test_a_failed_poll_keeps_what_is_shown(store: Store) -> None:
    """Rows and last success stay; up, reason, duration and counters tell of it."""
    store.record(success(ROUTE, row(), at=100.0))

    store.record(failure(ROUTE, Reason.THROTTLED))

    status = status_of(store, ROUTE)
    assert groups_shown(status) == ["orders"]
    assert status.last_success_at == 100.0
    assert (status.is_up, status.reason) == (False, Reason.THROTTLED)
    assert (status.polls, status.duration) == (2, 1.5)


def test_a_failure_says_which_answer_it_came_from_until_a_success(
    store: Store,
) -> None:
    """One that came with no answer says nothing of an earlier one's."""
    refused = not_found("Plan.NotFound")

    store.record(replace(failure(ROUTE, Reason.NOT_FOUND), error=refused))
    first = status_of(store, ROUTE).origin
    store.record(failure(ROUTE))
    second = status_of(store, ROUTE).origin
    store.record(replace(failure(ROUTE, Reason.NOT_FOUND), error=refused))
    store.record(success(ROUTE))

    assert (first, second) == (refused.origin, NOWHERE)
    assert status_of(store, ROUTE).origin == NOWHERE


def test_last_success_is_absent_until_there_is_one(store: Store) -> None:
    """A failure has an end too, and it is no success."""
    store.record(failure(ROUTE))

    assert status_of(store, ROUTE).last_success_at is None


def test_failures_are_counted_by_reason_and_for_good(store: Store) -> None:
    """A success resets no counter, and other routes have their own."""
    for reason in (Reason.TIMEOUT, Reason.TIMEOUT, Reason.INTERNAL):
        store.record(failure(ROUTE, reason))
    store.record(success(ROUTE))

    failures = dict(status_of(store, ROUTE).failures)
    assert set(failures) == set(Reason)
    assert failures.pop(Reason.TIMEOUT) == 2
    assert failures.pop(Reason.INTERNAL) == 1
    assert set(failures.values()) == {0}
    assert status_of(store, ROUTE).polls == 4
    assert set(status_of(store, OTHER).failures.values()) == {0}


def test_what_vanished_upstream_is_gone_with_the_next_poll(store: Store) -> None:
    """A snapshot replaces the one before, it does not add to it."""
    store.record(success(ROUTE, row(1, "gone"), row(2, "stays")))

    store.record(success(ROUTE, row(2, "stays")))

    assert groups_shown(status_of(store, ROUTE)) == ["stays"]


def test_a_poll_of_a_dropped_route_is_ignored(store: Store) -> None:
    """It may end after discovery has let go of the route."""
    store.set_routes([ROUTE])
    version = store.version

    store.record(success(OTHER, row()))

    assert [status.route for status in store.statuses()] == [ROUTE]
    assert store.version == version


def test_stale_rows_are_withdrawn_by_the_clock_alone(
    store: Store, clock: FakeClock
) -> None:
    """From `stale_after` on neither rows nor rollup are shown; the rest stays."""
    store.record(success(ROUTE, row(), at=100.0))
    clock.now += STALE_AFTER - 1
    assert groups_shown(status_of(store, ROUTE)) == ["orders"]
    version = store.version

    clock.now += 1

    status = status_of(store, ROUTE)
    assert (status.snapshot, status.rollup) == (None, None)
    assert (status.is_up, status.last_success_at, status.polls) == (True, 100.0, 1)
    assert store.version > version


def test_failures_do_not_prolong_what_is_shown(store: Store, clock: FakeClock) -> None:
    """Only a complete poll says that the rows still hold."""
    store.record(success(ROUTE, row()))
    for _ in range(6):
        clock.now += 60
        store.record(failure(ROUTE))

    assert status_of(store, ROUTE).snapshot is None


def test_a_poll_brings_stale_rows_back(store: Store, clock: FakeClock) -> None:
    """After an outage the next success shows everything again."""
    store.record(success(ROUTE, row()))
    clock.now += 2 * STALE_AFTER
    assert groups_shown(status_of(store, ROUTE)) == []

    store.record(success(ROUTE, row()))

    assert groups_shown(status_of(store, ROUTE)) == ["orders"]


def test_routes_that_stay_keep_what_is_known(store: Store) -> None:
    """Rediscovery disturbs nobody: one goes, one comes, one keeps its status."""
    store.record(success(ROUTE, row()))
    store.record(failure(OTHER))
    before = status_of(store, ROUTE)
    new = Route("3", "30", HERE, ROUTE.region)

    store.set_routes([new, ROUTE])

    assert [status.route for status in store.statuses()] == [ROUTE, new]
    assert status_of(store, ROUTE) is before
    assert status_of(store, new) == RouteStatus(new)


def test_a_route_that_comes_back_begins_anew(store: Store) -> None:
    """Nothing is remembered of a route that was not polled for a while."""
    store.record(success(ROUTE, row()))
    store.set_routes([])

    store.set_routes([ROUTE])

    assert status_of(store, ROUTE) == RouteStatus(ROUTE)


def test_all_are_tried_once_each_has_ended_a_poll(store: Store) -> None:
    """Well or badly: readiness does not depend on the cloud."""
    store.record(success(ROUTE))
    store.record(failure(SIBLING))
    assert not store.is_tried()

    store.record(failure(OTHER))

    assert store.is_tried()


def test_the_version_moves_with_every_change(store: Store) -> None:
    """Whoever renders may keep the answer until it does."""
    versions = [store.version]
    for outcome in (success(ROUTE, row()), failure(ROUTE)):
        store.record(outcome)
        versions.append(store.version)
    store.set_routes([ROUTE])
    versions.append(store.version)

    assert versions == sorted(set(versions))
    assert status_of(store, ROUTE).polls == 2
    assert store.version == versions[-1]


def test_another_age_holds_at_once_and_another_number_at_the_next_poll(
    clock: FakeClock,
) -> None:
    """What was withdrawn before stays so; nobody has to poll for the rest to go."""
    store = new_store(clock)
    store.record(success(ROUTE, row(1), row(2)))
    clock.now += STALE_AFTER - 1
    store.record(success(OTHER, row(3)))
    store.reconfigure(stale_after=2 * STALE_AFTER, max_checkpoints=2)
    clock.now += 2
    assert status_of(store, ROUTE).snapshot is not None
    assert store.room_for(OTHER) == 0

    before = store.version
    store.reconfigure(stale_after=10, max_checkpoints=2)
    assert status_of(store, ROUTE).snapshot is None
    assert status_of(store, OTHER).snapshot is not None
    assert store.version > before
    assert store.room_for(OTHER) == 2
