"""A program: the simulated cloud, as large as is asked for.

It prints its address, and with `--counts` a line of JSON each second: when requests
arrived, and how many it refused. It serves until it is ended.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import time

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporter.simulator import scenarios
from exporter.simulator.server import running
from exporter.simulator.world import World

# In production it is another machine: here it has to yield to what is measured.
NICENESS = 10


class Counts:
    """When requests arrived, and how many of them were refused."""

    def __init__(self) -> None:
        self.arrived: list[float] = []
        self.refused = 0

    def counter(self) -> Middleware:
        """Return what counts each request and its answer."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.arrived.append(time.monotonic())
            response = await handler(request)
            self.refused += response.status >= 400  # noqa: PLR2004
            return response

        return count

    def taken(self) -> dict[str, object]:
        """Return what was counted since the last time."""
        counted = {"arrived": self.arrived, "refused": self.refused}
        self.arrived, self.refused = [], 0
        return counted


async def serve(world: World, context: ssl.SSLContext | None, *, counts: bool) -> None:
    """Serve a world for good."""
    counted = Counts()
    middlewares = [counted.counter()] if counts else []
    async with running(world, ssl_context=context, middlewares=middlewares) as url:
        print(url.replace("127.0.0.1", "localhost") if context else url, flush=True)
        while True:
            await asyncio.sleep(1)
            if counts:
                print(json.dumps(counted.taken()), flush=True)


def main() -> None:
    """Read what to serve from the command line."""
    parser = argparse.ArgumentParser(prog="bench.cloud", description=__doc__)
    for name in ("plans", "items", "groups"):
        parser.add_argument(name, type=int)
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--two-way", action="store_true")
    parser.add_argument("--counts", action="store_true")
    asked = parser.parse_args()
    context = None
    if asked.tls:
        os.nice(NICENESS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*asked.tls)
    if asked.two_way:
        # Here both routes of an item list every checkpoint, and not one in eight.
        scenarios.is_echoed = lambda index: True  # noqa: ARG005
    # Healthy, so that every checkpoint has a sample in each of the three families.
    world = World(
        scenario="two_way" if asked.two_way else "healthy",
        plans=asked.plans,
        items=asked.items,
        groups=asked.groups,
    )
    asyncio.run(serve(world, context, counts=asked.counts))


if __name__ == "__main__":
    main()
