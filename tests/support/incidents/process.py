"""The real exporter as a process that an incident starts, stops and scrapes.

Missing are the sockets, the vendor's credential chain, and what `/proc` would tell.
"""

from __future__ import annotations

import asyncio
import errno
import gzip
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from typing import TYPE_CHECKING, cast

import aiohttp
from lease_api import ApiLine
from yarl import URL

from exporter.app.exporter import Exporter
from exporter.app.leader import Elector, LeaseClient, lease_name
from exporter.cloud.client import CloudClient, page_sizes, requests_per_second
from exporter.cloud.credentials import CredentialSource
from exporter.cloud.http import Exchange
from exporter.cloud.limiter import Limiter
from exporter.cloud.retry import Transport
from exporter.cloud.signing import Credentials
from exporter.config.settings import Settings
from exporter.metrics.formats import Format
from exporter.metrics.telemetry import Telemetry
from exporter.simulator.gateway import ACCESS_KEY_ID, ACCESS_KEY_PAIR
from incidents.cloud import Answer, Cloud

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

# What a scrape costs says something of the machine that runs the tests.
SCRAPE_SECONDS, SCRAPE_BYTES = 0.005, 40_000


class CloudLine:
    """A replica's own way to the cloud, which it may lose while others keep theirs."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.is_cut = False

    def get(
        self, url: URL, *, headers: Mapping[str, str], **more: object
    ) -> AbstractAsyncContextManager[Answer]:
        """Ask the cloud, as `aiohttp.ClientSession.get` would."""
        if self.is_cut:
            raise aiohttp.ClientOSError(errno.ENETUNREACH, "unreachable")
        return self._cloud.get(url, headers=headers, **more)


class Process:
    """A replica of the exporter; `wall` is its machine's clock, in Unix seconds.

    `lease_line` leads to the Lease by which it is elected, if its settings name one.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        cloud: Cloud,
        lease_line: ApiLine,
        wall: Callable[[], float],
    ) -> None:
        self.name = name
        self.settings = settings
        self.started_at = 0.0
        self.line = CloudLine(cloud)
        self._wall = wall
        self.lease_line = lease_line
        self._exporter: Exporter | None = None
        self._work: asyncio.Task[None] | None = None

    @property
    def exporter(self) -> Exporter:
        """What runs; it is an error to ask while nothing does."""
        if self._exporter is None or self._work is None or self._work.done():
            raise RuntimeError(f"the exporter {self.name} does not run")
        return self._exporter

    @property
    def is_running(self) -> bool:
        """Tell whether it was started and not stopped."""
        return self._work is not None

    def start(self) -> None:
        """Run, with all counters at 0."""
        self.started_at = self._wall()
        telemetry = Telemetry()
        self._exporter = Exporter(
            self.settings,
            client(self.settings, self.line, telemetry, self._wall),
            telemetry,
            AsyncExitStack(),
            connect=lambda settings, telemetry: nullcontext(
                client(settings, self.line, telemetry, self._wall)
            ),
            wall=self._wall,
        )
        self._work = asyncio.create_task(self._polling(self._exporter))

    async def stop(self) -> None:
        """Stop; if the exporter ended by itself, that is a bug, which is raised."""
        work, self._work = self._work, None
        if work is None or work.cancel():
            await asyncio.gather(*([work] if work else []), return_exceptions=True)
            return
        await work

    async def _polling(self, exporter: Exporter) -> None:
        """Poll, where it is elected only while it leads."""
        name = lease_name(self.settings)
        if name is None:
            await exporter.run()
            return
        api = cast("ApiClient", self.lease_line)
        elector = Elector(
            LeaseClient(api, "monitoring", name),
            f"{self.name}-{self.started_at}",
            lease_duration=int(self.settings.ha.lease_duration.total_seconds()),
            on_change=exporter.elected,
            on_follow=exporter.ready.set,
        )
        await elector.run(exporter.run)

    async def reload(self, settings: Settings) -> None:
        """Put other settings in force."""
        await self.exporter.apply(settings)
        self.settings = settings
        self.reloaded(ok=True)

    def reloaded(self, *, ok: bool) -> None:
        """Tell how a reload ended, as `process.reloading` does."""
        self.exporter.telemetry.reloaded(ok=ok, at=self._wall())
        self.exporter.exposition.renew()

    async def scrape(self) -> bytes:
        """Return what Prometheus would read."""
        body = await self.exporter.exposition.body(Format.TEXT_0_0_4, gzip=True)
        self.exporter.telemetry.scraped(SCRAPE_SECONDS, SCRAPE_BYTES)
        return gzip.decompress(b"".join([piece async for piece in body.pieces]))


class _Key(CredentialSource):
    """The key, without a thread, which virtual time does not wait for."""

    async def get(self) -> Credentials:
        """Return what the cloud knows."""
        return Credentials(ACCESS_KEY_ID, ACCESS_KEY_PAIR[ACCESS_KEY_ID])


def client(
    settings: Settings,
    cloud: CloudLine,
    telemetry: Telemetry,
    wall: Callable[[], float],
) -> CloudClient:
    """Return the exporter's client of a cloud; its jitter is the same each time."""
    exchange = Exchange(
        cast("aiohttp.ClientSession", cloud),
        settings.api.timeout.total_seconds(),
        telemetry.clock_skew,
        wall,
    )
    limiter = Limiter(requests_per_second(settings), on_change=telemetry.rate_limit)
    slots = asyncio.Semaphore(settings.api.max_concurrency)
    jitter = random.Random(1)  # noqa: S311 - it is no secret
    sizes = page_sizes(settings, probe=False)
    transport = Transport(
        exchange, _Key(), limiter, telemetry, slots, page_sizes=sizes, jitter=jitter
    )
    return CloudClient(transport, settings)
