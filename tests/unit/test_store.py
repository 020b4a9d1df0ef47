"""What is shown of each route, for how long, and once where two routes have it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest
from core_cases import (
    HERE,
    OTHER,
    ROUTE,
    SIBLING,
    SYNCED_AT_MS,
    THERE,
    failure,
    groups_shown,
    row,
    success,
)
from exposition_cases import FakeClock, columns_of, snapshot_of, times_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from store_bench import (
    LIMITS,
    MAX_CHECKPOINTS,
    STALE_AFTER,
    dropped_of,
    new_store,
    prepare_nothing,
    publish,
    status_of,
)

from exporter.model.errors import Reason
from exporter.model.lag import rollup, sync_lag_ms
from exporter.model.time_slicer import TimeSlicer
from exporter.model.types import UNKNOWN_DELAY_MS, Checkpoint, Route
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


def test_all_are_tried_once_each_has_ended_a_poll(store: Store) -> None:
    """Well or badly: readiness does not depend on the cloud."""
    publish(store, success(ROUTE), failure(SIBLING))
    assert not store.is_tried()

    publish(store, failure(OTHER))

    assert store.is_tried()


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


def test_what_was_dropped_is_counted_beside_hidden_rows(store: Store) -> None:
    """It has no labels, so that nobody can tell whether a sibling has it too."""
    polled = snapshot_of(SIBLING, row(), dropped=4)

    publish(store, success(ROUTE, row()), PollResult(SIBLING, 0.0, 0.5, polled))

    status = status_of(store, SIBLING)
    assert status.hidden == frozenset({0})
    assert status.rollup is not None
    assert sum(status.rollup.states.values()) == 4


def test_a_delay_is_counted_from_the_poll_that_saw_it_first(
    store: Store, clock: FakeClock
) -> None:
    """By the monotonic clock, over an outage in which the rows went stale, too."""
    publish(store, success(ROUTE, row(last_sync_ms=1_000)))
    clock.now += STALE_AFTER
    assert status_of(store, ROUTE).snapshot is None
    clock.now += 1

    publish(store, success(ROUTE, row(last_sync_ms=1_000), at=SYNCED_AT_MS / 1000))

    status = status_of(store, ROUTE)
    rollup = status.rollup
    assert rollup is not None
    assert (rollup.max_delay_ms, rollup.late) == (301_000, 1)
    assert (rollup.stalled, rollup.ready) == (1, 0)
    assert status.history.seconds == STALE_AFTER + 1


async def test_a_delay_of_many_objectives_can_be_told(
    store: Store, clock: FakeClock
) -> None:
    """Polls are remembered for as long as that takes, and not for ever."""
    for _ in range(12):
        limits = replace(LIMITS, lag=3_600.0)
        await store.publish(success(ROUTE, row()), prepare_nothing, limits)
        clock.now += 3_600

    assert 3 * 3_600 < status_of(store, ROUTE).history.seconds <= 8 * 3_600


def test_a_dropped_route_starts_its_delays_again(
    store: Store, clock: FakeClock
) -> None:
    """A plan that comes back may be another of the same name."""
    publish(store, success(ROUTE, row()))
    store.set_routes([OTHER])
    store.set_routes([ROUTE, OTHER])
    clock.now += 60

    publish(store, success(ROUTE, row()))

    status = status_of(store, ROUTE)
    assert status.rollup is not None
    assert (status.rollup.max_delay_ms, status.history.seconds) == (0, 0)


def test_a_sibling_whose_rows_stay_keeps_its_status(store: Store) -> None:
    """So nothing of it is rendered again."""
    publish(store, success(ROUTE, row()), success(SIBLING, row()))
    before = status_of(store, SIBLING)

    publish(store, success(ROUTE, row()))

    assert status_of(store, SIBLING) is before


@pytest.mark.parametrize("gone", ["sibling", "route", "stale"])
async def test_a_poll_brings_back_nothing_that_is_withdrawn_meanwhile(
    store: Store, clock: FakeClock, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a dropped route nor a sibling whose rows are stale by then."""
    monkeypatch.setattr(store_module, "TimeSlicer", lambda: TimeSlicer(0.0))
    publish(store, success(SIBLING, row()))
    clock.now += STALE_AFTER / 2
    poll = success(ROUTE, row())
    publishing = asyncio.create_task(store.publish(poll, prepare_nothing, LIMITS))
    await asyncio.sleep(0)

    if gone == "sibling":
        store.set_routes([ROUTE])
    elif gone == "route":
        store.set_routes([SIBLING])
    else:
        clock.now += STALE_AFTER / 2
        store.statuses()
    await publishing

    left = SIBLING if gone == "route" else ROUTE
    shown = [s.route for s in store.statuses() if s.snapshot is not None]
    assert shown == [left]
    publish(store, success(left, row()))
    assert groups_shown(status_of(store, left)) == ["orders"]


async def test_polls_that_end_together_hide_each_others_rows(store: Store) -> None:
    """Neither is resolved against what the other was before."""
    await asyncio.gather(
        store.publish(success(ROUTE, *many(400)), prepare_nothing, LIMITS),
        store.publish(success(SIBLING, *many(400)), prepare_nothing, LIMITS),
        store.publish(failure(SIBLING), prepare_nothing, LIMITS),
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
    assert cut.rollup is not None
    assert sum(cut.rollup.states.values()) == 7


def test_a_row_that_was_cut_hides_none(clock: FakeClock) -> None:
    """A checkpoint is shown by the route that has a row for it."""
    store = new_store(clock, max_checkpoints=3)
    strangers = [row(n, f"GID_{n}", source="rmq-third") for n in range(3)]
    publish(store, success(OTHER, row()), success(SIBLING, strangers[2]))

    publish(store, success(ROUTE, *strangers))

    assert groups_shown(status_of(store, ROUTE)) == ["GID_0"]
    assert groups_shown(status_of(store, SIBLING)) == ["GID_2"]


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


THIRD = replace(ROUTE, source_instance_id="rmq-third")
ROUTES = (ROUTE, SIBLING, THIRD, OTHER)

routes = st.sampled_from(ROUTES)
found = st.lists(
    st.builds(
        row,
        st.integers(0, 99),
        st.sampled_from(["a", "b"]),
        source=st.sampled_from([HERE, THERE, "rmq-third", "rmq-fourth"]),
        lag_ms=st.sampled_from([None, -1_000, 0, 1_000, 2_000]),
        last_sync_ms=st.sampled_from([0, 1_740_724_000_000, 1_740_724_080_000]),
    ),
    max_size=6,
    unique_by=lambda row: (row.source_instance_id, row.group),
)


@dataclass
class Known:
    """What the naive store remembers of a route."""

    rows: list[Checkpoint] | None = None
    shown: list[Checkpoint] | None = None
    found_at: float = 0.0
    last_success_at: float | None = None
    polls: int = 0
    failures: int = 0


class NaiveStore(RuleBasedStateMachine):
    """Applies every step to both, and compares all that can be seen."""

    @initialize(chosen=st.sets(routes))
    def begin(self, chosen: set[Route]) -> None:
        """Begin with some routes that were never polled."""
        self.clock = FakeClock(0.0)
        self.store = Store(
            stale_after=STALE_AFTER, max_checkpoints=10_000, clock=self.clock
        )
        self.store.set_routes(chosen)
        self.known = {route: Known() for route in chosen}

    @rule(route=routes, rows=found)
    def succeed(self, route: Route, rows: list[Checkpoint]) -> None:
        """End a poll well."""
        publish(self.store, success(route, *rows, at=1_000 + self.clock.now))
        if (known := self.known.get(route)) is not None:
            known.rows, known.found_at = rows, self.clock.now
            known.last_success_at = 1_000 + self.clock.now
            known.polls += 1
            self._resolve(route)

    @rule(route=routes)
    def fail(self, route: Route) -> None:
        """End a poll badly."""
        publish(self.store, failure(route, Reason.TIMEOUT))
        if (known := self.known.get(route)) is not None:
            known.polls += 1
            known.failures += 1

    @rule(seconds=st.sampled_from([1, 120, 180, 300]))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.clock.now += seconds

    @rule(chosen=st.sets(routes))
    def rediscover(self, chosen: set[Route]) -> None:
        """Poll other routes, or the same."""
        self.store.set_routes(chosen)
        self.known = {route: self.known.get(route, Known()) for route in chosen}

    @invariant()
    def routes_are_the_same(self) -> None:
        """Each route has its counters and its last success, and none is left over."""
        assert [
            (s.route, s.polls, s.failures[Reason.TIMEOUT], s.last_success_at)
            for s in self.store.statuses()
        ] == [
            (route, known.polls, known.failures, known.last_success_at)
            for route, known in sorted(self.known.items())
        ]

    @invariant()
    def rows_are_the_same(self) -> None:
        """What is shown, and what it comes to, is what the contract picks."""
        for status in self.store.statuses():
            known = self.known[status.route]
            kept = known.shown
            if kept is None or not self._is_fresh(known):
                assert (status.snapshot, status.rollup) == (None, None)
                assert status.hidden == frozenset()
                continue
            assert status.snapshot is not None
            rows = list(status.snapshot.columns.rows())
            shown = [row for i, row in enumerate(rows) if i not in status.hidden]
            assert [replace(row, delay_ms=UNKNOWN_DELAY_MS) for row in shown] == kept
            polled_at = round(1000 * (known.last_success_at or 0))
            counted = rollup(times_of(columns_of(shown)), LIMITS, polled_at)
            assert status.rollup == counted

    def _is_fresh(self, known: Known) -> bool:
        return self.clock.now - known.found_at < STALE_AFTER

    def _resolve(self, polled: Route) -> None:
        present = {
            route: known.rows
            for route, known in sorted(self.known.items())
            if known.rows is not None
            and self._is_fresh(known)
            and (route.plan_id, route.item_id) == (polled.plan_id, polled.item_id)
        }
        for route, rows in present.items():
            self.known[route].shown = [
                row
                for row in rows
                if not any(
                    self._gives_way(route, row, other, rival)
                    for other, rivals in present.items()
                    for rival in rivals
                )
            ]

    @staticmethod
    def _gives_way(
        route: Route, row: Checkpoint, other: Route, rival: Checkpoint
    ) -> bool:
        if route == other:
            return False
        if (row.source_instance_id, row.target_instance_id, row.group, row.topic) != (
            rival.source_instance_id,
            rival.target_instance_id,
            rival.group,
            rival.topic,
        ):
            return False
        if route.source_instance_id == row.source_instance_id:
            return False
        if other.source_instance_id == rival.source_instance_id:
            return True
        lag = sync_lag_ms(row.source_ms, row.target_ms)
        rivals = sync_lag_ms(rival.source_ms, rival.target_ms)
        if lag == rivals:
            return other < route
        return lag is None or (rivals is not None and rivals > lag)


TestNaiveStore = NaiveStore.TestCase
TestNaiveStore.settings = settings(stateful_step_count=12, deadline=None)
