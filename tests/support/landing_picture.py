"""Takes the picture of the landing page that README shows, of the demo as it is."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import aiohttp
from browser import browser
from eventually import eventually
from programs import clean_environment, exporter_command, free_port, started

WIDTH, HEIGHT = 1280, 1120
SCALE = 1.5


async def taken() -> bytes:
    """Return the picture as PNG; the demo runs for as long as that takes."""
    address = f"127.0.0.1:{free_port()}"
    demo = exporter_command(
        "demo", f"--web.listen-address={address}", "--listen-address=127.0.0.1:0"
    )
    with tempfile.TemporaryDirectory() as home:
        async with started(*demo, env=clean_environment(Path(home))):
            await eventually(lambda: _is_ready(address))
            return await asyncio.to_thread(_picture, f"http://{address}/")


async def _is_ready(address: str) -> bool:
    url = f"http://{address}/-/ready"
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientConnectionError:
        return False


def _picture(url: str) -> bytes:
    with browser() as window:
        window.open(url, width=WIDTH)
        window.look(WIDTH, "light", height=HEIGHT, scale=SCALE)
        return window.picture()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(asyncio.run(taken()))
