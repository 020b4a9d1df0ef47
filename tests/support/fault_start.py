"""How the exporter of the matrix is started, with its two clouds.

It must not look at what comes of it; a `Run` does.
"""

from __future__ import annotations

import asyncio
import io
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from fault_answers import ROWS, SIZE
from fault_layer import FaultLayer, fault_layer
from fault_run import ILL, KEY_ID, SECRET, TOKEN, WELL, Run
from pydantic import PrivateAttr

from exporter.app import logs
from exporter.app.exporter import opened
from exporter.config import Settings, load
from exporter.simulator.server import running
from exporter.simulator.world import World
from exporter.web.server import application, serving


class TwoEndpoints(Settings):
    """Settings whose regions are found where a test says."""

    _layer: FaultLayer = PrivateAttr()
    _well: str = PrivateAttr()

    def endpoint_for(self, region: str) -> str:
        """Return the base URL of one of the two regions."""
        return self._layer.url if region == "cn-ill" else self._well


def settings_for(
    layer: FaultLayer, well: str, changed: Mapping[str, str]
) -> TwoEndpoints:
    """Return settings of two discovered plans, each in a region of its own."""
    flags: dict[str, object] = {
        "api.access_key_id": KEY_ID,
        "api.access_key_secret": SECRET,
        "api.security_token": TOKEN,
        "api.requests_per_second": "5000",
        "api.page_size": str(SIZE),
        "api.timeout": "200ms",
        "poll.interval": "100ms",
        "poll.timeout": "400ms",
        "poll.stale_after": "600ms",
        "poll.discovery_interval": "200ms",
        "plans": [
            {"id": WELL, "region": "cn-well"},
            {"id": ILL, "region": "cn-ill"},
        ],
    }
    loaded = load(flags=flags | dict(changed), environ={}, file=None).settings
    settings = TwoEndpoints(**dict(loaded))
    settings._layer, settings._well = layer, well
    return settings


@asynccontextmanager
async def two_routes(
    certificates: Mapping[str, ssl.SSLContext],
    changed: Mapping[str, str],
    rejected: int,
) -> AsyncIterator[Run]:
    """Run the exporter, its two clouds and the layer in front of one of them."""
    world = World(scenario="healthy", plans=2, items=1, groups=ROWS)
    layers: list[FaultLayer] = []

    def ill_clock() -> float:
        return time.time() + sum(layer.clock_ahead for layer in layers)

    log = io.StringIO()
    logs.configure("debug", "logfmt", log)
    try:
        async with (
            running(world, keys={KEY_ID: SECRET}) as well,
            running(world, keys={KEY_ID: SECRET}, now=ill_clock) as ill,
            fault_layer(ill, certificates) as layer,
            opened(settings_for(layer, well, changed)) as exporter,
            serving(application(exporter.site()), ["127.0.0.1:0"]) as (address,),
            aiohttp.ClientSession(f"http://{address}") as client,
        ):
            layers.append(layer)
            stale_after = exporter._settings.poll.stale_after.total_seconds()
            work = asyncio.create_task(exporter.run())
            try:
                yield Run(exporter, layer, client, log, stale_after, rejected)
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
    finally:
        logs.configure("info", "logfmt")
