"""The composition root: builds every part from the settings, and joins them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from typing import Never

from exporter import revision
from exporter.cloud.client import CloudClient, connected, requests_per_second
from exporter.config.settings import Settings
from exporter.metrics.exposition import Exposition
from exporter.metrics.telemetry import Telemetry
from exporter.model.assessment import StatusReport
from exporter.polling.discovery import Discovery
from exporter.polling.scheduler import Scheduler
from exporter.polling.store import Store
from exporter.web.server import Site

Connect = Callable[[Settings, Telemetry], AbstractAsyncContextManager[CloudClient]]


class Exporter:
    """One process: what it polls, what it knows, and what it shows.

    A reload replaces `cloud`, `discovery` and `scheduler`; the other parts stay.
    `connection` closes the client's connections; `connect` builds another client.
    """

    def __init__(
        self,
        settings: Settings,
        cloud: CloudClient,
        telemetry: Telemetry,
        connection: AsyncExitStack,
        *,
        connect: Connect = connected,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._connect = connect
        self._wall = wall
        clock = asyncio.get_running_loop().time
        self._stands_by = False
        self._replacing = asyncio.Lock()
        self._polling: asyncio.Task[Never] | None = None
        # Set for good once every route has been tried, with or without success, or
        # another process is seen to poll.
        self.ready = asyncio.Event()
        self.telemetry = telemetry
        self.telemetry.reloaded(ok=True, at=wall())
        self.store = Store(
            stale_after=settings.poll.stale_after.total_seconds(),
            max_checkpoints=settings.metrics.max_checkpoints,
            clock=clock,
        )
        self.exposition = Exposition(
            self.store,
            settings.metrics.families,
            telemetry,
            inventory=lambda: self.discovery.inventory,
            wall=wall,
            clock=clock,
        )
        self._build(settings, cloud, connection, known=None)

    def _build(
        self,
        settings: Settings,
        cloud: CloudClient,
        connection: AsyncExitStack,
        *,
        known: Discovery | None,
    ) -> None:
        """Build what these settings replace; nothing polls meanwhile."""
        self.settings = settings
        self._cloud = cloud
        self.connection = connection
        self.telemetry.configured(settings)
        self.store.set_limits(
            stale_after=settings.poll.stale_after.total_seconds(),
            max_checkpoints=settings.metrics.max_checkpoints,
        )
        self.discovery = Discovery(
            cloud, settings, on_failure=self.telemetry.discovery_failed, known=known
        )
        self.scheduler = Scheduler(
            cloud,
            settings,
            self.discovery,
            self.store,
            self.exposition.prepare,
            telemetry=self.telemetry,
            ready=self.ready,
            starts_per_second=requests_per_second(settings),
            wall=self._wall,
        )
        self.scheduler.take_routes()

    async def run(self) -> None:
        """Discover and poll until cancelled; begin again after each reload."""
        while True:
            async with self._replacing:
                scheduler = self.scheduler
            async with asyncio.TaskGroup() as group:
                # Ends only if it is stopped, or of a bug.
                self._polling = group.create_task(scheduler.run())

    async def apply(self, settings: Settings) -> None:
        """Put other settings in force; routes that stay keep what is known of them.

        A poll under way begins again. The settings of `web` stay as they were.

        Raises:
            Exception: they cannot be put in force; the old ones still are.
        """
        if settings == self.settings:
            return
        async with AsyncExitStack() as connection:
            opening = self._connect(settings, self.telemetry)
            cloud = await connection.enter_async_context(opening)
            async with self._replacing:
                if self._polling is not None:
                    self._polling.cancel()
                    await asyncio.wait({self._polling})
                self.exposition.set_families(settings.metrics.families)
                former = self.connection
                self._build(settings, cloud, connection.pop_all(), known=self.discovery)
        await former.aclose()

    def elected(self, is_leader: bool) -> None:  # noqa: FBT001 - a callback
        """Note whether this process polls; while another does, show nothing found.

        `run` must not be running.
        """
        self._stands_by = not is_leader
        self.telemetry.elected(is_leader=is_leader)
        if not is_leader:
            self._build(self.settings, self._cloud, self.connection, known=None)
        self.exposition.renew()

    def site(self, reload: Callable[[], Awaitable[Sequence[str]]]) -> Site:
        """Return what of this exporter is served over HTTP; `reload` if it is on."""
        web = self.settings.web
        return Site(
            exposition=self.exposition,
            report=self.report,
            settings=lambda: self.settings,
            is_ready=self.ready.is_set,
            on_scrape=self.telemetry.scraped,
            telemetry_path=web.telemetry_path,
            max_requests=web.max_requests,
            reload=reload if web.enable_lifecycle else None,
        )

    def report(self) -> StatusReport:
        """Return what is known at present."""
        return StatusReport(
            at=self._wall(),
            statuses=self.store.statuses(),
            inventory=self.discovery.inventory,
            failures=dict(self.discovery.failures.failing),
            is_tried=self.ready.is_set(),
            is_standby=self._stands_by,
            is_sharded=self.settings.shard.total > 1,
            region=", ".join(self.settings.regions),
            next_poll_in=self.scheduler.next_in(),
            next_discovery_in=self.discovery.next_in(),
        )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Exporter]:
    """Build an exporter and its connections, and close them at the end."""
    telemetry = Telemetry(revision=revision())
    async with AsyncExitStack() as connection:
        cloud = await connection.enter_async_context(connected(settings, telemetry))
        exporter = Exporter(settings, cloud, telemetry, connection.pop_all())
        try:
            yield exporter
        finally:
            await exporter.connection.aclose()
