"""Exporters of a simulated cloud: in this process, and programs with one Lease."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import yaml
from eventually import eventually
from programs import clean_environment, exporter_command, free_port, started
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from recording import Stats

from exporter.app.exporter import Exporter, opened
from exporter.app.serve import Reloader
from exporter.config.load import load
from exporter.simulator.server import running
from exporter.simulator.world import World
from exporter.web.server import application, serving

LEADER = "rocketmq_dr_exporter_leader"
LAG = "rocketmq_dr_sync_lag_seconds"


@dataclass
class Clock:
    """The cloud's clock, which a test may move."""

    ahead: float = 0.0

    def __call__(self) -> float:
        """Return Unix seconds."""
        return time.time() + self.ahead


@dataclass
class Running:
    """An exporter in this process, its configuration, and the cloud that it polls."""

    exporter: Exporter
    client: aiohttp.ClientSession
    stats: Stats
    clock: Clock
    file: Path
    configuration: dict[str, Any]
    work: asyncio.Task[None] = field(init=False)

    async def text(self, path: str = "/metrics") -> str:
        """Return what is answered at a path."""
        async with self.client.get(path) as response:
            return await response.text()

    async def samples(self, name: str) -> list[Sample]:
        """Return the samples of one name."""
        families = text_string_to_metric_families(await self.text())
        return [s for family in families for s in family.samples if s.name == name]

    async def series(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return the samples of one name by some labels, which tell them apart."""
        samples = await self.samples(name)
        found = {tuple(s.labels[label] for label in labels): s.value for s in samples}
        assert len(found) == len(samples), "two samples have the same labels"
        return found

    async def values(self, name: str, label: str = "plan_id") -> dict[str, float]:
        """Return the samples of one name by one label, the last of each."""
        return {s.labels.get(label, ""): s.value for s in await self.samples(name)}

    async def reload(self, **sections: Any) -> tuple[int, str]:
        """Write these sections over those of the file, and ask for a reload."""
        self.configuration = _merged(self.configuration, sections)
        _write(self.file, self.configuration)
        async with self.client.post("/-/reload") as response:
            return response.status, await response.text()

    def poll(self) -> None:
        """Poll from now on."""
        self.work = asyncio.create_task(self.exporter.run())

    async def rest(self) -> None:
        """Poll no more."""
        self.work.cancel()
        await asyncio.gather(self.work, return_exceptions=True)


def _merged(before: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    return before | {
        name: before.get(name, {}) | value if isinstance(value, dict) else value
        for name, value in sections.items()
    }


@asynccontextmanager
async def exporting(
    world: World, latency_seconds: float = 0.0, **sections: Any
) -> AsyncIterator[Running]:
    """Run an exporter of a world, faster than anybody would in earnest.

    `sections` are those of its configuration file.
    """
    stats, clock = Stats(latency_seconds), Clock()
    cloud = running(world, now=clock, middlewares=stats.middlewares)
    async with AsyncExitStack() as stack:
        file = Path(stack.enter_context(TemporaryDirectory()), "exporter.yml")
        api = {
            "endpoint": await stack.enter_async_context(cloud),
            "requests_per_second": 500,
            "access_key_id": "simulator",
            "access_key_secret": "simulator",
        }
        poll = {"interval": "100ms", "timeout": "20s"}
        web = {"enable_lifecycle": True}
        configuration = _merged({"api": api, "poll": poll, "web": web}, sections)
        _write(file, configuration)
        reread = partial(load, flags={}, environ={}, file=file)
        exporter = await stack.enter_async_context(opened(reread()))
        site = exporter.site(Reloader(exporter, reread).reload)
        server = serving(application(site), ["127.0.0.1:0"])
        (address,) = await stack.enter_async_context(server)
        client = aiohttp.ClientSession(f"http://{address}")
        await stack.enter_async_context(client)
        it = Running(exporter, client, stats, clock, file, configuration)
        it.poll()
        stack.push_async_callback(it.rest)
        yield it


def _write(file: Path, configuration: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(configuration))


@dataclass(frozen=True, slots=True)
class Replica:
    """A running exporter, and what it answers."""

    process: asyncio.subprocess.Process
    client: aiohttp.ClientSession

    async def is_ready(self) -> bool:
        """Return whether Kubernetes would call it ready."""
        try:
            async with self.client.get("/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def samples(self, name: str) -> list[float]:
        """Return the values of a family; none where it cannot be reached."""
        try:
            async with self.client.get("/metrics") as response:
                lines = (await response.text()).splitlines()
        except aiohttp.ClientError:
            return []
        starts = (f"{name} ", f"{name}{{")
        return [float(x.rpartition(" ")[2]) for x in lines if x.startswith(starts)]

    async def is_polling(self) -> bool:
        """Return whether it leads, and shows what it found."""
        return await self.samples(LEADER) == [1] and bool(await self.samples(LAG))

    async def is_standing_by(self) -> bool:
        """Return whether it follows a leader."""
        return await self.samples(LEADER) == [0] and await self.is_ready()


def environment(
    folder: Path,
    cloud: str,
    kubeconfig: Path,
    *,
    lease: str = "dr",
    namespace: str = "monitoring",
) -> dict[str, str]:
    """Return the settings of every replica."""
    return clean_environment(
        folder,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_API__ENDPOINT=cloud,
        ROCKETMQ_DR_API__REQUESTS_PER_SECOND="50",
        ROCKETMQ_DR_POLL__INTERVAL="1s",
        ROCKETMQ_DR_HA__LEASE=lease,
        ROCKETMQ_DR_HA__LEASE_DURATION="10s",
        ROCKETMQ_DR_HA__NAMESPACE=namespace,
        ROCKETMQ_DR_HA__KUBECONFIG_FILE=str(kubeconfig),
    )


@asynccontextmanager
async def replica(env: dict[str, str], *flags: str) -> AsyncIterator[Replica]:
    """Run one of them."""
    address = f"127.0.0.1:{free_port()}"
    command = exporter_command("serve", f"--web.listen-address={address}", *flags)
    async with (
        started(*command, env=env) as process,
        aiohttp.ClientSession(f"http://{address}") as client,
    ):
        yield Replica(process, client)


@asynccontextmanager
async def simulated_cloud() -> AsyncIterator[str]:
    """Serve a cloud of two routes; yield its URL."""
    world = World(scenario="healthy", plans=1, items=2)
    async with running(world) as url:
        yield url


@asynccontextmanager
async def pair(env: dict[str, str]) -> AsyncIterator[tuple[Replica, Replica]]:
    """Run a leader and a standby."""
    async with replica(env) as leader:
        await eventually(leader.is_polling, within=120)
        async with replica(env) as standby:
            await eventually(standby.is_standing_by, within=120)
            yield leader, standby
