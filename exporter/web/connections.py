"""Who may stay connected: so many clients, none that neither asks nor listens.

It must not know what is asked, nor what is answered.
"""

from __future__ import annotations

import asyncio
from typing import cast

from aiohttp import web

# Under the 1,024 files that a process may often open, with room for a burst of arrivals
# (they are accepted by the hundred) and for what is open beside clients.
MAX_CONNECTIONS = 700
# Longer than the two minutes that are the longest sensible interval between scrapes.
IDLE_SECONDS = 150.0
# Many times what the largest exposition takes; Prometheus gives up after ten seconds.
SEND_SECONDS = 30.0


class BoundedRunner(web.AppRunner):
    """Runs an application for a bounded number of clients at a time.

    Whoever has sent no whole request for `IDLE_SECONDS` is let go.
    """

    def __init__(self, app: web.Application, *, shutdown_timeout: float) -> None:
        super().__init__(
            app,
            access_log=None,
            shutdown_timeout=shutdown_timeout,
            keepalive_timeout=IDLE_SECONDS,
        )

    @property
    def server(self) -> web.Server | None:
        """Return what makes a protocol for each connection that a site accepts."""
        server = super().server
        return None if server is None else cast(web.Server, _Door(server))


class _Door:
    """Lets everybody in; over the limit, who came first has to go.

    Refusing who comes last would let idle clients keep everybody out.
    """

    def __init__(self, server: web.Server) -> None:
        self._server = server

    def __call__(self) -> asyncio.Protocol:
        connected = self._server.connections
        for handler in connected[: max(0, len(connected) - MAX_CONNECTIONS + 1)]:
            handler.force_close()
        return self._server()


async def send(
    request: web.Request, response: web.Response, within: float
) -> web.Response:
    """Send a response to its end; break the connection of who will not read it.

    `within` is seconds. The response may be returned to aiohttp, which sees that it was
    sent.
    """
    try:
        async with asyncio.timeout(within):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    return response
