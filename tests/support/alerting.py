"""The shipped rules and Alertmanager configuration, and the real Alertmanager."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from eventually import eventually
from paths import ROOT
from programs import (
    Prometheus,
    assert_running,
    clean_environment,
    exporter_command,
    free_port,
    prometheus_of,
    real,
    started,
)

PROMETHEUS = ROOT / "deploy" / "prometheus"
# Recording rules first: promtool evaluates the groups in this order.
RULE_FILES = tuple(
    PROMETHEUS / "rules" / f"{name}.yml"
    for name in ("recording", "alerts", "objective-burn", "shards")
)
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"

SETTINGS = (
    "--api.requests-per-second=200",
    "--poll.interval=1s",
    "--poll.timeout=5s",
    "--poll.stale-after=5s",
)
_PLACEHOLDER = re.compile(r"fill-in-your-([a-z-]+)://")


def filled_in(url: str) -> str:
    """Return Alertmanager's configuration, each receiver a path below a URL."""
    return _PLACEHOLDER.sub(rf"{url}/\1", ALERTMANAGER.read_text())


def in_seconds(text: str) -> str:
    """Return a shipped file that waits a second where it waits long."""
    names = (
        "for|keep_firing_for|group_wait|group_interval|(?:scrape|evaluation)_interval"
    )
    waits = rf"\b({names}):( &\w+)? \w+"
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


@asynccontextmanager
async def monitoring(
    cloud: str,
    told: str,
    folder: Path,
    *,
    shortened: Callable[[str], str] = in_seconds,
    settings: Sequence[str] = SETTINGS,
    flags: Sequence[str] = (),
) -> AsyncIterator[Prometheus]:
    """Run exporter, Prometheus and Alertmanager as shipped, with short waits.

    `told` is the receiver's URL; `flags` are Prometheus's.
    """
    target = f"127.0.0.1:{free_port()}"
    environment = clean_environment(
        folder,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_API__ENDPOINT=cloud,
    )
    exporter = exporter_command("serve", f"--web.listen-address={target}", *settings)
    async with (
        started(*exporter, env=environment),
        alertmanager(shortened(filled_in(told)), folder) as manager,
    ):
        (folder / "rules").mkdir()
        for path in RULE_FILES:
            (folder / "rules" / path.name).write_text(shortened(path.read_text()))
        config = shortened((PROMETHEUS / "prometheus.yml").read_text())
        config = config.replace("localhost:10063", target)
        config = config.replace("localhost:9093", manager)
        async with prometheus_of(config, folder, *flags) as server:
            yield server
