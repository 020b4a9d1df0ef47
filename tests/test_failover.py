"""Two whole exporters and one lease: one polls, and the other when it must."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from eventually import eventually
from lease_api import LeaseApi, kubeconfig, lease_api
from programs import (
    clean_environment,
    exporter_command,
    free_port,
    run_exporter,
    started,
)

from exporter.simulator.server import running
from exporter.simulator.stats import Stats
from exporter.simulator.world import World

pytestmark = pytest.mark.real

LEADER = "rocketmq_dr_exporter_leader"
LAG = "rocketmq_dr_sync_lag_seconds"
WALKS = "ListDisasterRecoveryCheckpoints"
ROUTES = 2
INTERVAL = 1.0


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
        """Return whether it follows, and shows nothing that a walk finds."""
        return await self.samples(LEADER) == [0] and await self.is_ready()


def environment(folder: Path, cloud: str, api: LeaseApi) -> dict[str, str]:
    """Return the settings of both."""
    return clean_environment(
        folder,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_API__ENDPOINT=cloud,
        ROCKETMQ_DR_API__REQUESTS_PER_SECOND="50",
        ROCKETMQ_DR_POLL__INTERVAL=f"{INTERVAL:g}s",
        ROCKETMQ_DR_HA__LEASE="dr",
        ROCKETMQ_DR_HA__NAMESPACE="monitoring",
        ROCKETMQ_DR_HA__KUBECONFIG_FILE=str(kubeconfig(folder, api.url)),
    )


@asynccontextmanager
async def replica(env: dict[str, str]) -> AsyncIterator[Replica]:
    """Run one of the two."""
    address = f"127.0.0.1:{free_port()}"
    command = exporter_command("serve", f"--web.listen-address={address}")
    async with (
        started(*command, env=env) as process,
        aiohttp.ClientSession(f"http://{address}") as client,
    ):
        yield Replica(process, client)


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[tuple[Replica, Replica, LeaseApi, Stats]]:
    """Run a leader and a standby."""
    stats = Stats()
    world = World(scenario="healthy", plans=1, items=ROUTES)
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(running(world, stats=stats))
        api = await stack.enter_async_context(lease_api())
        env = environment(folder, cloud, api)
        leader = await stack.enter_async_context(replica(env))
        await eventually(leader.is_polling)
        standby = await stack.enter_async_context(replica(env))
        await eventually(standby.is_standing_by)
        yield leader, standby, api, stats


def walks_a_second(stats: Stats, seconds: float) -> float:
    """Return how often routes were asked for in the last seconds."""
    since = time.monotonic() - seconds
    return sum(one.arrived > since for one in stats.of(WALKS)) / seconds


async def test_the_standby_polls_within_fifteen_seconds_of_a_leader_s_death(
    tmp_path: Path,
) -> None:
    """It does nothing before, and what is asked of the cloud is not doubled."""
    async with pair(tmp_path) as (leader, standby, api, stats):
        before = len(stats.requests)
        await asyncio.sleep(3 * INTERVAL)
        asked = len(stats.requests) - before
        assert 1 < asked <= (3 + 2) * ROUTES
        assert await standby.samples(LAG) == []
        async with standby.client.get("/") as response:
            assert "Standing by" in await response.text()
        for absent in ("rocketmq_dr_up", "rocketmq_dr_plan_info"):
            assert await standby.samples(absent) == []
        first = api.holder("dr")

        leader.process.send_signal(signal.SIGKILL)
        died = time.monotonic()
        await eventually(standby.is_polling)

        gap = time.monotonic() - died
        assert 5 < gap < 15
        assert api.holder("dr") not in {"", first}
        await asyncio.sleep(3 * INTERVAL)
        assert walks_a_second(stats, 2) <= ROUTES / INTERVAL * 1.5


async def test_a_leader_that_is_told_to_stop_hands_over_in_seconds(
    tmp_path: Path,
) -> None:
    """A rollout costs a walk or two, not a lease's duration."""
    async with pair(tmp_path) as (leader, standby, api, _):
        leader.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        await eventually(standby.is_polling)

        assert time.monotonic() - told < 5
        assert await asyncio.wait_for(leader.process.wait(), 5) == 0
        standby.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(standby.process.wait(), 5) == 0
        assert api.holder("dr") == ""


async def test_a_leader_that_loses_the_lease_shows_nothing_and_serves_on(
    tmp_path: Path,
) -> None:
    """Its series end, so that no two replicas show the same; later it polls again."""
    async with pair(tmp_path) as (leader, standby, api, _):
        api.leases["monitoring", "dr"]["spec"]["holderIdentity"] = "somebody-else"

        await eventually(leader.is_standing_by, within=60)
        assert await leader.samples(LAG) == []
        assert await leader.samples("rocketmq_dr_up") == []
        success = "rocketmq_dr_exporter_discovery_last_success_timestamp_seconds"
        assert await leader.samples(success) == []

        async def one_polls() -> bool:
            polling = [await one.is_polling() for one in (leader, standby)]
            assert polling.count(True) <= 1
            return any(polling)

        await eventually(one_polls, within=60)


@pytest.mark.parametrize("verb", ["get", "create", "update"])
async def test_without_a_right_on_the_lease_the_first_line_says_so(
    tmp_path: Path, verb: str
) -> None:
    """And the exit is 2: Kubernetes restarts it until somebody has read the line."""
    async with lease_api() as api:
        api.forbidden = {verb}
        env = environment(tmp_path, "http://127.0.0.1:1", api)

        result = await run_exporter("--web.listen-address=127.0.0.1:0", env=env)

    first, *others = result.err.splitlines()
    assert result.status == 2
    assert others == []
    assert first.startswith(f"ha.lease: the Kubernetes API answered 403 to {verb}")
    assert "service account" in first
