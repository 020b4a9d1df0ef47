"""A poller with polls that do as they are told, on virtual time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

from core_cases import ROUTE, row
from exposition_cases import snapshot_of

from exporter.model.errors import CloudError
from exporter.model.types import Route, Snapshot
from exporter.polling.scheduler import Poller
from exporter.polling.store import Outcome

INTERVAL = 60.0
STARTS_PER_SECOND = 5.0
WALL = 1_740_724_090.0


class PollerBench:
    """Notes when each poll began and how it ended.

    `seconds` is how long a route's polls take, `cleanup_seconds` how long they need to
    stop, and `errors` what they raise; `on_publish` runs before an outcome is noted.
    """

    def __init__(self) -> None:
        self.seconds: dict[Route, float] = {}
        self.cleanup_seconds: dict[Route, float] = {}
        self.errors: dict[Route, BaseException] = {}
        self.on_publish: Callable[[Outcome], Awaitable[None]] = _nothing
        self.starts: dict[Route, list[float]] = defaultdict(list)
        self.outcomes: list[Outcome] = []
        self.skipped = 0
        self.under_way: list[Route] = []
        self.most_at_once = 0
        self.poller = Poller(
            self._poll,
            self._publish,
            interval=INTERVAL,
            starts_per_second=STARTS_PER_SECOND,
            on_skip=self._skip,
            wall=lambda: WALL,
        )

    async def run(self, seconds: float, routes: Iterable[Route] = (ROUTE,)) -> None:
        """Poll routes for so long, and stop."""
        async with asyncio.TaskGroup() as group:
            self.poller.set_routes(routes, group)
            await asyncio.sleep(seconds)
            self.poller.set_routes([], group)

    def results(self) -> list[str]:
        """Return how the polls ended: each "ok" or a reason."""
        return [
            "ok" if isinstance(outcome.result, Snapshot) else outcome.result.value
            for outcome in self.outcomes
        ]

    async def _poll(self, route: Route) -> Snapshot:
        self.starts[route].append(asyncio.get_running_loop().time())
        self.under_way.append(route)
        self.most_at_once = max(self.most_at_once, self.under_way.count(route))
        try:
            await asyncio.sleep(self.seconds.get(route, 1.0))
            if route in self.errors:
                raise self.errors[route]
        finally:
            await asyncio.sleep(self.cleanup_seconds.get(route, 0.0))
            self.under_way.remove(route)
        return snapshot_of(route, row())

    async def _publish(self, outcome: Outcome) -> None:
        await self.on_publish(outcome)
        self.outcomes.append(outcome)

    def _skip(self) -> None:
        self.skipped += 1


async def _nothing(outcome: Outcome) -> None:
    pass


def error_of(outcome: Outcome) -> CloudError:
    """Return what a failed poll failed of."""
    assert outcome.error is not None
    return outcome.error
