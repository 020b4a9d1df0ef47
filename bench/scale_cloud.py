"""A program: the simulated cloud, which tells each second what it was asked.

It prints its address, and then a line of JSON a second: how many requests arrived, and
how many of them it refused. It serves until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import sys

from exporter.simulator.server import Stats, running
from exporter.simulator.world import World


async def serve(world: World) -> None:
    """Serve a world for good."""
    stats = Stats()
    async with running(world, stats=stats) as url:
        print(url, flush=True)
        while True:
            await asyncio.sleep(1)
            arrivals = [one.arrived for one in stats.requests]
            refused = sum(one.status >= 400 for one in stats.requests)  # noqa: PLR2004
            stats.requests.clear()
            print(json.dumps({"arrived": arrivals, "refused": refused}), flush=True)


def main() -> None:
    """Read what to serve from the command line."""
    plans, items, groups = map(int, sys.argv[1:])
    # Healthy, so that every checkpoint has a sample in each family.
    world = World(scenario="healthy", plans=plans, items=items, groups=groups)
    asyncio.run(serve(world))


if __name__ == "__main__":
    main()
