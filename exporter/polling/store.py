"""The present status of every route: its last poll, and the snapshot that is shown."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from types import MappingProxyType

from exporter.model import lag
from exporter.model.delay import extended
from exporter.model.errors import CloudError
from exporter.model.time_slicer import SLICE_ROWS, TimeSlicer
from exporter.model.types import Labels, Limits, Route, RouteStatus, Snapshot

# How long polls are remembered, in seconds and in objectives for lag: a delay of three
# objectives is critical, and has to be told.
SHORTEST_HISTORY = 7_200.0
HISTORY_OBJECTIVES = 8


@dataclass(frozen=True, slots=True)
class PollResult:
    """How one poll ended: with a snapshot or an error.

    `ended_at` is Unix seconds, `duration` seconds.
    """

    route: Route
    ended_at: float
    duration: float
    outcome: Snapshot | CloudError

    @property
    def error(self) -> CloudError | None:
        """Return what the poll failed with, None after a success."""
        return self.outcome if isinstance(self.outcome, CloudError) else None


Prepare = Callable[[Sequence[RouteStatus]], Awaitable[None]]
"""Renders statuses that are about to be shown, so that no scrape waits for it."""


class Store:
    """Holds a `RouteStatus` for each route, in the order of the routes.

    `stale_after` is seconds; `clock` is monotonic, so that a stepped wall clock
    withdraws nothing. `version` moves with each change.
    """

    def __init__(
        self, *, stale_after: float, max_checkpoints: int, clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._statuses: dict[Route, RouteStatus] = {}
        self._items: dict[tuple[str, str], list[Route]] = {}
        # How many rows each route shows, in the order in which they go stale.
        self._rows: dict[Route, int] = {}
        self._publishing = asyncio.Lock()
        self.version = 0
        self.set_limits(stale_after=stale_after, max_checkpoints=max_checkpoints)

    def set_limits(self, *, stale_after: float, max_checkpoints: int) -> None:
        """Set other limits: of age at once, of number as each route is polled."""
        self._stale_after = stale_after
        self._max_checkpoints = max_checkpoints

    def set_routes(self, routes: Iterable[Route]) -> None:
        """Keep these routes and no others; those that stay keep what is known."""
        before = self._statuses
        self._statuses = {
            route: before.get(route, RouteStatus(route)) for route in sorted(routes)
        }
        self._rows = {r: rows for r, rows in self._rows.items() if r in self._statuses}
        self._items = {}
        for route in self._statuses:
            self._items.setdefault((route.plan_id, route.item_id), []).append(route)
        self.version += 1

    async def publish(self, poll: PollResult, prepare: Prepare, limits: Limits) -> None:
        """Record how a poll ended, unless its route is not polled any more.

        The work is done in slices, and then seen as a whole. `prepare` is given what a
        complete poll changes; `limits` are of the route's plan.
        """
        async with self._publishing:
            changed = await self._changed_by(poll, limits)
            if not isinstance(poll.outcome, CloudError):
                await prepare(changed)
            for status in changed:
                before = self._statuses.get(status.route)
                # A route may be gone by now, or the rows of a sibling withdrawn.
                if before is not None and (
                    status.route == poll.route or status.snapshot is before.snapshot
                ):
                    self._record(status)

    def statuses(self) -> Sequence[RouteStatus]:
        """Return every route's status, without the snapshots that have gone stale."""
        self._withdraw_stale()
        return tuple(self._statuses.values())

    def is_tried(self) -> bool:
        """Return whether every route has been polled at least once, well or badly."""
        return all(status.polls for status in self._statuses.values())

    def series_budget(self, route: Route) -> int:
        """Return how many checkpoints of this route may have series of their own."""
        self._withdraw_stale()
        others = sum(self._rows.values()) - self._rows.get(route, 0)
        return max(0, self._max_checkpoints - others)

    async def _changed_by(
        self, poll: PollResult, limits: Limits
    ) -> Sequence[RouteStatus]:
        """Return the statuses that a poll changes: its own and those of its siblings.

        Another route of the item may win or lose rows that both have.
        """
        self._withdraw_stale()
        route = poll.route
        status = self._statuses.get(route)
        if status is None:
            return ()
        if isinstance(poll.outcome, CloudError):
            return [_after_failure(status, poll, poll.outcome)]
        polled = await self._after_success(status, poll, poll.outcome, limits)
        routes = self._items[route.plan_id, route.item_id]
        item = [polled if each == route else self._statuses[each] for each in routes]
        hidden: dict[Route, frozenset[int]] = defaultdict(frozenset)
        for one, other in combinations([s.snapshot for s in item if s.snapshot], 2):
            for each, rows in (await resolve_duplicates(one, other)).items():
                hidden[each] |= rows
        return [await _hiding(s, hidden[s.route], limits) for s in item]

    async def _after_success(
        self, status: RouteStatus, poll: PollResult, found: Snapshot, limits: Limits
    ) -> RouteStatus:
        """Return a status with a snapshot of which nothing is summed up yet."""
        snapshot, now = self._cut(found), self._clock()
        columns = snapshot.columns
        keep = max(SHORTEST_HISTORY, HISTORY_OBJECTIVES * limits.lag)
        history = await extended(
            status.history,
            columns.checkpoint_ids,
            columns.source_ms,
            columns.target_ms,
            at_ms=round(now * 1000),
            keep_ms=round(keep * 1000),
        )
        columns = replace(columns, delay_ms=history.delay_ms)
        return RouteStatus(
            route=status.route,
            polls=status.polls + 1,
            failures=status.failures,
            is_up=True,
            last_success_at=poll.ended_at,
            duration=poll.duration,
            snapshot=replace(snapshot, columns=columns),
            published_at=now,
            history=history,
        )

    def _withdraw_stale(self) -> None:
        """Withdraw what is stale. What it hid is shown from the item's next poll on."""
        latest = self._clock() - self._stale_after
        while self._rows:
            status = self._statuses[next(iter(self._rows))]
            if status.published_at > latest:
                break
            self._record(
                replace(status, snapshot=None, rollup=None, hidden=frozenset())
            )

    def _record(self, status: RouteStatus) -> None:
        before = self._statuses[status.route]
        if status.snapshot is not before.snapshot:
            self._rows.pop(status.route, None)
            if status.snapshot is not None:
                self._rows[status.route] = len(status.snapshot)
        self._statuses[status.route] = status
        self.version += 1

    def _cut(self, snapshot: Snapshot) -> Snapshot:
        """Drop the checkpoints that exceed the series budget by now."""
        budget = self.series_budget(snapshot.route)
        if len(snapshot) <= budget:
            return snapshot
        return replace(
            snapshot,
            columns=snapshot.columns.first(budget),
            index={key: row for key, row in snapshot.index.items() if row < budget},
        )


def _after_failure(
    status: RouteStatus, poll: PollResult, error: CloudError
) -> RouteStatus:
    failures = {**status.failures, error.reason: status.failures[error.reason] + 1}
    return replace(
        status,
        polls=status.polls + 1,
        failures=MappingProxyType(failures),
        is_up=False,
        error=error,
        duration=poll.duration,
    )


async def _hiding(
    status: RouteStatus, hidden: frozenset[int], limits: Limits
) -> RouteStatus:
    """Return a status that hides these rows of its snapshot, and counts the others."""
    snapshot, polled_at = status.snapshot, status.last_success_at
    if snapshot is None or polled_at is None:
        return status
    if status.rollup is not None and hidden == status.hidden:
        return status
    now_ms = round(polled_at * 1000)
    rollup = await lag.roll_up(snapshot.columns, limits, now_ms, hidden)
    return replace(status, hidden=hidden, rollup=rollup)


async def resolve_duplicates(
    one: Snapshot, other: Snapshot
) -> Mapping[Route, frozenset[int]]:
    """Return the rows to hide of two routes of one item, so that no label set is twice.

    Kept is the row whose source is its route's own instance, then the larger lag, then
    that of the first route. There may be a hundred thousand, so it is done in slices.
    """
    hidden: dict[Route, set[int]] = {one.route: set(), other.route: set()}
    # Routes without an index list nothing but their own instance's checkpoints.
    indexed, listed = (one, other) if one.index else (other, one)
    slicer = TimeSlicer()
    for row, labels in enumerate(_labels(listed) if indexed.index else ()):
        if row % SLICE_ROWS == 0:
            await slicer.pause()
        rival = indexed.index.get(labels)
        if rival is None:
            continue
        rank, rivals = _rank(listed, row), _rank(indexed, rival)
        # Of equals the first route's stays, whichever has the index.
        if (rank, indexed.route) > (rivals, listed.route):
            hidden[indexed.route].add(rival)
        else:
            hidden[listed.route].add(row)
    return {route: frozenset(rows) for route, rows in hidden.items()}


def _labels(snapshot: Snapshot) -> Iterator[Labels]:
    columns = snapshot.columns
    return zip(
        columns.groups,
        columns.topics,
        columns.source_instance_ids,
        columns.target_instance_ids,
        strict=True,
    )


def _rank(snapshot: Snapshot, row: int) -> tuple[bool, float]:
    columns = snapshot.columns
    ms = lag.sync_lag_ms(columns.source_ms[row], columns.target_ms[row])
    is_own = columns.source_instance_ids[row] == snapshot.route.source_instance_id
    return is_own, -math.inf if ms is None else ms
