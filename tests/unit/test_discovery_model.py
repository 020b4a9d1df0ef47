"""Discovery and store beside a model, while plans and items come, go, fail and heal.

The store alone has its model in `test_store`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import cast

from core_cases import (
    HERE,
    REGION,
    THERE,
    FakePlanReader,
    failure,
    item,
    one_way,
    row,
    success,
    two_way,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from store_bench import publish

from exporter.cloud.client import CloudClient
from exporter.config.settings import PlanSettings, Settings
from exporter.model.errors import Reason, UnavailableError
from exporter.model.types import Missing, Route
from exporter.polling.discovery import Discovery
from exporter.polling.store import Store

PLANS = ("1", "2", "3")
CONFIGURED = ("1", "2")
plan_ids = st.sampled_from(PLANS)
some_items = st.sets(st.sampled_from(["10", "11", "12"]))


@dataclass
class Upstream:
    """What the model's cloud holds of one plan."""

    is_two_way: bool
    is_running: bool
    items: frozenset[str]

    def routes(self, plan_id: str) -> set[Route]:
        """Return a route for each item and side that sends."""
        sides = (HERE, THERE) if self.is_two_way else (HERE,)
        return {Route(plan_id, i, side, REGION) for i in self.items for side in sides}


@dataclass
class Model:
    """What should be known: of the cloud, of each plan, of each route."""

    upstream: dict[str, Upstream] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    routes: dict[str, set[Route]] = field(default_factory=dict)
    polls: dict[Route, list[bool]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def look(self, configured: tuple[str, ...]) -> int:
        """Take over what a look-up of everything shows; return how many failed."""
        if not configured and "list" in self.broken:
            return 1
        ids = configured or tuple(self.upstream)
        before, self.routes = self.routes, {}
        failed = 0
        for plan_id in ids:
            if self._fails(plan_id, is_configured=bool(configured)):
                failed += 1
                self.routes[plan_id] = before.get(plan_id, set())
            else:
                is_gone = plan_id not in self.upstream
                self.gone = self.gone - {plan_id} | ({plan_id} if is_gone else set())
                self.routes[plan_id] = self._present(
                    plan_id, is_configured=bool(configured)
                )
        wanted = set[Route]().union(*self.routes.values())
        self.polls = {route: self.polls.get(route, []) for route in wanted}
        return failed

    def _fails(self, plan_id: str, *, is_configured: bool) -> bool:
        if plan_id not in self.broken:
            return False
        # Of a plan that is listed and does not run, nothing more is asked.
        return is_configured or self.upstream[plan_id].is_running

    def _present(self, plan_id: str, *, is_configured: bool) -> set[Route]:
        held = self.upstream.get(plan_id)
        is_polled = held is not None and (is_configured or held.is_running)
        return held.routes(plan_id) if held is not None and is_polled else set()


class DiscoveredRoutes(RuleBasedStateMachine):
    """Does everything to both, and compares what can be seen."""

    @initialize(is_configured=st.booleans())
    def begin(self, *, is_configured: bool) -> None:
        """Begin with an empty cloud, and with a list of plans or without."""
        self.configured = CONFIGURED if is_configured else ()
        plans = tuple(PlanSettings(id=plan_id) for plan_id in self.configured)
        self.runner = asyncio.Runner()
        self.cloud, self.model = FakePlanReader(), Model()
        self.reasons: list[Reason] = []
        self.discovery = Discovery(
            cast(CloudClient, self.cloud),
            Settings(plans=plans),
            on_failure=self.reasons.append,
        )
        self.store = Store(stale_after=1e9, max_checkpoints=99, clock=lambda: 0.0)
        self.refresh()

    @rule(plan_id=plan_ids, runs=st.booleans(), both=st.booleans(), items=some_items)
    def hold(self, plan_id: str, items: set[str], *, runs: bool, both: bool) -> None:
        """Have a plan appear, or change: its kind, its status, its items."""
        plan = two_way(plan_id) if both else one_way(plan_id)
        plan = replace(plan, status="RUNNING" if runs else "STOPPED")
        self.cloud.hold(plan, *(item(plan_id, each) for each in sorted(items)))
        self.model.upstream[plan_id] = Upstream(both, runs, frozenset(items))

    @rule(plan_id=plan_ids)
    def vanish(self, plan_id: str) -> None:
        """Have a plan deleted."""
        self.cloud.plans.pop(plan_id, None)
        self.model.upstream.pop(plan_id, None)

    @rule(what=st.sampled_from(["list", *PLANS]))
    def break_down(self, what: str) -> None:
        """Have the list fail, or the look-up of one plan."""
        self.model.broken.add(what)
        for asked in (what, f"items {what}"):
            self.cloud.errors[asked] = UnavailableError("down")

    @rule()
    def heal(self) -> None:
        """Have everything answer again."""
        self.model.broken.clear()
        self.cloud.errors.clear()

    @rule()
    def refresh(self) -> None:
        """Discover: whole exactly if nothing failed, and each failure is counted."""
        self.reasons.clear()
        failed = self.model.look(self.configured)
        is_whole = self.runner.run(self.discovery.refresh())
        assert is_whole == (failed == 0)
        assert self.reasons == [Reason.UNAVAILABLE] * failed
        self.store.set_routes(self.discovery.inventory.routes)

    @precondition(lambda self: self.model.polls)
    @rule(choice=st.integers(0, 99), is_good=st.booleans())
    def poll(self, choice: int, *, is_good: bool) -> None:
        """End the poll of a route that is polled."""
        routes = sorted(self.model.polls)
        route = routes[choice % len(routes)]
        publish(self.store, success(route, row()) if is_good else failure(route))
        self.model.polls[route].append(is_good)

    @invariant()
    def what_is_polled_is_what_was_seen_last(self) -> None:
        """No route is lost to a failure, none outlives its plan or item."""
        assert {status.route for status in self.store.statuses()} == set(
            self.model.polls
        )

    @invariant()
    def what_stays_keeps_its_status(self) -> None:
        """Counters, the last outcome and the snapshot; what comes back begins again."""
        for status in self.store.statuses():
            polls = self.model.polls[status.route]
            assert status.polls == len(polls)
            assert sum(status.failures.values()) == polls.count(False)
            assert status.is_up == (polls[-1] if polls else None)
            assert (status.snapshot is not None) == (True in polls)

    @invariant()
    def what_is_configured_and_gone_is_told(self) -> None:
        """By the last look that succeeded: a failure says neither."""
        gone = {Missing("plan", plan_id) for plan_id in self.model.gone}
        assert self.discovery.inventory.missing == gone

    def teardown(self) -> None:
        """Close the loop."""
        self.runner.close()


TestDiscoveredRoutes = DiscoveredRoutes.TestCase
TestDiscoveredRoutes.settings = settings(stateful_step_count=15, deadline=None)
