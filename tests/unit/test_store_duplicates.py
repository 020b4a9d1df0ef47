"""Two routes of an item that list the same checkpoint show it once."""

from __future__ import annotations

import asyncio

import pytest
from core_cases import (
    OTHER,
    ROUTE,
    SIBLING,
    THERE,
    groups_shown,
    row,
    success,
)
from counting import counted_calls
from exposition_cases import FakeClock, snapshot_of
from store_bench import STALE_AFTER, new_store, status_of

from exporter.model.types import Route, State
from exporter.polling.store import Outcome, Store


@pytest.fixture
def clock() -> FakeClock:
    """Return a monotonic clock; it begins where Unix time is not."""
    return FakeClock(50.0)


@pytest.fixture
def store(clock: FakeClock) -> Store:
    """Return a store of three routes, two of them of one item."""
    return new_store(clock)


def test_two_routes_of_an_item_show_a_checkpoint_once(store: Store) -> None:
    """The route whose instance is the source keeps it, however small its lag."""
    store.record(success(ROUTE, row(1, lag_ms=1_000)))
    store.record(success(SIBLING, row(2, lag_ms=90_000), row(3, source=THERE)))

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
    [(1_000, 2_000, SIBLING), (2_000, 1_000, ROUTE), (None, -1, SIBLING)],
)
def test_between_strangers_the_larger_lag_is_kept(
    store: Store, first: int | None, second: int, winner: Route
) -> None:
    """A known lag is larger than an unknown one, even below 0."""
    store.record(success(ROUTE, row(source="rmq-third", lag_ms=first)))
    store.record(success(SIBLING, row(source="rmq-third", lag_ms=second)))

    shown = {s.route for s in store.statuses() if groups_shown(s)}
    assert shown == {winner}


def test_of_equals_the_first_route_is_kept(store: Store) -> None:
    """Which poll ended last does not matter, so that series do not move about."""
    for route in (ROUTE, SIBLING, ROUTE):
        store.record(success(route, row(source="rmq-third")))

        shown = [s.route for s in store.statuses() if groups_shown(s)]
        assert len(shown) == 1

    assert shown == [ROUTE]


def test_a_row_stays_hidden_poll_after_poll(store: Store) -> None:
    """It is left out of what each new poll comes to, not of the first alone."""
    store.record(success(ROUTE, row(lag_ms=1_000)))
    for _ in range(2):
        store.record(success(SIBLING, row(lag_ms=90_000)))

        status = status_of(store, SIBLING)
        assert status.hidden == frozenset({0})
        assert status.rollup is not None
        assert status.rollup.max_lag_ms is None


def test_what_was_dropped_stays_in_the_rollup(store: Store) -> None:
    """It is gone, so that nobody can tell what it would come to without the hidden."""
    store.record(success(ROUTE, row()))
    polled = snapshot_of(SIBLING, row(), dropped=4)

    store.record(Outcome(SIBLING, 0.0, 0.5, polled))

    status = status_of(store, SIBLING)
    assert status.hidden == frozenset({0})
    assert status.rollup is polled.rollup


def test_items_share_no_duplicates(store: Store) -> None:
    """The plan and the item are labels too."""
    store.record(success(ROUTE, row(source="rmq-third")))
    store.record(success(OTHER, row(source="rmq-third")))

    assert all(groups_shown(status_of(store, route)) for route in (ROUTE, OTHER))


def test_a_hidden_row_reappears_when_the_other_route_goes(store: Store) -> None:
    """What hid it is not polled any more."""
    store.record(success(ROUTE, row()))
    store.record(success(SIBLING, row()))
    assert groups_shown(status_of(store, SIBLING)) == []

    store.set_routes([SIBLING])

    status = status_of(store, SIBLING)
    assert groups_shown(status) == ["orders"]
    assert status.rollup is not None
    assert status.rollup.states[State.OK] == 1


def test_a_hidden_row_reappears_when_the_other_goes_stale(
    store: Store, clock: FakeClock
) -> None:
    """What is withdrawn hides nothing, whoever looks first."""
    store.record(success(ROUTE, row()))
    clock.now += STALE_AFTER / 2
    store.record(success(SIBLING, row()))
    assert groups_shown(status_of(store, SIBLING)) == []

    clock.now += STALE_AFTER / 2

    status = status_of(store, SIBLING)
    assert groups_shown(status) == ["orders"]
    assert status.rollup is not None
    assert status.rollup.states[State.OK] == 1


def test_a_hidden_row_reappears_when_the_other_poll_lacks_it(store: Store) -> None:
    """The other's next poll did not find it."""
    store.record(success(ROUTE, row()))
    store.record(success(SIBLING, row()))

    store.record(success(ROUTE))

    assert groups_shown(status_of(store, SIBLING)) == ["orders"]


async def test_what_was_weighed_is_not_searched_again(store: Store) -> None:
    """Two large routes of a two-way item are compared with pauses, before `record`."""
    rows = [row(n, f"GID_{n}") for n in range(400)]
    here, there = snapshot_of(ROUTE, *rows), snapshot_of(SIBLING, *rows)
    elsewhere = snapshot_of(OTHER, *rows)
    expected = new_store(FakeClock())
    for snapshot in (here, there):
        outcome = Outcome(snapshot.route, 0.0, 0.1, snapshot)
        expected.record(outcome)
        weighed = await store.weigh(snapshot)
        await store.weigh(elsewhere)
        with counted_calls() as calls:
            store.record(outcome, weighed)
        assert calls.count < 100

    for route in (ROUTE, SIBLING):
        assert status_of(store, route).hidden == status_of(expected, route).hidden
        assert status_of(store, route).rollup == status_of(expected, route).rollup
    assert len(status_of(store, SIBLING).hidden) == 400


async def test_what_was_weighed_for_another_snapshot_is_not_taken(store: Store) -> None:
    """A sibling's poll may end in between."""
    old, new = (snapshot_of(SIBLING, row(1, f"GID_{n}")) for n in (1, 2))
    own = snapshot_of(ROUTE, row(1, "GID_2"))
    store.record(Outcome(SIBLING, 0.0, 0.1, old))
    weighed = await store.weigh(own)
    store.record(Outcome(SIBLING, 0.0, 0.1, new))

    store.record(Outcome(ROUTE, 0.0, 0.1, own), weighed)

    assert status_of(store, SIBLING).hidden == {0}


async def test_a_sibling_that_changes_meanwhile_is_weighed_too(store: Store) -> None:
    """What is given back fits the store as it is then."""
    rows = [row(n, f"GID_{n}") for n in range(400)]
    new, own = snapshot_of(SIBLING, *rows), snapshot_of(ROUTE, *rows)
    store.record(success(SIBLING, row(1, "GID_X")))

    weighing = asyncio.create_task(store.weigh(own))
    await asyncio.sleep(0)
    store.record(Outcome(SIBLING, 0.0, 0.1, new))
    weighed = await weighing

    with counted_calls() as calls:
        store.record(Outcome(ROUTE, 0.0, 0.1, own), weighed)
    assert calls.count < 100
    assert len(status_of(store, SIBLING).hidden) == 400


async def test_a_route_that_is_gone_weighs_nothing(store: Store) -> None:
    """Its last poll may end when it is no longer polled."""
    store.set_routes([SIBLING])
    store.record(success(SIBLING, row()))
    own = snapshot_of(ROUTE, row())

    store.record(Outcome(ROUTE, 0.0, 0.1, own), await store.weigh(own))

    assert groups_shown(status_of(store, SIBLING)) == ["orders"]
