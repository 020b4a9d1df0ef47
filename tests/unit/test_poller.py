"""When each route is polled."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from core_cases import HERE, OTHER, REGION, ROUTE
from poller_bench import INTERVAL, STARTS_PER_SECOND, PollerBench
from virtual_time import run_virtually, settled, virtually

from exporter.model.errors import UnavailableError
from exporter.model.types import Route
from exporter.polling.routes import position

MANY = [Route("1", str(number), HERE, REGION) for number in range(100)]


def test_polls_start_on_a_grid_of_the_routes_own() -> None:
    """Start to start, at the place that its ids give it; the first one comes early."""
    bench = PollerBench()
    bench.seconds[ROUTE] = 7.5

    run_virtually(bench.run(10 * INTERVAL), start=1_000.0)

    first, second, *rest = bench.starts[ROUTE]
    assert first == pytest.approx(1_000 + position(ROUTE) / STARTS_PER_SECOND)
    assert INTERVAL / 2 <= second - first <= 1.5 * INTERVAL
    place = position(ROUTE) * INTERVAL
    assert all(start % INTERVAL == pytest.approx(place) for start in (second, *rest))
    assert [b - a for a, b in pairwise([second, *rest])] == (
        pytest.approx([INTERVAL] * len(rest))
    )
    assert len(rest) >= 8


@pytest.mark.parametrize("start", [0.0, 31.0, 86_399.0])
def test_the_grid_does_not_depend_on_when_the_process_started(start: float) -> None:
    """Restarts in a row do not gather the polls in one moment."""
    bench = PollerBench()

    run_virtually(bench.run(3 * INTERVAL, MANY[:10]), start=start)

    for route in MANY[:10]:
        _, second, *_ = bench.starts[route]
        assert second % INTERVAL == pytest.approx(position(route) * INTERVAL)


@virtually
async def test_first_polls_come_as_fast_as_the_account_allows() -> None:
    """Nobody waits an interval for the first data, nor is the limit outrun."""
    bench = PollerBench()

    await bench.run(INTERVAL / 2, MANY)

    firsts = sorted(starts[0] for starts in bench.starts.values())
    assert len(firsts) == len(MANY)
    assert firsts[-1] <= len(MANY) / STARTS_PER_SECOND
    assert firsts[-1] - firsts[0] > 0.9 * len(MANY) / STARTS_PER_SECOND


@virtually
async def test_first_polls_all_come_within_an_interval() -> None:
    """However many there are, each has begun after one interval."""
    many = [Route(str(n), "1", HERE, REGION) for n in range(1_000)]
    bench = PollerBench()

    await bench.run(INTERVAL, many)

    assert len(bench.starts) == len(many)


@virtually
async def test_a_slow_poll_is_not_overtaken_and_its_turns_are_counted() -> None:
    """TimeSlicer that fall into a poll are skipped, and the grid is kept."""
    bench = PollerBench()
    bench.seconds[ROUTE] = 2.5 * INTERVAL

    await bench.run(12 * INTERVAL)

    _, *starts = bench.starts[ROUTE]
    assert bench.most_at_once == 1
    assert [b - a for a, b in pairwise(starts)] == (
        pytest.approx([3 * INTERVAL] * (len(starts) - 1))
    )
    # Two turns a poll; the first poll began off the grid, and the last did not end.
    assert bench.skipped == 2 * (len(starts) - 1) + 2


@virtually
async def test_a_slow_route_delays_no_other() -> None:
    """Each has a schedule of its own."""
    bench = PollerBench()
    bench.seconds[ROUTE] = 1_000 * INTERVAL

    await bench.run(10 * INTERVAL, [ROUTE, OTHER])

    assert len(bench.starts[ROUTE]) == 1
    assert len(bench.starts[OTHER]) >= 10
    assert bench.skipped == 0


@virtually
async def test_a_failing_route_keeps_its_pace() -> None:
    """A permanent error is tried again at the next turn, and never sooner."""
    bench = PollerBench()
    bench.errors[ROUTE] = UnavailableError("refused")

    await bench.run(10 * INTERVAL)

    _, *starts = bench.starts[ROUTE]
    assert [b - a for a, b in pairwise(starts)] == (
        pytest.approx([INTERVAL] * (len(starts) - 1))
    )
    assert len(starts) >= 8


@virtually
async def test_a_dropped_route_stops_at_once() -> None:
    """Its poll is cut, publishes nothing, and is not begun again."""
    bench = PollerBench()
    bench.seconds[ROUTE] = 20.0
    async with asyncio.TaskGroup() as group:
        bench.poller.set_routes([ROUTE, OTHER], group)
        await asyncio.sleep(10)
        assert ROUTE in bench.under_way

        bench.poller.set_routes([OTHER], group)
        await asyncio.sleep(5 * INTERVAL)

        assert len(bench.starts[ROUTE]) == 1
        assert len(bench.starts[OTHER]) >= 5
        assert {outcome.route for outcome in bench.outcomes} == {OTHER}
        bench.poller.set_routes([], group)


@virtually
async def test_routes_that_stay_keep_their_schedule() -> None:
    """Discovery may come as often as it likes."""
    undisturbed = PollerBench()
    began = asyncio.get_running_loop().time()
    await undisturbed.run(5 * INTERVAL)
    bench = PollerBench()
    shift = asyncio.get_running_loop().time() - began

    async with asyncio.TaskGroup() as group:
        for second in range(int(5 * INTERVAL)):
            extra = [OTHER] if second % 2 else []
            bench.poller.set_routes([ROUTE, *extra], group)
            await asyncio.sleep(1)
        bench.poller.set_routes([], group)

    assert [start - shift for start in bench.starts[ROUTE]] == (
        pytest.approx(undisturbed.starts[ROUTE])
    )


@virtually
async def test_a_route_that_comes_back_waits_for_its_last_poll() -> None:
    """A poll that is slow to stop is not joined by a second one."""
    bench = PollerBench()
    bench.cleanup_seconds[ROUTE] = 30.0
    async with asyncio.TaskGroup() as group:
        bench.poller.set_routes([ROUTE], group)
        await asyncio.sleep(0.5)
        bench.poller.set_routes([], group)
        await settled()
        bench.poller.set_routes([ROUTE], group)
        await asyncio.sleep(2 * INTERVAL)
        bench.poller.set_routes([], group)

    assert bench.most_at_once == 1
    assert len(bench.starts[ROUTE]) > 1
    assert bench.skipped == 1


@virtually
async def test_no_task_outlives_the_group() -> None:
    """Whoever owns the group can stop everything, whatever is under way."""
    bench = PollerBench()

    async def polling() -> None:
        async with asyncio.TaskGroup() as group:
            bench.poller.set_routes(MANY, group)

    task = asyncio.create_task(polling())
    await asyncio.sleep(INTERVAL)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert bench.under_way == []
