"""Which checkpoints get series of their own when there are too many."""

from __future__ import annotations

import pytest
from core_cases import (
    OTHER,
    ROUTE,
    SIBLING,
    groups_shown,
    row,
    success,
)
from exposition_cases import FakeClock, snapshot_of
from hypothesis import given
from hypothesis import strategies as st
from store_bench import MAX_CHECKPOINTS, STALE_AFTER, dropped_of, new_store, status_of

from exporter.model.types import Route
from exporter.polling.store import Outcome, Store


@pytest.fixture
def clock() -> FakeClock:
    """Return a monotonic clock; it begins where Unix time is not."""
    return FakeClock(50.0)


@pytest.fixture
def store(clock: FakeClock) -> Store:
    """Return a store of three routes, two of them of one item."""
    return new_store(clock)


def test_room_is_what_other_routes_leave(store: Store, clock: FakeClock) -> None:
    """A route's own rows do not stand in its way, stale ones in nobody's."""
    store.record(success(ROUTE, *(row(n, str(n)) for n in range(400))))
    clock.now += STALE_AFTER / 2
    store.record(success(OTHER, *(row(n, str(n)) for n in range(500))))

    assert store.room_for(ROUTE) == 500
    assert store.room_for(SIBLING) == 100
    assert store.room_for(OTHER) == 600

    clock.now += STALE_AFTER / 2

    assert store.room_for(OTHER) == MAX_CHECKPOINTS


def test_checkpoints_over_the_limit_are_counted_but_not_shown(
    clock: FakeClock,
) -> None:
    """Polls that began with the same room do not share it twice."""
    store = new_store(clock, max_checkpoints=3)
    rooms = {store.room_for(route) for route in (ROUTE, OTHER)}

    store.record(success(ROUTE, row(1, "a"), row(2, "b")))
    store.record(success(OTHER, row(3, "c"), row(4, "d"), row(5, "e")))

    assert rooms == {3}
    assert groups_shown(status_of(store, ROUTE)) == ["a", "b"]
    cut = status_of(store, OTHER)
    assert groups_shown(cut) == ["c"]
    assert dropped_of(store, OTHER) == 2
    assert cut.rollup is not None
    assert sum(cut.rollup.states.values()) == 3


def test_what_the_poll_dropped_and_what_is_cut_add_up(clock: FakeClock) -> None:
    """The poll itself kept to the room it was given, which has shrunk since."""
    store = new_store(clock, max_checkpoints=2)
    store.record(success(OTHER, row(1, "a")))
    polled = snapshot_of(ROUTE, row(2, "b"), row(3, "c"), dropped=4)

    store.record(Outcome(ROUTE, 0.0, 0.5, polled))

    assert groups_shown(status_of(store, ROUTE)) == ["b"]
    assert dropped_of(store, ROUTE) == 5


def test_freed_room_is_used_by_the_next_poll(clock: FakeClock) -> None:
    """Nothing is dropped for good."""
    store = new_store(clock, max_checkpoints=2)
    store.record(success(ROUTE, row(1, "a"), row(2, "b")))
    store.record(success(OTHER, row(3, "c")))
    assert dropped_of(store, OTHER) == 1

    store.record(success(ROUTE, row(1, "a")))
    store.record(success(OTHER, row(3, "c")))

    assert groups_shown(status_of(store, OTHER)) == ["c"]
    assert dropped_of(store, OTHER) == 0


def test_stale_checkpoints_leave_their_room(clock: FakeClock) -> None:
    """A poll that began before they went stale is not cut for their sake."""
    store = new_store(clock, max_checkpoints=2)
    store.record(success(ROUTE, row(1, "a"), row(2, "b")))
    clock.now += STALE_AFTER

    store.record(success(OTHER, row(3, "c"), row(4, "d")))

    assert groups_shown(status_of(store, OTHER)) == ["c", "d"]


def test_without_room_a_route_is_rolled_up_only(clock: FakeClock) -> None:
    """`max_checkpoints` of 0 leaves the rollups, which cost nothing."""
    store = new_store(clock, max_checkpoints=0)

    store.record(success(ROUTE, row(), row(2, "b")))

    status = status_of(store, ROUTE)
    assert (store.room_for(ROUTE), groups_shown(status)) == (0, [])
    assert dropped_of(store, ROUTE) == 2
    assert status.rollup is not None
    assert status.rollup.lag_count == 2


@given(
    st.lists(
        st.tuples(st.sampled_from([ROUTE, SIBLING, OTHER]), st.integers(0, 5)),
        max_size=8,
    )
)
def test_there_are_never_more_series_than_allowed(
    polls: list[tuple[Route, int]],
) -> None:
    """Room goes to whoever polls first, and nothing is dropped while there is some."""
    store = new_store(FakeClock(), max_checkpoints=7)
    for route, count in polls:
        store.record(success(route, *(row(n, str(n)) for n in range(count))))

        shown = [len(s.snapshot) for s in store.statuses() if s.snapshot is not None]
        assert sum(shown) <= 7
        latest = status_of(store, route).snapshot
        assert latest is not None
        assert len(latest) + latest.dropped == count
        assert latest.dropped == 0 or sum(shown) == 7
