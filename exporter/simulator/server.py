"""The simulated cloud over HTTP: one handler, from the socket to an answer.

It must not accept a write, and has no port of its own but the one it is given.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import web

from exporter.simulator import bodies, faults
from exporter.simulator.actions import Service
from exporter.simulator.calls import Call, asked_page, route
from exporter.simulator.gateway import ACCESS_KEY_PAIR, Gateway
from exporter.simulator.refusals import (
    BadGatewayError,
    DroppedError,
    GatewayError,
    ServiceError,
)
from exporter.simulator.signature import Received
from exporter.simulator.stats import Served, Stats

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from exporter.simulator.world import World

STATS: web.AppKey[Stats] = web.AppKey("stats", Stats)

# The status on record when the connection was broken: nobody was told.
DROPPED = 444

_HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


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
        with self._stats.flight(request.transport):
            if self._latency_seconds:
                await asyncio.sleep(self._latency_seconds)
            response = self._respond(request, next(self._sequence), now)
        response.headers["Date"] = formatdate(now, usegmt=True)
        self._record(request, arrived, response.status)
        return response

    def _respond(self, request: web.Request, sequence: int, now: float) -> web.Response:
        request_id = f"5D0C0DE5-0000-4000-8000-{sequence:012X}"
        try:
            body = self._serve(request, sequence, now, request_id)
        except GatewayError as error:
            body = bodies.gateway_refusal(error, request_id, request.host)
            return _spoken(
                request, error.status, body, root="Error", headers=error.headers
            )
        except ServiceError as error:
            body = bodies.service_refusal(error, request_id)
            return _spoken(request, error.status, body, root="Error")
        except BadGatewayError:
            return web.Response(status=502, text=_HTML, content_type="text/html")
        except DroppedError:
            return _dropped(request)
        return _spoken(request, 200, body, root="Response")

    def _serve(
        self, request: web.Request, sequence: int, now: float, request_id: str
    ) -> bytes:
        faults.fail_in_outage(self._world, sequence, now)
        if request.method != "GET":
            raise GatewayError(
                405, "UnsupportedHTTPMethod", "This method is not supported."
            )
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._gateway.admit(Received(request.method, request.raw_path, headers), now)
        faults.throttle(self._world, sequence)
        found = route(request.path)
        if found is None or found[0] != headers["x-acs-action"]:
            raise GatewayError(
                404, "InvalidApi.NotFound", "Specified api is not found."
            )
        action, plan_id, item_id = found
        faults.forbid(self._world, action, plan_id)
        call = Call(action, plan_id, item_id, request.query, now)
        return bodies.success(self._service.answer(call), request_id)

    def _record(self, request: web.Request, arrived: float, status: int) -> None:
        found = route(request.path)
        self._stats.requests.append(
            Served(
                arrived=arrived,
                method=request.method,
                action="" if found is None else found[0],
                path=request.path,
                query=request.query_string,
                page=asked_page(request.query),
                status=status,
            )
        )


def _spoken(
    request: web.Request,
    status: int,
    json_body: bytes,
    *,
    root: str,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer in JSON where it is asked for by name, else in the default XML."""
    if "json" in request.headers.get("accept", ""):
        body, content_type = json_body, bodies.JSON_TYPE
    else:
        body, content_type = bodies.as_xml(json_body, root), bodies.XML_TYPE
    return web.Response(
        status=status,
        body=body,
        headers={**(headers or {}), "Content-Type": content_type},
    )


def _dropped(request: web.Request) -> web.Response:
    """Break the connection; the response only ends the request for aiohttp."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=DROPPED)


def create_app(
    world: World,
    *,
    now: Callable[[], float] = time.time,
    stats: Stats | None = None,
    latency_seconds: float = 0.0,
    keys: Mapping[str, str] = ACCESS_KEY_PAIR,
) -> web.Application:
    """Build the simulated cloud; ``now`` is its clock, in Unix seconds.

    ``keys`` are the secrets by the ids of the access keys that it knows.

    Without a latency every answer is immediate, and requests hardly overlap.
    """
    app = web.Application()
    app[STATS] = Stats() if stats is None else stats
    cloud = _Cloud(world, now, app[STATS], latency_seconds, keys)
    app.router.add_route("*", "/{path:.*}", cloud.handle)
    return app


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

    Raises:
        OSError: the address cannot be listened on.
    """
    app = create_app(
        world, now=now, stats=stats, latency_seconds=latency_seconds, keys=keys
    )
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
