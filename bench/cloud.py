"""A program: the simulated cloud over HTTPS, with a certificate that was issued for it.

It prints its address, and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys

from exporter.simulator.server import running
from exporter.simulator.world import World

# In production it is another machine: here it has to yield to what is measured.
NICENESS = 10


async def serve(certificate: str, key: str, world: World) -> None:
    """Serve a world for good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with running(world, ssl_context=context) as url:
        print(url.replace("127.0.0.1", "localhost"), flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Read what to serve from the command line."""
    certificate, key, *sizes = sys.argv[1:]
    plans, items, groups = map(int, sizes)
    os.nice(NICENESS)
    # Healthy, so that every checkpoint has a sample in each of the three families.
    world = World(scenario="healthy", plans=plans, items=items, groups=groups)
    asyncio.run(serve(certificate, key, world))


if __name__ == "__main__":
    main()
