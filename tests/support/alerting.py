"""The shipped rules and Alertmanager configuration, and the real Alertmanager."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from eventually import eventually
from paths import ROOT
from programs import assert_running, free_port, real, started

PROMETHEUS = ROOT / "deploy" / "prometheus"
# Recording rules first: promtool evaluates the groups in this order.
RULE_FILES = tuple(
    PROMETHEUS / "rules" / f"{name}.yml"
    for name in ("recording", "alerts", "objective-burn", "shards")
)
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"

_PLACEHOLDER = re.compile(r"fill-in-your-([a-z-]+)://")


def filled_in(url: str) -> str:
    """Return Alertmanager's configuration, each receiver a path below a URL."""
    return _PLACEHOLDER.sub(rf"{url}/\1", ALERTMANAGER.read_text())


def in_seconds(text: str) -> str:
    """Return rules or routes that wait a second where the shipped ones wait long."""
    waits = r"\b(for|keep_firing_for|group_wait|group_interval):( &\w+)? \w+"
    return re.sub(waits, r"\1:\2 1s", text)


@dataclass
class Receiver:
    """A webhook receiver: what Alertmanager sent it, by the path it was sent to."""

    url: str
    sent: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def last(self, path: str) -> dict[str, dict[str, Any]]:
        """Return the last message of each group of alerts, by the group's key."""
        return {message["groupKey"]: message for message in self.sent.get(path, [])}


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """Listen for what Alertmanager sends."""
    box = Receiver("")

    async def take(request: web.Request) -> web.Response:
        box.sent.setdefault(request.path[1:], []).append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/{path}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        box.url = "http://127.0.0.1:{1}".format(*runner.addresses[0][:2])
        yield box
    finally:
        await runner.cleanup()


@asynccontextmanager
async def alertmanager(config: str, folder: Path) -> AsyncIterator[str]:
    """Run a real Alertmanager, and yield the address it listens on."""
    path = folder / "alertmanager.yml"
    path.write_text(config)
    address = f"127.0.0.1:{free_port()}"
    command = (
        real("prometheus-alertmanager"),
        f"--config.file={path}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    )
    async with started(*command) as process, aiohttp.ClientSession() as session:

        async def is_ready() -> bool:
            assert_running(process)
            try:
                async with session.get(f"http://{address}/-/ready") as response:
                    return response.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await eventually(is_ready)
        yield address
