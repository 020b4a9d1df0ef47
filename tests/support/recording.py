"""What the simulated cloud was asked, and answers that take time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from exporter.simulator.gateway import route

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware


class Served(NamedTuple):
    """One request that was answered; ``action`` is empty for an unknown path."""

    action: str
    path: str
    query: str
    page: int | None
    status: int


class Stats:
    """Requests to the simulated cloud, in the order of the answers, and their overlap.

    ``latency_seconds`` delays each answer: without it requests hardly overlap.
    """

    def __init__(self, latency_seconds: float = 0.0) -> None:
        self.requests: list[Served] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self.middlewares = (self._recorder(), slow(latency_seconds))

    def of(self, action: str) -> list[Served]:
        """List the requests for one action."""
        return [served for served in self.requests if served.action == action]

    def _recorder(self) -> Middleware:
        @web.middleware
        async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            try:
                response = await handler(request)
            finally:
                self.in_flight -= 1
            self.requests.append(_served(request, response.status))
            return response

        return record


def _served(request: web.Request, status: int) -> Served:
    page = request.query.get("pageNumber", "")
    return Served(
        action=route(request.path)[0],
        path=request.path,
        query=request.query_string,
        page=int(page) if page.isdecimal() else None,
        status=status,
    )


def slow(latency_seconds: float) -> Middleware:
    """Return what delays each answer."""

    @web.middleware
    async def delay(request: web.Request, handler: Handler) -> web.StreamResponse:
        await asyncio.sleep(latency_seconds)
        return await handler(request)

    return delay
