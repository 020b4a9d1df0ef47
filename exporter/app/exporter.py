"""The composition root: builds every part from the settings, and joins them.

It decides nothing that a part could decide.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from exporter import revision
from exporter.app.restarting import Restartable
from exporter.cloud.client import (
    CloudClient,
    connected,
    is_same_client,
    requests_per_second,
)
from exporter.config import Settings
from exporter.metrics.exposition import Exposition
from exporter.metrics.telemetry import Telemetry
from exporter.model.assessment import Limits, StatusReport
from exporter.model.errors import NotFoundError
from exporter.model.types import Inventory, Route, Snapshot
from exporter.polling.admission import admission
from exporter.polling.discovery import Discovery
from exporter.polling.nextlook import NextLook
from exporter.polling.scheduler import Poller
from exporter.polling.store import NOT_WEIGHED, Outcome, Store
from exporter.web.server import Site

log = structlog.get_logger(__name__)


class Exporter:
    """One process: what it polls, what it knows, and what it shows of that.

    `connection` closes what `cloud` is connected by, once `aclose` or `apply` say so.
    """

    def __init__(
        self,
        settings: Settings,
        cloud: CloudClient,
        telemetry: Telemetry,
        connection: AsyncExitStack,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._wall = wall
        self._clock = clock = asyncio.get_running_loop().time
        self._started_at = clock()
        self._connection = connection
        self.telemetry = telemetry
        self._take_settings(settings, cloud)
        self.telemetry.reloaded(ok=True, at=self._wall())
        self.store = Store(
            stale_after=settings.poll.stale_after.total_seconds(),
            max_checkpoints=settings.metrics.max_checkpoints,
            clock=clock,
        )
        self.exposition = Exposition(
            self.store,
            settings.metrics.families,
            self.telemetry,
            wall=wall,
            clock=clock,
        )
        self.discovery = Discovery(
            cloud,
            settings,
            on_failure=self.telemetry.discovery_failed,
        )
        self.poller = Poller(
            self._poll,
            self._publish,
            interval=settings.poll.interval.total_seconds(),
            starts_per_second=requests_per_second(settings),
            on_skip=self.telemetry.poll_skipped,
            wall=wall,
        )
        # Hears of every page of a poll, for whoever draws how far it is.
        self.on_page: Callable[[Route, int, int, int], None] = lambda *_: None
        # Set once every route has been tried, well or badly, or another is seen to
        # poll; and then for good.
        self.ready = asyncio.Event()
        self._next_look = NextLook()
        self._shown: Inventory | None = None
        self._stands_by = False
        self._looks = Restartable()
        self._polls = Restartable()

    @property
    def workers(self) -> int:
        """Return how many routes are polled at a time where all are polled at once."""
        return self._settings.api.max_concurrency

    def site(self) -> Site:
        """Return what of this exporter is served over HTTP."""
        return Site(
            exposition=self.exposition,
            report=self.report,
            is_ready=self.ready.is_set,
            on_scrape=self.telemetry.scraped,
            telemetry_path=self._settings.web.telemetry_path,
            max_requests=self._settings.web.max_requests,
        )

    def report(self) -> StatusReport:
        """Return what is known at present."""
        inventory, settings = self.discovery.inventory, self._settings
        synced = {plan.plan_id for plan in inventory.plans if plan.is_auto_synced}
        limits = {}
        for plan_id in inventory.plan_ids():
            objectives = settings.objectives_for(plan_id)
            # Where nobody syncs progress by itself, its age says nothing.
            age = objectives.age_seconds if plan_id in synced else None
            limits[plan_id] = Limits(objectives.lag_seconds, age)
        return StatusReport(
            at=self._wall(),
            statuses=self.store.statuses(),
            inventory=inventory,
            limits=limits,
            failures=self.discovery.failing,
            is_tried=self.ready.is_set(),
            is_standby=self._stands_by,
            region=settings.api.region,
            shard_total=settings.shard.total,
            has_configured_plans=bool(settings.plans),
        )

    async def run(self) -> None:
        """Discover and poll until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._looks.run(partial(self._look, group))

    async def apply(self, settings: Settings) -> None:
        """Put other settings in force as a whole; what they do not touch goes on.

        Routes that stay keep what is known of them, and their schedule. Not in force
        are those of `web`, which `site` was made of.

        Raises:
            Exception: they cannot be; all is as it was before.
        """
        if settings == self._settings:
            return
        is_same = is_same_client(settings, self._settings)
        async with self._stopped_for(settings), AsyncExitStack() as connection:
            cloud = self._cloud
            if not is_same:
                opening = connected(settings, self.telemetry)
                cloud = await connection.enter_async_context(opening)
            await self.exposition.set_families(settings.metrics.families)
            self._put_in_force(settings, cloud)
            if not is_same:
                former, self._connection = self._connection, connection.pop_all()
                await former.aclose()

    async def aclose(self) -> None:
        """Close the connections to the cloud."""
        await self._connection.aclose()

    async def discover(self) -> bool:
        """Look for routes; return whether all of it could be looked up."""
        is_whole = await self.discovery.refresh()
        if is_whole:
            self.telemetry.discovered(self._wall())
        self._take_routes()
        self._note_tried()
        return is_whole

    def elected(self, is_leader: bool) -> None:  # noqa: FBT001 - a callback
        """Note whether this process polls; while another does, show nothing found.

        `run` must not be running.
        """
        self._stands_by = not is_leader
        self.telemetry.leads(is_leader=is_leader)
        self.exposition.renew()
        if not is_leader:
            self.withdraw()

    def withdraw(self) -> None:
        """Drop all that was found; `run` must not be running."""
        self.discovery.forget()
        self.telemetry.undiscovered()
        self._take_routes()

    def _take_routes(self) -> None:
        routes = self.discovery.inventory.routes
        before = {status.route for status in self.store.statuses()}
        self.store.set_routes(routes)
        self._show_inventory()
        if before != set(routes):
            log.info("routes_changed", routes=len(routes), before=len(before))

    @asynccontextmanager
    async def _stopped_for(self, settings: Settings) -> AsyncIterator[None]:
        """Stop what these settings change; it starts over at the end.

        Polls go on where they would begin again as they were.
        """
        now = self._settings
        filters = (settings.groups, settings.topics)
        async with AsyncExitStack() as stopped:
            if not is_same_client(settings, now) or filters != (now.groups, now.topics):
                await stopped.enter_async_context(self._polls.stopped())
            # Last, and so first to go on: what is not wanted is not polled again.
            await stopped.enter_async_context(self._looks.stopped())
            yield

    def _take_settings(self, settings: Settings, cloud: CloudClient) -> None:
        self._settings = settings
        self._cloud = cloud
        self._accepts = admission(settings.groups, settings.topics)
        poll = settings.poll
        self.telemetry.settings(
            poll.interval.total_seconds(), poll.stale_after.total_seconds()
        )
        self.telemetry.shard(settings.shard.index, settings.shard.total)

    def _put_in_force(self, settings: Settings, cloud: CloudClient) -> None:
        self._take_settings(settings, cloud)
        self.store.reconfigure(
            stale_after=settings.poll.stale_after.total_seconds(),
            max_checkpoints=settings.metrics.max_checkpoints,
        )
        self.poller.reconfigure(
            interval=settings.poll.interval.total_seconds(),
            starts_per_second=requests_per_second(settings),
        )
        self.discovery.reconfigure(cloud, settings)
        self._shown = None
        self._take_routes()

    async def _look(self, group: asyncio.TaskGroup) -> None:
        """Discover, have the routes polled, and wait until it is time again."""
        # A reload may have dropped some; the cloud need not answer for that.
        self.poller.set_routes(self.discovery.inventory.routes, group)
        self._next_look.begin()
        if not await self.discover():
            self._next_look.hasten()
        self.poller.set_routes(self.discovery.inventory.routes, group)
        await self._next_look.due(self._settings.poll)

    async def _poll(self, route: Route) -> Snapshot:
        return await self._polls.run(partial(self._poll_now, route))

    async def _poll_now(self, route: Route) -> Snapshot:
        return await self._cloud.list_checkpoints(
            route,
            accepts=self._accepts,
            series_budget=self.store.room_for(route),
            on_page=partial(self.on_page, route),
        )

    async def _publish(self, outcome: Outcome) -> None:
        weighed = NOT_WEIGHED
        if isinstance(outcome.result, Snapshot):
            # Before it is recorded, so that no scrape has to wait for it.
            await self.exposition.prepare(outcome.result)
            weighed = await self.store.weigh(outcome.result)
        self.store.record(outcome, weighed)
        await self.exposition.refresh(outcome.route)
        self.discovery.polled(outcome.route, outcome.error)
        if isinstance(outcome.error, NotFoundError):
            self._next_look.hasten()
        self._show_inventory()
        self._note_tried()

    def _note_tried(self) -> None:
        if not self.ready.is_set() and self.store.is_tried():
            self.ready.set()

    def _show_inventory(self) -> None:
        inventory = self.discovery.inventory
        if inventory is self._shown:
            return
        self._shown = inventory
        objectives = {
            plan_id: self._settings.objectives_for(plan_id).in_seconds()
            for plan_id in inventory.plan_ids()
        }
        self.exposition.set_inventory(inventory, objectives)


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
            await exporter.aclose()
