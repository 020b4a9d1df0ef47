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

from exporter.simulator import scenarios
from exporter.simulator.server import Stats, running
from exporter.simulator.world import World

# In production it is another machine: here it has to yield to what is measured.
NICENESS = 10


async def serve(world: World, context: ssl.SSLContext | None, *, counts: bool) -> None:
    """Serve a world for good."""
    stats = Stats() if counts else None
    async with running(world, stats=stats, ssl_context=context) as url:
        print(url.replace("127.0.0.1", "localhost") if context else url, flush=True)
        while True:
            await asyncio.sleep(1)
            if stats is not None:
                print(json.dumps(counted(stats)), flush=True)


def counted(stats: Stats) -> dict[str, object]:
    """Return what arrived since the last time."""
    arrivals = [one.arrived for one in stats.requests]
    refused = sum(one.status >= 400 for one in stats.requests)  # noqa: PLR2004
    stats.requests.clear()
    return {"arrived": arrivals, "refused": refused}


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
