"""What the simulated cloud records of its requests, and how it starts and stops."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from simulator_client import serving
from simulator_truth import START

from exporter.simulator.server import STATS, create_app, running
from exporter.simulator.stats import Stats
from exporter.simulator.world import World

MIXED = World("mixed", started_at=START)
PLANS = "/disaster_recovery"
ITEM = f"{PLANS}/1300000016/items/100070284"
SOURCE = "rmq-cn-7e22ody0001"
CHECKPOINTS = "ListDisasterRecoveryCheckpoints"


async def test_the_server_records_what_tests_measure() -> None:
    """Action, path, page and status of each request, in order, and connections."""
    stats = Stats()
    async with serving(MIXED, stats=stats) as cloud:
        await cloud.ask(PLANS)
        await cloud.checkpoints(0, 0, SOURCE, pageNumber="2")
        await cloud.ask("/elsewhere")

    assert [
        (served.action, served.page, served.status) for served in stats.requests
    ] == [
        ("ListDisasterRecoveryPlans", None, 200),
        (CHECKPOINTS, 2, 200),
        ("", None, 404),
    ]
    assert stats.of(CHECKPOINTS)[0].path == f"{ITEM}/checkpoints"
    assert "pageNumber=2" in stats.of(CHECKPOINTS)[0].query
    arrivals = [served.arrived for served in stats.requests]
    assert arrivals == sorted(arrivals)
    assert (stats.connections, stats.max_in_flight, stats.in_flight) == (1, 1, 0)


async def test_overlapping_requests_are_counted_while_they_wait() -> None:
    """With a latency, as many are in flight as the client sends at once."""
    stats = Stats()
    async with serving(MIXED, stats=stats, latency_seconds=0.05) as cloud:
        await asyncio.gather(*(cloud.ask(PLANS) for _ in range(3)))

    assert (stats.connections, stats.max_in_flight, stats.in_flight) == (3, 3, 0)


def test_an_app_has_stats_of_its_own() -> None:
    """Who builds the application finds them under their key."""
    assert create_app(MIXED)[STATS] is not create_app(MIXED)[STATS]


async def test_a_server_stops_at_once_though_connections_are_open() -> None:
    """Clients that keep a connection alive do not hold the server."""
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(1), running(MIXED) as url:
            response = await session.get(f"{url}/")
            await response.read()
        assert response.status == 400
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{url}/")


async def test_an_ipv6_address_is_shown_in_brackets() -> None:
    """The base URL can be used as it is."""
    async with running(MIXED, host="::1") as url:
        assert url.startswith("http://[::1]:")
