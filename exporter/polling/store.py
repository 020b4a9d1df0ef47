"""The present state of every route: its last poll, and the snapshot that is shown.

It does no I/O and renders nothing; the poller writes to it, metrics and pages read it.
"""

from __future__ import annotations

import asyncio
import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from exporter.model.errors import NOWHERE, CloudError, Origin, Reason
from exporter.model.types import Route, RouteStatus, Snapshot
from exporter.polling.duplicates import Search, Shown, found, search

Weighed = tuple[Sequence[Snapshot], Mapping[Route, Shown]]
"""What is shown of each route of an item, if these are its snapshots."""

NOT_WEIGHED: Weighed = (), MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one poll ended: with a snapshot, or with the reason why there is none.

    `ended_at` is Unix seconds, `duration` seconds.
    """

    route: Route
    ended_at: float
    duration: float
    result: Snapshot | Reason
    error: CloudError | None = None


class Store:
    """Holds a `RouteStatus` for each route, in the order of the routes.

    `stale_after` is seconds; `clock` is monotonic, so that a stepped wall clock
    withdraws nothing. `version` moves with each change.
    """

    def __init__(
        self, *, stale_after: float, max_checkpoints: int, clock: Callable[[], float]
    ) -> None:
        self._stale_after = stale_after
        self._max_checkpoints = max_checkpoints
        self._clock = clock
        self._statuses: dict[Route, RouteStatus] = {}
        self._siblings: dict[tuple[str, str], list[Route]] = {}
        self._shown = 0
        # Not before then need anybody look for what has gone stale.
        self._next_stale_at = math.inf
        self.version = 0

    def reconfigure(self, *, stale_after: float, max_checkpoints: int) -> None:
        """Go by other limits: of age at once, of number as each route is polled."""
        self._stale_after = stale_after
        self._max_checkpoints = max_checkpoints
        self._next_stale_at = -math.inf

    def set_routes(self, routes: Iterable[Route]) -> None:
        """Keep these routes and no others; those that stay keep what is known."""
        before = self._statuses
        self._statuses = {
            route: before.get(route, RouteStatus(route)) for route in sorted(routes)
        }
        siblings = defaultdict(list)
        for route in self._statuses:
            siblings[route.plan_id, route.item_id].append(route)
        self._siblings = dict(siblings)
        for item in {(r.plan_id, r.item_id) for r in before if r not in self._statuses}:
            self._hide_duplicates(self._siblings.get(item, ()))
        self._recount()

    async def weigh(self, snapshot: Snapshot) -> Weighed:
        """Work out what `record` will hide if it is given this next, with pauses.

        The routes of a two-way item may have a hundred thousand rows in common. What
        comes of it holds until others have their turn.
        """
        snapshots = self._beside(snapshot)
        while True:
            shown = await _found_in_turns(search(snapshots))
            before, snapshots = snapshots, self._beside(snapshot)
            # A sibling's poll may have ended meanwhile.
            if _are_the_same(before, snapshots):
                return snapshots, shown

    def record(self, outcome: Outcome, weighed: Weighed = NOT_WEIGHED) -> None:
        """Take in how a poll ended; a route that is no longer polled is ignored.

        What it costs does not grow with the number of routes, nor, with what `weigh`
        has found, with that of duplicates.
        """
        if outcome.route not in self._statuses:
            return
        self._withdraw_stale()
        status = self._statuses[outcome.route]
        status = replace(status, polls=status.polls + 1, duration=outcome.duration)
        if isinstance(outcome.result, Reason):
            origin = NOWHERE if outcome.error is None else outcome.error.origin
            failed = _failed(status, outcome.result, origin)
            self._statuses[outcome.route] = failed
        else:
            self._publish(status, outcome.result, outcome.ended_at)
            self._hide_duplicates(self._siblings_of(outcome.route), weighed)
        self.version += 1

    def statuses(self) -> Sequence[RouteStatus]:
        """Return every route's status, without the snapshots that have gone stale."""
        self._withdraw_stale()
        return tuple(self._statuses.values())

    def siblings(self, route: Route) -> Sequence[RouteStatus]:
        """Return the statuses of the routes of one item, this one's included."""
        self._withdraw_stale()
        return tuple(self._statuses[sibling] for sibling in self._siblings_of(route))

    def is_tried(self) -> bool:
        """Return whether every route has been polled at least once, well or badly."""
        return all(status.polls for status in self._statuses.values())

    def room_for(self, route: Route) -> int:
        """Return how many checkpoints of this route may have series of their own."""
        self._withdraw_stale()
        return self._room(self._statuses.get(route, RouteStatus(route)).snapshot)

    def _publish(
        self, status: RouteStatus, snapshot: Snapshot, ended_at: float
    ) -> None:
        fit = self._fit(snapshot, status.snapshot)
        now = self._clock()
        self._next_stale_at = min(self._next_stale_at, now + self._stale_after)
        self._shown += len(fit) - (len(status.snapshot) if status.snapshot else 0)
        self._statuses[status.route] = replace(
            status,
            is_up=True,
            reason=None,
            origin=NOWHERE,
            last_success_at=ended_at,
            snapshot=fit,
            rollup=fit.rollup,
            hidden=frozenset(),
            published_at=now,
        )

    def _withdraw_stale(self) -> None:
        """Let go of what is stale, which then takes no room and hides nothing."""
        now = self._clock()
        if now < self._next_stale_at:
            return
        shown = [s for s in self._statuses.values() if s.snapshot is not None]
        stale = [s for s in shown if s.published_at + self._stale_after <= now]
        for status in stale:
            self._statuses[status.route] = replace(
                status, snapshot=None, rollup=None, hidden=frozenset()
            )
        for status in stale:
            self._hide_duplicates(self._siblings_of(status.route))
        if stale:
            self._recount()
        ends = (status.published_at + self._stale_after for status in shown)
        self._next_stale_at = min((end for end in ends if end > now), default=math.inf)

    def _room(self, previous: Snapshot | None) -> int:
        own = 0 if previous is None else len(previous)
        return max(0, self._max_checkpoints - self._shown + own)

    def _fit(self, snapshot: Snapshot, previous: Snapshot | None) -> Snapshot:
        over = len(snapshot) - self._room(previous)
        if over <= 0:
            return snapshot
        return replace(
            snapshot,
            columns=snapshot.columns.first(len(snapshot) - over),
            dropped=snapshot.dropped + over,
        )

    def _siblings_of(self, route: Route) -> Sequence[Route]:
        return self._siblings.get((route.plan_id, route.item_id), ())

    def _hide_duplicates(
        self, routes: Sequence[Route], weighed: Weighed = NOT_WEIGHED
    ) -> None:
        snapshots = self._snapshots_of(routes)
        of, shown = weighed
        if not _are_the_same(of, snapshots):
            shown = found(search(snapshots))
        for snapshot in snapshots:
            status, now = self._statuses[snapshot.route], shown[snapshot.route]
            if status.hidden != now.hidden:
                self._statuses[snapshot.route] = replace(
                    status, hidden=now.hidden, rollup=now.rollup
                )

    def _beside(self, snapshot: Snapshot) -> list[Snapshot]:
        """Return what its item's routes will have once this snapshot is recorded."""
        routes = self._siblings_of(snapshot.route)
        statuses = {route: self._statuses[route].snapshot for route in routes}
        beside = statuses | {snapshot.route: snapshot}
        return [each for each in beside.values() if each is not None]

    def _snapshots_of(self, routes: Sequence[Route]) -> list[Snapshot]:
        snapshots = (self._statuses[route].snapshot for route in routes)
        return [snapshot for snapshot in snapshots if snapshot is not None]

    def _recount(self) -> None:
        self.version += 1
        snapshots = (status.snapshot for status in self._statuses.values())
        self._shown = sum(len(snapshot) for snapshot in snapshots if snapshot)


async def _found_in_turns(searching: Search) -> Mapping[Route, Shown]:
    while True:
        try:
            next(searching)
        except StopIteration as end:
            result: Mapping[Route, Shown] = end.value
            return result
        await asyncio.sleep(0)


def _are_the_same(some: Sequence[Snapshot], others: Sequence[Snapshot]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _failed(status: RouteStatus, reason: Reason, origin: Origin) -> RouteStatus:
    count = status.failures[reason] + 1
    failures = MappingProxyType({**status.failures, reason: count})
    return replace(status, is_up=False, reason=reason, origin=origin, failures=failures)
