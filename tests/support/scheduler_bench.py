"""A scheduler with polls that do as they are told, on virtual time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast

from core_cases import ROUTE, row
from exposition_cases import snapshot_of

from exporter.cloud.client import CloudClient
from exporter.config.settings import PollSettings, Settings
from exporter.model.errors import CloudError
from exporter.model.types import Inventory, Route, RouteStatus, Snapshot
from exporter.polling.discovery import Discovery
from exporter.polling.scheduler import Scheduler
from exporter.polling.store import Store

INTERVAL = 60.0
STARTS_PER_SECOND = 5.0
WALL = 1_740_724_090.0


class FakeDiscovery:
    """Knows the routes that a test says, and looks for them when it says so."""

    def __init__(self) -> None:
        self.inventory = Inventory()
        self.found: tuple[Route, ...] = ()
        self.is_whole = self.is_known = True
        self.refreshes = 0
        self.told: list[CloudError | None] = []
        self._next = asyncio.Event()

    async def refresh(self) -> bool:
        """Find what there is now."""
        self.refreshes += 1
        self.inventory = Inventory(routes=self.found)
        return self.is_whole

    async def due(self) -> None:
        """Wait until a test wants another discovery."""
        await self._next.wait()
        self._next.clear()

    def polled(self, error: CloudError | None) -> None:
        """Hear how a poll ended."""
        self.told.append(error)

    def find(self, *routes: Route) -> None:
        """Discover these routes and no others, soon."""
        self.found = routes
        self._next.set()


class SchedulerBench:
    """Stands for all that a scheduler talks to, and notes what it is told.

    `seconds` is how long a route's polls take and `errors` what they raise; `bugs` are
    raised when a snapshot of a route is rendered. It needs a running loop.
    """

    def __init__(self) -> None:
        self.seconds: dict[Route, float] = {}
        self.errors: dict[Route, BaseException] = {}
        self.bugs: dict[Route, Exception] = {}
        self.starts: dict[Route, list[float]] = defaultdict(list)
        self.prepared: list[RouteStatus] = []
        self.skipped = 0
        self.under_way: list[Route] = []
        self.most_at_once = 0
        self.discovered_at: list[float] = []
        self.clock = asyncio.get_running_loop().time
        self.ready = asyncio.Event()
        self.discovery = FakeDiscovery()
        self.store = Store(stale_after=300, max_checkpoints=1_000, clock=self.clock)
        self.scheduler = self.scheduler_of(
            Settings(poll=PollSettings(interval=timedelta(seconds=INTERVAL)))
        )

    def scheduler_of(self, settings: Settings) -> Scheduler:
        """Return a scheduler by these settings."""
        return Scheduler(
            cast(CloudClient, self),
            settings,
            cast(Discovery, self.discovery),
            self.store,
            self.prepare,
            telemetry=self,
            ready=self.ready,
            starts_per_second=STARTS_PER_SECOND,
            wall=lambda: WALL,
        )

    @asynccontextmanager
    async def running(self, *routes: Route) -> AsyncIterator[None]:
        """Poll these routes while the context is open."""
        self.discovery.find(*routes)
        task = asyncio.create_task(self.scheduler.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    async def run(self, seconds: float, *routes: Route) -> None:
        """Poll these routes, or one, for so long."""
        async with self.running(*(routes or (ROUTE,))):
            await asyncio.sleep(seconds)

    def status(self, route: Route = ROUTE) -> RouteStatus:
        """Return what the store says of a route."""
        return next(s for s in self.store.statuses() if s.route == route)

    async def list_checkpoints(self, route: Route, **_: object) -> Snapshot:
        """Poll a route."""
        self.starts[route].append(self.clock())
        self.under_way.append(route)
        self.most_at_once = max(self.most_at_once, len(self.under_way))
        try:
            await asyncio.sleep(self.seconds.get(route, 1.0))
            if route in self.errors:
                raise self.errors[route]
        finally:
            self.under_way.remove(route)
        return snapshot_of(route, row())

    async def prepare(self, statuses: Sequence[RouteStatus]) -> None:
        """Render what is about to be shown."""
        for status in statuses:
            if status.route in self.bugs:
                raise self.bugs[status.route]
            assert self.status(status.route) is not status, "it is shown too early"
        self.prepared += statuses

    def poll_skipped(self) -> None:
        """Count a poll that was due and not made."""
        self.skipped += 1

    def discovered(self, at: float) -> None:
        """Note a whole discovery."""
        self.discovered_at.append(at)
