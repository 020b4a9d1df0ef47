"""How the simulated cloud misbehaves, and that it can be lived with."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from simulator_client import Clock, SignedClient, serving
from simulator_truth import START

from exporter.simulator import faults
from exporter.simulator.server import running
from exporter.simulator.stats import Stats
from exporter.simulator.world import SCENARIOS, World

PLANS = "/disaster_recovery"
SOURCE = "rmq-cn-7e22ody0001"


async def test_throttling_comes_in_short_bursts_with_a_time_to_wait() -> None:
    """Three of twelve requests are refused with HTTP 400 and milliseconds."""
    async with serving(World("throttled", started_at=START)) as cloud:
        answers = [await cloud.ask(PLANS) for _ in range(24)]

    refused = [answer for answer in answers if answer.status != 200]
    assert [number for number, answer in enumerate(answers) if answer in refused] == [
        4,
        5,
        6,
        16,
        17,
        18,
    ]
    assert {(answer.status, answer.code) for answer in refused} == {
        (400, "Throttling.User")
    }
    waits = [answer.headers["x-acs-retry-after"] for answer in refused]
    assert waits == ["200", "400", "600"] * 2


async def test_an_outage_takes_turns_with_health() -> None:
    """It starts healthy, then fails in three ways, then is healthy again."""
    clock, stats = Clock(), Stats()
    world = World("outage", started_at=START)
    async with serving(world, clock=clock, stats=stats) as cloud:
        before = await cloud.ask(PLANS)
        clock.seconds += faults.HEALTHY_SECONDS
        html = await cloud.ask(PLANS)
        # The next is dropped, and aiohttp asks again by itself before the test hears.
        unavailable = await cloud.ask(PLANS)
        clock.seconds += faults.OUTAGE_SECONDS
        after = await cloud.ask(PLANS)

    assert [served.status for served in stats.requests] == [200, 502, 444, 503, 200]
    assert (before.status, after.status) == (200, 200)
    assert html.headers["Content-Type"] == "text/html; charset=utf-8"
    assert html.body.startswith(b"<html>")
    assert unavailable.code == "ServiceUnavailable"


async def test_a_dropped_request_has_no_answer() -> None:
    """Who does not ask again hears that the connection broke."""
    clock = Clock(START + faults.HEALTHY_SECONDS)
    async with running(World("outage", started_at=START), now=clock) as url:
        host, port = urlsplit(url).hostname, urlsplit(url).port
        bodies = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            bodies.append(await heard(reader))
            writer.close()

    assert [body[:12] for body in bodies] == [b"HTTP/1.1 503", b"HTTP/1.1 502", b""]


async def heard(reader: asyncio.StreamReader) -> bytes:
    """Read what is answered; nothing when the connection is reset."""
    with suppress(ConnectionResetError):
        return await reader.read()
    return b""


@pytest.mark.parametrize("plans", [1, 2, 3])
async def test_the_last_plans_checkpoints_are_forbidden(plans: int) -> None:
    """One plan's checkpoints are denied with a detail; its other calls are not."""
    world = World("forbidden", plans=plans, started_at=START)
    last = plans - 1
    async with serving(world) as cloud:
        denied = await cloud.checkpoints(last, last * 2, f"rmq-cn-7e22ody{plans:04d}")
        plan = await cloud.ask(f"{PLANS}/{1300000016 + last}")
        items = await cloud.ask(f"{PLANS}/{1300000016 + last}/items")

    assert (denied.status, denied.code) == (403, "NoPermission")
    detail = denied.json["AccessDeniedDetail"]
    assert detail["AuthAction"] == "rocketmq:ListDisasterRecoveryCheckpoints"
    assert (plan.status, items.status) == (200, 200)


async def test_the_items_of_one_of_three_plans_are_forbidden() -> None:
    """The service denies in its own envelope, and leaves the first plan alone."""
    async with serving(World("forbidden", plans=3, started_at=START)) as cloud:
        denied = await cloud.ask(f"{PLANS}/1300000017/items")
        first = await cloud.ask(f"{PLANS}/1300000016/items")
        rows = await cloud.checkpoints(0, 0, SOURCE)

    assert (denied.status, denied.json["code"]) == (403, "NoPermission")
    assert denied.json["success"] is False
    assert "ListDisasterRecoveryItems" in denied.json["accessDeniedDetail"]
    assert (first.status, rows.status) == (200, 200)


async def polled(cloud: SignedClient) -> tuple[set[int], set[int], int]:
    """Poll a route once: the totals its pages name, the ids, and the rows seen."""
    totals: set[int] = set()
    ids: list[int] = []
    for number in ("1", "2", "3"):
        answer = await cloud.checkpoints(0, 0, SOURCE, pageSize="10", pageNumber=number)
        totals.add(answer.json["data"]["totalCount"])
        ids += [row["checkpointId"] for row in answer.rows]
    return totals, set(ids), len(ids)


@pytest.mark.parametrize("phase", range(4))
async def test_churn_disturbs_every_other_poll_and_no_second(phase: int) -> None:
    """The first poll cannot add up; who polls again finds exactly what there is."""
    clock = Clock(START + 30 * phase)
    world = World("churn", groups=25, started_at=START)
    async with serving(world, clock=clock) as cloud:
        first_totals, first_ids, _ = await polled(cloud)
        totals, ids, seen = await polled(cloud)
        third_totals, third_ids, _ = await polled(cloud)

    truth = world.checkpoints_at("1300000016", "100070284", SOURCE, clock())
    assert len(first_totals) > 1 or len(first_ids) != first_totals.pop()
    assert (totals, seen) == ({len(truth)}, len(truth))
    assert ids == {int(row.checkpoint_id) for row in truth}
    assert len(third_totals) > 1 or len(third_ids) != third_totals.pop()


@pytest.mark.parametrize(
    "scenario", sorted(set(SCENARIOS) - {"throttled", "outage", "forbidden"})
)
async def test_the_transport_is_faultless_elsewhere(scenario: str) -> None:
    """A scenario that is about checkpoints refuses nothing, at any time."""
    clock, stats = Clock(), Stats()
    world = World(scenario, started_at=START)
    async with serving(world, clock=clock, stats=stats) as cloud:
        for _ in range(20):
            await cloud.checkpoints(0, 0, SOURCE)
            clock.seconds += 11

    assert {served.status for served in stats.requests} == {200}
