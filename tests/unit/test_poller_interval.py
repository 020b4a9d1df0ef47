"""What becomes of the schedules when the interval is another."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from core_cases import OTHER, ROUTE
from poller_bench import INTERVAL, STARTS_PER_SECOND, PollerBench
from virtual_time import virtually

from exporter.polling.routes import position


@virtually
@pytest.mark.parametrize("interval", [1.0, 10.0, 60.0, 3_600.0])
async def test_another_interval_holds_from_now_on(interval: float) -> None:
    """Each route is soon at its place in the new one, and nothing counts as skipped."""
    bench = PollerBench()
    bench.seconds = {ROUTE: 0.2, OTHER: 0.2}
    changed_at = 10 * INTERVAL

    async with asyncio.TaskGroup() as group:
        bench.poller.set_routes([ROUTE, OTHER], group)
        await asyncio.sleep(changed_at)
        bench.poller.reconfigure(interval=interval, starts_per_second=STARTS_PER_SECOND)
        await asyncio.sleep(10 * interval)
        bench.poller.set_routes([], group)

    for route in (ROUTE, OTHER):
        late = [start for start in bench.starts[route] if start > changed_at]
        assert late[0] - changed_at <= 1.5 * interval
        assert len(late) >= 8
        assert [b - a for a, b in pairwise(late)] == pytest.approx(
            [interval] * (len(late) - 1)
        )
        assert late[1] % interval == pytest.approx(position(route) * interval)
    assert bench.skipped == 0


@virtually
async def test_a_poll_under_way_ends_and_is_followed_at_the_new_pace() -> None:
    """It is not cut, and no second one of its route begins meanwhile."""
    bench = PollerBench()
    bench.seconds[ROUTE] = 25.0

    async with asyncio.TaskGroup() as group:
        bench.poller.set_routes([ROUTE], group)
        await asyncio.sleep(1)
        bench.poller.reconfigure(interval=30.0, starts_per_second=STARTS_PER_SECOND)
        await asyncio.sleep(200)
        bench.poller.set_routes([], group)

    assert bench.most_at_once == 1
    assert bench.results()[0] == "ok"
    assert len(bench.starts[ROUTE]) >= 6


@virtually
async def test_the_same_interval_moves_nothing() -> None:
    """Whatever else was reloaded, polls begin when they would have."""
    starts = []
    for is_reloaded in (False, True):
        bench = PollerBench()
        begun = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            bench.poller.set_routes([ROUTE], group)
            for _ in range(int(INTERVAL) * 5):
                await asyncio.sleep(1)
                if is_reloaded:
                    bench.poller.reconfigure(
                        interval=INTERVAL, starts_per_second=STARTS_PER_SECOND
                    )
            bench.poller.set_routes([], group)
        starts.append([start - begun for start in bench.starts[ROUTE]])

    assert starts[0] == pytest.approx(starts[1])


@virtually
async def test_first_polls_that_wait_for_a_slow_account_come_sooner_too() -> None:
    """An hour between two polls may have been an hour before the first."""
    bench = PollerBench()
    bench.poller.reconfigure(interval=36_000.0, starts_per_second=0.0001)

    async with asyncio.TaskGroup() as group:
        bench.poller.set_routes([ROUTE], group)
        await asyncio.sleep(0.5)
        bench.poller.reconfigure(interval=10.0, starts_per_second=STARTS_PER_SECOND)
        await asyncio.sleep(10)
        bench.poller.set_routes([], group)

    assert bench.starts[ROUTE]
