"""When each route is polled, and how a poll's failure becomes data.

It knows neither the cloud nor the metrics: both are functions that it is given.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog

from exporter.model.errors import CloudError, Reason, capture_error
from exporter.model.types import Route, Snapshot
from exporter.polling.routes import position
from exporter.polling.store import Outcome

log = structlog.get_logger(__name__)

Poll = Callable[[Route], Awaitable[Snapshot]]
Publish = Callable[[Outcome], Awaitable[None]]


class Poller:
    """Polls every route once an interval, each on a schedule of its own.

    `interval` is seconds from start to start. `starts_per_second` is how fast the first
    polls follow each other, so that a start does not outrun the account's limit; `wall`
    tells Unix seconds.
    """

    def __init__(
        self,
        poll: Poll,
        publish: Publish,
        *,
        interval: float,
        starts_per_second: float,
        on_skip: Callable[[], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._poll = poll
        self._publish = publish
        self._interval = interval
        self._starts_per_second = starts_per_second
        self._on_skip = on_skip
        self._wall = wall
        self._failing: dict[Route, CloudError] = {}
        self._under_way: set[Route] = set()
        self._schedules: dict[Route, asyncio.Task[None]] = {}
        # Set, and another in its place, when the interval is another.
        self._repaced = asyncio.Event()

    def set_routes(self, routes: Iterable[Route], group: asyncio.TaskGroup) -> None:
        """Poll these routes and no others; those that stay keep their schedule."""
        wanted = set(routes)
        for route, schedule in list(self._schedules.items()):
            if route not in wanted or schedule.done():
                self._schedules.pop(route).cancel()
                self._failing.pop(route, None)
        new = sorted(wanted - self._schedules.keys())
        ramp = min(self._interval, len(new) / self._starts_per_second)
        for route in new:
            self._schedules[route] = group.create_task(
                self._keep_polling(route, position(route) * ramp)
            )

    def reconfigure(self, *, interval: float, starts_per_second: float) -> None:
        """Keep another interval from now on; no poll is cut, moved or missed for it."""
        self._starts_per_second = starts_per_second
        if interval == self._interval:
            return
        self._interval = interval
        self._repaced.set()
        self._repaced = asyncio.Event()

    async def poll_once(self, route: Route) -> None:
        """Poll a route and publish how it ended; only cancellation escapes.

        It is skipped while another poll of the route is under way: one that was dropped
        and came back may still have its last poll to end.
        """
        if route in self._under_way:
            self._on_skip()
            return
        self._under_way.add(route)
        try:
            await self._poll_now(route)
        finally:
            self._under_way.discard(route)

    async def _poll_now(self, route: Route) -> None:
        started = asyncio.get_running_loop().time()
        error = await capture_error(self._poll_and_publish(route, started))
        if error is not None:
            outcome = self._outcome(route, started, error.reason, error)
            # Where not even a failure can be published, that is what has to be told.
            error = await capture_error(self._publish(outcome)) or error
        self._report(route, error)

    async def _poll_and_publish(self, route: Route, started: float) -> None:
        snapshot = await self._poll(route)
        await self._publish(self._outcome(route, started, snapshot))

    async def _keep_polling(self, route: Route, delay: float) -> None:
        clock = asyncio.get_running_loop().time
        due, interval = clock() + delay, self._interval
        while not await self._slept_until(due, interval):
            interval = self._interval
            due = min(due, clock() + position(route) * interval)
        started = clock()
        await self.poll_once(route)
        due = self._next_slot(route, started)
        interval = self._interval
        while True:
            while due < clock():
                self._on_skip()
                due += interval
            if await self._slept_until(due, interval):
                started = due
                await self.poll_once(route)
                due += interval
            if interval != self._interval:
                interval = self._interval
                due = self._next_slot(route, max(started, clock() - interval / 2))

    async def _slept_until(self, due: float, interval: float) -> bool:
        """Return whether it is due; False once `interval` is not the interval."""
        if interval != self._interval:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._repaced.wait()
        return interval == self._interval

    def _next_slot(self, route: Route, started: float) -> float:
        """Return when a route is due next: at its own place in the interval.

        The first poll came early, for somebody waits for it, and one before another
        interval came at no place of this one. Half an interval at least lies between it
        and the next.
        """
        place = position(route) * self._interval
        earliest = started + self._interval / 2
        return earliest + (place - earliest) % self._interval

    def _outcome(
        self,
        route: Route,
        started: float,
        result: Snapshot | Reason,
        error: CloudError | None = None,
    ) -> Outcome:
        duration = asyncio.get_running_loop().time() - started
        return Outcome(route, self._wall(), duration, result, error)

    def _report(self, route: Route, error: CloudError | None) -> None:
        """Log a failure when it begins or turns into another, and when it ends."""
        before = self._failing.pop(route, None)
        if error is None:
            if before is not None:
                log.info("poll_recovered", **_ids(route))
            return
        self._failing[route] = error
        if error.is_news_after(before):
            log.warning(
                "poll_failed",
                **_ids(route),
                reason=error.reason.value,
                error=str(error),
                remedy=error.remedy,
                request_id=error.origin.request_id,
                exc_info=error.bug,
            )


def _ids(route: Route) -> dict[str, str]:
    return {
        "plan_id": route.plan_id,
        "item_id": route.item_id,
        "source_instance_id": route.source_instance_id,
    }
