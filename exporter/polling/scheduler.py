"""When each route is polled, and what is done with what a poll finds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Never, Protocol

import structlog

from exporter.cloud.client import CloudClient
from exporter.config.settings import NameFilter, Settings
from exporter.model.errors import capture_error
from exporter.model.types import Route
from exporter.polling.discovery import Discovery, FailureLog
from exporter.polling.routes import position
from exporter.polling.store import PollResult, Prepare, Store

# Names are the same at every poll, and matching one costs a microsecond.
NAMES_REMEMBERED = 2**16

Accepts = Callable[[str, str], bool]
"""Tells of a group and a topic whether their checkpoint is wanted."""

log = structlog.get_logger(__name__)


class Telemetry(Protocol):
    """What counts the work of polling."""

    def poll_skipped(self) -> None:
        """Count a route that was due while its poll was still running."""

    def discovered(self, at: float) -> None:
        """Note when a discovery found every plan, in Unix seconds."""


class Scheduler:
    """Discovers routes, polls each on its own schedule, and publishes what is found.

    `starts_per_second` is how fast the first polls follow each other, so that a start
    does not exceed the account's limit. `ready` is set once every route has been tried.
    `wall` tells Unix seconds.
    """

    def __init__(
        self,
        cloud: CloudClient,
        settings: Settings,
        discovery: Discovery,
        store: Store,
        prepare: Prepare,
        *,
        telemetry: Telemetry,
        ready: asyncio.Event,
        starts_per_second: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._cloud = cloud
        self._settings = settings
        self._discovery = discovery
        self._store = store
        self._prepare = prepare
        self._telemetry = telemetry
        self._ready = ready
        self._starts_per_second = starts_per_second
        self._wall = wall
        self._clock = asyncio.get_running_loop().time
        self._interval = settings.poll.interval.total_seconds()
        self._accepts = _name_filter(settings.groups, settings.topics)
        self._schedules: dict[Route, asyncio.Task[Never]] = {}
        self._due: dict[Route, float] = {}
        self._failures = FailureLog[Route]("poll_failed", "poll_recovered")

    def next_in(self) -> float | None:
        """Return in how many seconds the next poll is due, None if no route waits."""
        now = self._clock()
        return min((due - now for due in self._due.values() if due > now), default=None)

    async def run(self) -> Never:
        """Discover and poll until cancelled; begin with the routes known already."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._schedule_polls(group)
                await self.discover()
                self._schedule_polls(group)
                await self._discovery.due()

    async def discover(self) -> bool:
        """Find the routes; return whether everything could be looked up."""
        is_whole = await self._discovery.refresh()
        if self._discovery.is_known:
            self._telemetry.discovered(self._wall())
        self.take_routes()
        self._note_tried()
        return is_whole

    def take_routes(self) -> None:
        """Have the store keep the routes that are known, and no others."""
        routes = self._discovery.inventory.routes
        before = {status.route for status in self._store.statuses()}
        self._store.set_routes(routes)
        if before != set(routes):
            log.info("routes_changed", routes=len(routes), before=len(before))

    async def poll_each(
        self,
        routes: Iterable[Route],
        on_polled: Callable[[Route], None] = lambda _: None,
    ) -> None:
        """Poll each of these routes once, `api.max_concurrency` at a time."""
        slots = asyncio.Semaphore(self._settings.api.max_concurrency)

        async def poll_in_turn(route: Route) -> None:
            async with slots:
                await self.poll(route)
            on_polled(route)

        async with asyncio.TaskGroup() as group:
            for route in routes:
                group.create_task(poll_in_turn(route))

    async def poll(self, route: Route) -> None:
        """Poll a route, publish how it ended, and tell discovery.

        No failure escapes. Where publishing fails, that is how the poll ended.
        """
        started = self._clock()
        reading = self._cloud.list_checkpoints(
            route,
            accepts=self._accepts,
            series_budget=self._store.series_budget(route),
        )
        outcome = await capture_error(reading)
        took = self._clock() - started
        result = PollResult(route, self._wall(), took, outcome)
        bug = await capture_error(self._publish(result))
        if bug is not None:
            result = replace(result, outcome=bug)
            bug = await capture_error(self._publish(result))
        self._failures.note(
            route,
            bug or result.error,
            plan_id=route.plan_id,
            item_id=route.item_id,
            source_instance_id=route.source_instance_id,
        )

    async def _publish(self, result: PollResult) -> None:
        limits = self._discovery.inventory.limits_of(result.route.plan_id)
        await self._store.publish(result, self._prepare, limits)
        self._discovery.polled(result.error)
        self._note_tried()

    def _schedule_polls(self, group: asyncio.TaskGroup) -> None:
        """Poll the known routes and no others; those that stay keep their schedule."""
        wanted = set(self._discovery.inventory.routes)
        for route in self._schedules.keys() - wanted:
            self._schedules.pop(route).cancel()
            self._due.pop(route, None)
            self._failures.failing.pop(route, None)
        new = sorted(wanted - self._schedules.keys())
        ramp = min(self._interval, len(new) / self._starts_per_second)
        for route in new:
            self._schedules[route] = group.create_task(
                self._keep_polling(route, position(route) * ramp)
            )

    async def _keep_polling(self, route: Route, delay: float) -> Never:
        self._due[route] = self._clock() + delay
        await asyncio.sleep(delay)
        started = self._clock()
        await self.poll(route)
        # Every later poll is at the route's own place in the interval. The first came
        # early, because people wait for it; half an interval at least lies after it.
        earliest = started + self._interval / 2
        due = earliest + (position(route) * self._interval - earliest) % self._interval
        while True:
            while due < self._clock():
                self._telemetry.poll_skipped()
                due += self._interval
            self._due[route] = due
            await asyncio.sleep(due - self._clock())
            await self.poll(route)
            due += self._interval

    def _note_tried(self) -> None:
        if not self._ready.is_set() and self._store.is_tried():
            self._ready.set()


def _name_filter(groups: NameFilter, topics: NameFilter) -> Accepts:
    if groups == topics == NameFilter():
        return lambda _group, _topic: True
    accepts_group = lru_cache(maxsize=NAMES_REMEMBERED)(groups.accepts)
    accepts_topic = lru_cache(maxsize=NAMES_REMEMBERED)(topics.accepts)
    return lambda group, topic: accepts_group(group) and accepts_topic(topic)
