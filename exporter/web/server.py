"""What the exporter answers over HTTP, and where it listens.

No request reaches the cloud.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from exporter.config.fields import split_address
from exporter.config.settings import Settings
from exporter.metrics.exposition import Exposition
from exporter.model.assessment import StatusReport
from exporter.web.auth import HEADERS, add_headers
from exporter.web.negotiation import accepts_gzip, negotiate
from exporter.web.status_page.page import StatusPage

# With the polls cancelled first, the whole stop stays under five seconds.
SHUTDOWN_SECONDS = 2.0
# Longer than two minutes, the longest sensible interval between scrapes.
IDLE_SECONDS = 150.0
# Many times what the largest exposition takes; Prometheus gives up after ten seconds.
SEND_SECONDS = 30.0
HANDSHAKE_SECONDS = 10.0
# For how long the end of a body is awaited after the answer to it.
LINGER_SECONDS = 1.0
# Many times what Prometheus and browsers send; 700 connections hold 22 MiB of it.
MAX_REQUEST_BYTES = 32 * 1024
# Of the usual 1,024 open files, which leaves enough for the polls.
MAX_CONNECTIONS = 700


@dataclass(frozen=True, slots=True)
class Site:
    """What is served: each part is a function of the present moment.

    `report` and `settings` are what the status page shows. `on_scrape` is called after
    each scrape with its seconds and bytes.
    `reload` reads the configuration again and returns its faults, a line each; None
    where it is not allowed over HTTP.
    """

    exposition: Exposition
    report: Callable[[], StatusReport]
    settings: Callable[[], Settings]
    is_ready: Callable[[], bool]
    on_scrape: Callable[[float, int], None]
    telemetry_path: str = "/metrics"
    max_requests: int = 40
    reload: Callable[[], Awaitable[Sequence[str]]] | None = None


def application(site: Site, middlewares: Sequence[Middleware] = ()) -> web.Application:
    """Return the web application that serves a site behind `middlewares`."""
    app = web.Application(middlewares=middlewares)
    app.on_response_prepare.append(add_headers)
    handlers = _Handlers(site)
    app.router.add_get("/", handlers.page)
    app.router.add_get(site.telemetry_path, handlers.metrics)
    app.router.add_get("/-/healthy", handlers.healthy)
    app.router.add_get("/-/ready", handlers.ready)
    for method in ("POST", "PUT"):
        app.router.add_route(method, "/-/reload", handlers.reload)
    return app


@asynccontextmanager
async def serving(
    app: web.Application,
    listen_addresses: Sequence[str],
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[str, ...]]:
    """Serve while the context is open; yield the addresses as they were bound.

    Without `ssl_context` it is plain HTTP.

    Raises:
        OSError: an address is taken, or is not one of this machine's.
    """
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        bound = []
        for address in listen_addresses:
            listening = await _listen(runner.server, address, ssl_context)
            stack.callback(listening.close)
            bound += [_shown(each.getsockname()) for each in listening.sockets]
        yield tuple(bound)


async def _listen(
    server: web.Server | None, address: str, context: ssl.SSLContext | None
) -> asyncio.Server:
    assert server is not None, "the runner is set up"  # noqa: S101 - for the types
    host, port = split_address(address)
    loop = asyncio.get_running_loop()

    def accept() -> asyncio.Protocol:
        # The oldest are closed. If new ones were refused, idle clients could block all.
        for oldest in server.connections[: 1 - MAX_CONNECTIONS]:
            if oldest.transport is not None:
                oldest.transport.abort()
        return _Connection(
            server,
            loop=loop,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )

    try:
        return await loop.create_server(
            accept,
            host or None,
            port,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
        )
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error.strerror
        raise OSError(error.errno, f"cannot listen on {address}: {why}") from error


class _Connection(web.RequestHandler):
    """A connection that asks for one thing at a time, in `MAX_REQUEST_BYTES`.

    More is not looked at: the connection ends once the first request is answered. From
    Python 3.12 on, requests in one piece would be answered without a pause, and nobody
    else meanwhile. No page reads a body, so that none is inflated.
    """

    _taken = 0

    def data_received(self, data: bytes) -> None:
        """Read of a request what has come."""
        requests = self._request_count
        super().data_received(data[: MAX_REQUEST_BYTES - self._taken])
        self._taken += len(data)
        if self._taken > MAX_REQUEST_BYTES and self._waiter and not self._waiter.done():
            # It is no request yet, so there is nothing to answer.
            self.force_close()
        elif self._taken > MAX_REQUEST_BYTES or len(self._messages) > 1:
            self.close()
        elif self._request_count > requests:
            self._taken = 0

    def handle_error(self, *args: Any, **options: Any) -> web.StreamResponse:
        """Answer what is no request, of which signals are not told."""
        response = super().handle_error(*args, **options)
        response.headers.update(HEADERS)
        return response


def _shown(bound: Sequence[str | int]) -> str:
    host, port = bound[0], bound[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


class _Handlers:
    """Answers the requests for a site, `max_requests` scrapes at a time."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._status_page = StatusPage(site.report, site.settings)
        self._scrapes = 0

    async def page(self, request: web.Request) -> web.Response:
        return await self._send(request, await self._status_page.answer(request))

    async def metrics(self, request: web.Request) -> web.Response:
        limit = self._site.max_requests
        if limit and self._scrapes >= limit:
            raise web.HTTPServiceUnavailable(
                text=f"Limit of concurrent requests reached ({limit}), try again later."
            )
        self._scrapes += 1
        try:
            # Sent in here: a slow reader holds a body in memory, and so counts.
            return await self._send(request, await self._render(request))
        finally:
            self._scrapes -= 1

    async def healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="Healthy\n")

    async def ready(self, _request: web.Request) -> web.Response:
        if self._site.is_ready():
            return web.Response(text="Ready\n")
        return web.Response(text="Not every route has been tried yet\n", status=503)

    async def reload(self, request: web.Request) -> web.Response:
        if self._site.reload is None:
            return web.Response(text="Lifecycle API is not enabled.\n", status=403)
        # Of plain HTTP to another machine a browser tells the origin alone.
        origin = request.headers.get("Origin", f"//{request.host}").partition("//")[2]
        site = request.headers.get("Sec-Fetch-Site")
        if origin != request.host or site == "cross-site":
            return web.Response(text="Another site asks for it.\n", status=403)
        if faults := await self._site.reload():
            text = "".join(f"{fault}\n" for fault in faults)
            return web.Response(text=text, status=500)
        return web.Response(text="Reloaded\n")

    async def _render(self, request: web.Request) -> web.Response:
        started = time.monotonic()
        accepted = request.headers.getall("Accept", ())
        encodings = request.headers.getall("Accept-Encoding", ())
        fmt, gzip = negotiate(", ".join(accepted)), accepts_gzip(", ".join(encodings))
        body = await self._site.exposition.body(fmt, gzip=gzip)
        self._site.on_scrape(time.monotonic() - started, body.size)
        sent = {
            "Content-Type": fmt.value,
            "Content-Length": str(body.size),
            "Vary": "Accept, Accept-Encoding",
        }
        if gzip:
            sent["Content-Encoding"] = "gzip"
        return web.Response(body=body.pieces, headers=sent)

    async def _send(self, request: web.Request, response: web.Response) -> web.Response:
        """Send a response to its end, or break the connection of a slow reader.

        Who has hung up is no error that would be logged.
        """
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await response.prepare(request)
                await response.write_eof()
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
        return response
