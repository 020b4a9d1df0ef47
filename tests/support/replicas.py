"""Whole exporters with one Lease, and what they answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from eventually import eventually
from programs import clean_environment, exporter_command, free_port, started

from exporter.simulator.server import Stats, running
from exporter.simulator.world import World

LEADER = "rocketmq_dr_exporter_leader"
LAG = "rocketmq_dr_sync_lag_seconds"


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
async def replica(env: dict[str, str]) -> AsyncIterator[Replica]:
    """Run one of them."""
    address = f"127.0.0.1:{free_port()}"
    command = exporter_command("serve", f"--web.listen-address={address}")
    async with (
        started(*command, env=env) as process,
        aiohttp.ClientSession(f"http://{address}") as client,
    ):
        yield Replica(process, client)


@asynccontextmanager
async def simulated_cloud() -> AsyncIterator[tuple[str, Stats]]:
    """Serve a cloud of two routes; yield where, and what it was asked."""
    stats = Stats()
    world = World(scenario="healthy", plans=1, items=2)
    async with running(world, stats=stats) as url:
        yield url, stats


@asynccontextmanager
async def pair(env: dict[str, str]) -> AsyncIterator[tuple[Replica, Replica]]:
    """Run a leader and a standby."""
    async with replica(env) as leader:
        await eventually(leader.is_polling, within=120)
        async with replica(env) as standby:
            await eventually(standby.is_standing_by, within=120)
            yield leader, standby
