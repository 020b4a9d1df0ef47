"""Two whole exporters and one lease: one polls, and the other when it must."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import replicas
from eventually import eventually
from lease_api import LeaseApi, kubeconfig, lease_api
from programs import run_exporter
from replicas import INTERVAL, LAG, ROUTES, Replica, polls_a_second, simulated_cloud

from exporter.simulator.server import Stats


def environment(folder: Path, cloud: str, api: LeaseApi) -> dict[str, str]:
    """Return the settings of both."""
    file = kubeconfig(folder, api.url)
    return replicas.environment(folder, cloud, file, lease="dr", namespace="monitoring")


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[tuple[Replica, Replica, LeaseApi, Stats]]:
    """Run a leader and a standby."""
    async with (
        simulated_cloud() as (cloud, stats),
        lease_api() as api,
        replicas.pair(environment(folder, cloud, api)) as (leader, standby),
    ):
        yield leader, standby, api, stats


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
        assert polls_a_second(stats, 2) <= ROUTES / INTERVAL * 1.5


async def test_a_leader_that_is_told_to_stop_hands_over_in_seconds(
    tmp_path: Path,
) -> None:
    """A rollout costs a poll or two, not a lease's duration."""
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


async def test_a_candidate_that_hears_nothing_stops_in_seconds(tmp_path: Path) -> None:
    """Be the lease ever so long, it does not wait for the first answer."""
    async with lease_api() as api:
        api.deaf = {"get"}
        env = environment(tmp_path, "http://127.0.0.1:1", api)
        env["ROCKETMQ_DR_HA__LEASE_DURATION"] = "1h"
        async with replicas.replica(env) as candidate:

            async def has_asked() -> bool:
                return bool(api.asked)

            await eventually(has_asked)
            candidate.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(candidate.process.wait(), 5) == 0


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
