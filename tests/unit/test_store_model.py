"""The store against a naive one, over any sequence of polls, failures and time."""

from __future__ import annotations

from dataclasses import dataclass

from core_cases import HERE, OTHER, ROUTE, SIBLING, THERE, failure, row, success
from exposition_cases import FakeClock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from store_bench import publish

from exporter.model.errors import Reason
from exporter.model.lag import rollup, sync_lag_ms
from exporter.model.types import Checkpoint, Route
from exporter.polling.store import Store

STALE_AFTER = 100
ROUTES = (ROUTE, SIBLING, OTHER)

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

    @rule(seconds=st.sampled_from([1, 40, 60, 100]))
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
            assert shown == kept
            assert status.rollup == rollup(
                [row.source_ms for row in kept],
                [row.target_ms for row in kept],
                [row.last_sync_ms for row in kept],
            )

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
