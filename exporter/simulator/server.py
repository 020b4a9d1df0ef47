"""The simulated cloud over HTTP: one handler, from the socket to an answer."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from exporter.simulator import bodies, faults
from exporter.simulator.faults import (
    BadGatewayError,
    DroppedError,
    GatewayError,
    RefusedError,
)
from exporter.simulator.gateway import ACCESS_KEY_PAIR, Gateway, Received
from exporter.simulator.service import Call, Service, route
from exporter.simulator.world import World

if TYPE_CHECKING:
    import ssl

REQUESTS_KEPT = 200_000
# The status on record when the connection was broken: nobody was told.
DROPPED = 444

_HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


class Served(NamedTuple):
    """One request; ``arrived`` is seconds of the monotonic clock.

    ``action`` is empty when the API has no such path, ``page`` None when none was
    asked for, ``status`` 444 when the connection was broken.
    """

    arrived: float
    action: str
    path: str
    query: str
    page: int | None
    status: int


class Stats:
    """What tests measure at the server: requests and their overlap."""

    def __init__(self) -> None:
        self.requests: deque[Served] = deque(maxlen=REQUESTS_KEPT)
        self.in_flight = 0
        self.max_in_flight = 0

    def of(self, action: str) -> list[Served]:
        """List the requests for one action, in the order they were answered."""
        return [served for served in self.requests if served.action == action]

    def begin(self) -> None:
        """Count a request that begins."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)


class _Cloud:
    """One world behind one gateway."""

    def __init__(
        self,
        world: World,
        now: Callable[[], float],
        stats: Stats,
        latency_seconds: float,
        keys: Mapping[str, str],
    ) -> None:
        self._world = world
        self._now = now
        self._stats = stats
        self._latency_seconds = latency_seconds
        self._gateway = Gateway(keys=keys)
        self._service = Service(world)
        self._sequence = itertools.count()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request, and record it."""
        arrived, now = time.monotonic(), self._now()
        self._stats.begin()
        try:
            await asyncio.sleep(self._latency_seconds)
            response = self._respond(request, next(self._sequence), now)
        finally:
            self._stats.in_flight -= 1
        response.headers["Date"] = formatdate(now, usegmt=True)
        self._stats.requests.append(_served(request, arrived, response.status))
        return response

    def _respond(self, request: web.Request, sequence: int, now: float) -> web.Response:
        request_id = f"5D0C0DE5-0000-4000-8000-{sequence:012X}"
        try:
            faults.fail_in_outage(self._world, sequence, now)
            call = self._admitted(request, sequence, now)
            body = bodies.success(self._service.answer(call), request_id)
            return _spoken(request, 200, body)
        except RefusedError as error:
            body = bodies.refusal(error, request_id, request.host)
            return _spoken(request, error.status, body, error.headers)
        except BadGatewayError:
            return web.Response(status=502, text=_HTML, content_type="text/html")
        except DroppedError:
            return _dropped(request)

    def _admitted(self, request: web.Request, sequence: int, now: float) -> Call:
        if request.method != "GET":
            message = "This method is not supported."
            raise GatewayError(405, "UnsupportedHTTPMethod", message)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._gateway.admit(Received(request.method, request.raw_path, headers), now)
        faults.throttle(self._world, sequence)
        found = route(request.path)
        if found is None or found[0] != headers["x-acs-action"]:
            message = "Specified api is not found."
            raise GatewayError(404, "InvalidApi.NotFound", message)
        action, plan_id, item_id = found
        faults.forbid(self._world, action, plan_id)
        return Call(action, plan_id, item_id, request.query, now)


def _served(request: web.Request, arrived: float, status: int) -> Served:
    found = route(request.path)
    page = request.query.get("pageNumber", "")
    return Served(
        arrived=arrived,
        action="" if found is None else found[0],
        path=request.path,
        query=request.query_string,
        page=int(page) if page.isdecimal() else None,
        status=status,
    )


def _spoken(
    request: web.Request,
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer in JSON where it is asked for by name; the API's default is XML."""
    if "json" not in request.headers.get("accept", ""):
        return web.Response(status=status, text="<Xml/>", content_type="text/xml")
    json_type = {"Content-Type": "application/json;charset=utf-8"}
    return web.Response(
        status=status, body=body, headers={**(headers or {}), **json_type}
    )


def _dropped(request: web.Request) -> web.Response:
    """Break the connection; the response only ends the request for aiohttp."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=DROPPED)


@asynccontextmanager
async def running(
    world: World,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    now: Callable[[], float] = time.time,
    stats: Stats | None = None,
    latency_seconds: float = 0.0,
    keys: Mapping[str, str] = ACCESS_KEY_PAIR,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Serve a world while the context is open, and yield the base URL.

    ``now`` is the cloud's clock, in Unix seconds; ``keys`` are the secrets by the ids
    of the access keys that it knows. Without a latency requests hardly overlap.

    Raises:
        OSError: the address cannot be listened on.
    """
    cloud = _Cloud(world, now, stats or Stats(), latency_seconds, keys)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cloud.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=ssl_context).start()
        scheme = "http" if ssl_context is None else "https"
        bound_host, bound_port = runner.addresses[0][:2]
        shown_host = f"[{bound_host}]" if ":" in bound_host else bound_host
        yield f"{scheme}://{shown_host}:{bound_port}"
    finally:
        await runner.cleanup()
