"""Guards of what makes a scrape cheap, by counts and not by the clock."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from dataclasses import replace
from itertools import pairwise

from core_cases import ROUTE as ROUTE_HERE
from core_cases import SIBLING, row
from counting import Calls, counted_calls
from exposition_cases import (
    NOW,
    ROUTE,
    Bench,
    FakeClock,
    checkpoint,
    snapshot_of,
    status_of,
)
from store_bench import publish

from exporter.app.exporter import opened
from exporter.config.load import load
from exporter.metrics.formats import Format
from exporter.model.time_slicer import SLICE_ROWS
from exporter.model.types import Checkpoint, Route, Snapshot
from exporter.polling.store import PollResult, Store

DEFAULT_SWITCHES = ("sync_lag", "sync_age", "last_sync", "problem")


def rows(count: int) -> list[Checkpoint]:
    """Return so many checkpoints that know everything."""
    # One object for each topic, as a poll has it.
    topics = [f"TOPIC_{number}" for number in range(9)]
    return [
        replace(checkpoint(number), group=f"GID_{number:06}", topic=topics[number % 9])
        for number in range(count)
    ]


def bench_of(snapshot: Snapshot) -> Bench:
    """Return an exposition of one snapshot with the default families."""
    bench = Bench(switches=DEFAULT_SWITCHES)
    bench.store.show(status_of(snapshot))
    return bench


async def calls_of_a_scrape(bench: Bench) -> int:
    """Return how many functions a scrape calls."""
    with counted_calls() as calls:
        await bench.exposition.body(Format.TEXT_0_0_4, gzip=True)
    return calls.count


async def test_a_scrape_calls_no_function_for_each_checkpoint() -> None:
    """Ten times as many checkpoints are some slices more, and nothing else."""
    few = bench_of(snapshot_of(ROUTE, *rows(SLICE_ROWS)))
    many = bench_of(snapshot_of(ROUTE, *rows(10 * SLICE_ROWS)))
    for bench in (few, many):
        await calls_of_a_scrape(bench)
        bench.pass_seconds(2)

    more = await calls_of_a_scrape(many) - await calls_of_a_scrape(few)

    assert more < 9 * 60, "calls for nine slices more"


async def test_within_a_second_nothing_is_rendered_again() -> None:
    """A second scrape takes the same few calls, however much there is."""
    few = bench_of(snapshot_of(ROUTE, *rows(100)))
    many = bench_of(snapshot_of(ROUTE, *rows(5000)))
    for bench in (few, many):
        await calls_of_a_scrape(bench)

    assert await calls_of_a_scrape(few) == await calls_of_a_scrape(many) < 30


async def test_what_only_a_poll_changes_is_rendered_once_a_poll() -> None:
    """A scrape after the first renders the age, and no other family of checkpoints."""
    bench = bench_of(snapshot_of(ROUTE, *rows(SLICE_ROWS)))
    first = await calls_of_a_scrape(bench)
    bench.pass_seconds(2)
    second = await calls_of_a_scrape(bench)

    assert second < first / 2


def test_recording_a_poll_looks_at_no_other_item() -> None:
    """What `publish` costs does not grow with the number of routes."""

    def calls_with(routes: int) -> int:
        store = Store(stale_after=300, max_checkpoints=10**6, clock=FakeClock())
        all_routes = [Route(str(n), "1", "rmq-a", "cn-hangzhou") for n in range(routes)]
        store.set_routes(all_routes)
        for route in all_routes:
            publish(store, PollResult(route, NOW, 0.1, snapshot_of(route, *rows(2))))
        first = all_routes[0]
        poll = PollResult(first, NOW, 0.1, snapshot_of(first, *rows(2)))
        with counted_calls() as calls:
            publish(store, poll)
        return calls.count

    assert calls_with(2) == calls_with(500)


async def test_a_large_two_way_item_is_taken_in_with_pauses() -> None:
    """Others have their turn many times while two routes are compared."""
    credentials = {"api.access_key_id": "x", "api.access_key_secret": "x"}
    settings = load(flags=credentials, environ={}, file=None)
    shared = [row(n, f"GID_{n}") for n in range(20 * SLICE_ROWS)]
    turns: list[int] = []

    async def others(calls: Calls) -> None:
        while True:
            turns.append(calls.count)
            await asyncio.sleep(0)

    async with opened(settings) as exporter:
        exporter.store.set_routes([ROUTE_HERE, SIBLING])
        for route in (ROUTE_HERE, SIBLING):
            poll = PollResult(route, NOW, 0.1, snapshot_of(route, *shared))
            with counted_calls() as calls:
                watching = asyncio.create_task(others(calls))
                await exporter.scheduler._publish(poll)
                watching.cancel()
        hidden = sum(len(status.hidden) for status in exporter.store.statuses())

    assert hidden == len(shared)
    longest = max(after - before for before, after in pairwise(turns))
    assert longest < 20 * SLICE_ROWS, "less than a call for each row"


async def test_a_checkpoint_costs_little_memory_between_polls() -> None:
    """Columns and shared label bytes: under half a kilobyte for each checkpoint."""
    count = 20_000
    gc.collect()
    tracemalloc.start()
    try:
        bench = bench_of(snapshot_of(ROUTE, *rows(count)))
        await bench.exposition.body(Format.TEXT_0_0_4, gzip=True)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held / count < 500
