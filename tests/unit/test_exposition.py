"""The answer to a scrape: right whatever was rendered before, and rendered once."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from exposition_cases import (
    NOW,
    ROUTE,
    SIBLING,
    Bench,
    FakeClock,
    checkpoint,
    small_bench,
    small_statuses,
    snapshot_of,
    status_of,
    text_of,
)
from exposition_oracle import parsed

from exporter.metrics.exposition import Exposition, render
from exporter.metrics.formats import Format
from exporter.metrics.telemetry import Telemetry
from exporter.model.types import Checkpoint, Inventory, Limits, Route, Snapshot
from exporter.polling.store import PollResult, Store

every_format = pytest.mark.parametrize("fmt", Format, ids=lambda fmt: fmt.name)
AGE = "rocketmq_dr_sync_age_seconds"
LAG = "rocketmq_dr_sync_lag_seconds"
LAST_SYNC = "rocketmq_dr_last_sync_timestamp_seconds"


def values_of(body: str, name: str) -> list[float]:
    """Return the values of the samples of this name."""
    prefix = f"{name}{{"
    return [
        float(line.rpartition(" ")[2])
        for line in body.splitlines()
        if line.startswith(prefix)
    ]


def large() -> Snapshot:
    """Return a snapshot that takes several slices to render."""
    return snapshot_of(ROUTE, *[checkpoint()] * 10_000)


@every_format
async def test_an_answer_is_whole_in_every_format_and_coding(fmt: Format) -> None:
    """No family is opened twice, OpenMetrics alone has an end, gzip is the same."""
    bench = small_bench(Telemetry())

    # The process says other things of itself a moment later: within a second it is one.
    packed = await bench.exposition.body(fmt, gzip=True)
    body = await bench.text(fmt)

    stream = b"".join([piece async for piece in packed.pieces])
    assert gzip.decompress(stream).decode() == body
    assert packed.size == len(stream) < len(body) / 2
    opened = [line.split()[2] for line in body.splitlines() if line[:7] == "# TYPE "]
    assert len(opened) == len(set(opened))
    assert body.endswith("\n# EOF\n") is fmt.is_openmetrics
    assert body.count("# EOF") == int(fmt.is_openmetrics)
    assert set(parsed(body, fmt)) >= {LAG, AGE}


async def test_ages_grow_while_nothing_is_heard_even_if_the_wall_clock_steps() -> None:
    """Ages are of the scrape; only the monotonic clock says whether they are good."""
    bench = small_bench()
    before = await bench.text()
    bench.pass_seconds(61.5)
    after = await bench.text()
    bench.clock.now += 2
    bench.wall.now -= 3600
    stepped = await bench.text()

    largest = "rocketmq_dr_max_sync_age_seconds"
    bodies = (before, after, stepped)
    assert [set(values_of(body, AGE)) for body in bodies] == [{10}, {71.5}, {-3528.5}]
    assert [values_of(body, largest) for body in bodies] == [[10], [71.5], [-3528.5]]


async def test_scrapes_within_a_second_share_one_rendering() -> None:
    """The second scrape gets the same ages, the third newer ones; none its own tail."""
    bench = small_bench(CountingOwn())

    first, own = (await bench.text()).rsplit("own ", 1)
    bench.pass_seconds(0.9)
    second, own_then = (await bench.text()).rsplit("own ", 1)
    bench.pass_seconds(0.1)
    third, own_last = (await bench.text()).rsplit("own ", 1)

    assert second == first
    assert third != first
    assert [own, own_then, own_last] == ["1\n", "2\n", "3\n"]


async def test_a_poll_within_the_second_is_shown_at_once() -> None:
    """It costs the others no rendering, and lets their ages last no longer."""
    kept = status_of(snapshot_of(SIBLING, checkpoint()))
    bench = Bench()
    bench.store.show(kept)
    await bench.text()

    bench.pass_seconds(0.5)
    late = replace(checkpoint(), source_ms=1740724175343)
    bench.store.show(kept, status_of(snapshot_of(ROUTE, late)))
    body = await bench.text()
    bench.pass_seconds(0.5)
    later = await bench.text()

    assert sorted(values_of(body, LAG)) == [5.0, 100.0]
    assert sorted(values_of(body, AGE)) == [10.0, 10.5]
    assert values_of(later, AGE) == [11.0, 11.0]


async def test_inventory_and_own_metrics_are_shown_at_once() -> None:
    """A discovery or a reload within the second is seen by the next scrape."""
    own = CountingOwn()
    bench = small_bench(own)
    assert values_of(await bench.text(), "rocketmq_dr_plan_info")

    bench.inventory = Inventory(limits={"1": Limits(60.0, 90.0)})
    body = await bench.text()
    own.more = b"more"
    assert await bench.text() == body.replace("own 2", "own 3")
    bench.exposition.renew()

    assert values_of(body, "rocketmq_dr_objective_seconds") == [60.0, 90.0]
    assert "rocketmq_dr_plan_info" not in body
    assert await bench.text() == body.replace("own 2", "moreown 4")


async def test_the_families_of_checkpoints_can_be_chosen_and_changed() -> None:
    """`metrics.families` chooses among them and no others, at once after a reload."""
    bench = Bench(switches=("last_sync",))
    bench.store.show(*small_statuses())
    before = await bench.text()

    bench.exposition.set_families(("sync_lag", "sync_age"))

    after = await bench.text()
    names = (LAG, AGE, LAST_SYNC)
    assert [bool(values_of(before, name)) for name in names] == [False, False, True]
    assert [bool(values_of(after, name)) for name in names] == [True, True, False]
    assert values_of(before, "rocketmq_dr_max_sync_age_seconds")


async def test_textfile_leaves_out_what_tells_of_this_process() -> None:
    """A node_exporter beside a running exporter must not see its metrics twice."""
    bench = small_bench(Telemetry())

    textfile = (await bench.exposition.textfile()).decode()

    assert values_of(textfile, LAG) == [5.0, -5.0]
    assert values_of(textfile, "rocketmq_dr_plan_auto_sync")
    for prefix in ("rocketmq_dr_exporter_", "process_", "python_"):
        assert f"\n{prefix}" not in textfile
    assert textfile.endswith("\n")


@dataclass
class Polls:
    """A real store, its clock, and an exposition over it."""

    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.store = Store(stale_after=300, max_checkpoints=100, clock=self.clock)
        self.store.set_routes([ROUTE, SIBLING])
        self.exposition = Exposition(
            self.store,
            ("sync_lag", "sync_age"),
            Telemetry(),
            inventory=Inventory,
            wall=lambda: NOW,
            clock=self.clock,
        )

    async def end(self, route: Route, *rows: Checkpoint) -> None:
        """Let a poll end as the scheduler does."""
        poll = PollResult(route, NOW, 1.0, snapshot_of(route, *rows))
        await self.store.publish(poll, self.exposition.prepare, Limits())

    async def lags(self) -> list[float]:
        """Return all lags that a scrape shows."""
        return values_of(
            (await text_of(self.exposition, Format.TEXT_0_0_4)).decode(), LAG
        )


async def test_checkpoints_are_withdrawn_once_they_are_stale() -> None:
    """The clock is enough for it; and a new poll brings them back."""
    polls = Polls()
    await polls.end(ROUTE, checkpoint())
    assert await polls.lags() == [5.0]

    polls.clock.now += 301
    assert await polls.lags() == []

    await polls.end(ROUTE, checkpoint())
    assert await polls.lags() == [5.0]


async def test_a_row_that_another_route_shows_is_not_shown_twice() -> None:
    """A poll of one route hides a row of its sibling, rendered long before."""
    polls = Polls()
    await polls.end(SIBLING, checkpoint())
    assert await polls.lags() == [5.0]

    own = replace(checkpoint(), source_ms=1740724080343 - 2000)
    await polls.end(ROUTE, own)
    assert await polls.lags() == [3.0]

    await polls.end(SIBLING, checkpoint(), checkpoint(2, "GID_other"))
    assert await polls.lags() == [3.0, 5.0]


async def test_nothing_of_a_removed_route_is_kept() -> None:
    """Its checkpoints go with it."""
    polls = Polls()
    await polls.end(ROUTE, checkpoint())

    polls.store.set_routes([SIBLING])

    assert await polls.lags() == []
    assert list(polls.exposition._renderings) == [SIBLING]


async def test_a_poll_is_rendered_before_a_scrape_can_show_it() -> None:
    """The scrape finds it finished, however large it is."""
    polls = Polls()
    await polls.end(ROUTE, checkpoint())
    assert await polls.lags() == [5.0]

    await polls.end(ROUTE, replace(checkpoint(), target_ms=1740724080342))
    prepared = polls.exposition._renderings[ROUTE]

    assert await polls.lags() == [0.001]
    assert polls.exposition._renderings[ROUTE] is prepared


async def test_what_two_polls_have_in_common_is_kept_once() -> None:
    """Labels seldom change, and are most of the memory."""
    rows = [checkpoint(n, f"GID_{n}") for n in range(2500)]
    families = Bench().exposition._families
    before = await render(status_of(snapshot_of(ROUTE, *rows)), families)
    rows[1500] = checkpoint(0, "GID_new")

    after = await render(status_of(snapshot_of(ROUTE, *rows)), families, before)

    pairs = zip(after.aged, before.aged, strict=True)
    assert [new.lines is old.lines for new, old in pairs] == [True, False, True]
    assert b"GID_new" in after.aged[1].lines


@dataclass
class CountingOwn:
    """Own metrics that count how often they are rendered."""

    more: bytes = b""
    rendered: int = 0

    def render(self, fmt: Format) -> bytes:
        """Return what there is."""
        return self.more

    def render_scrapes(self, fmt: Format) -> bytes:
        """Return the count."""
        self.rendered += 1
        return f"own {self.rendered}\n".encode()


@dataclass
class CountingClock(FakeClock):
    """A clock that counts how often it is read, and may refuse."""

    read: int = 0
    before: Callable[[], None] = field(default=lambda: None)

    def __call__(self) -> float:
        """Return the present time, and count."""
        self.before()
        self.read += 1
        return super().__call__()


async def test_concurrent_scrapes_share_one_rendering_in_progress() -> None:
    """Twenty scrapes at once are answered from one body."""
    wall = CountingClock()
    bench = Bench(wall=wall)
    bench.store.show(status_of(large()))

    bodies = await asyncio.gather(
        *(bench.exposition.body(Format.TEXT_1_0_0, gzip=True) for _ in range(20))
    )

    assert wall.read == 1
    assert len({body.size for body in bodies}) == 1


async def test_a_cancelled_scrape_does_not_break_it_for_the_others() -> None:
    """Who waits for a rendering gets it, though the one who began it has gone."""
    bench = Bench()
    bench.store.show(status_of(large()))
    first, second = (asyncio.ensure_future(bench.text()) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not first.done()

    first.cancel()

    assert len(values_of(await second, LAG)) == 10_000
    assert first.cancelled()


async def test_a_rendering_that_fails_leaves_nothing_half_done() -> None:
    """The next scrape gets ages of its own, and does not wait for a lock."""
    clock = CountingClock()
    bench = Bench(clock=clock)
    bench.store.show(*small_statuses())
    before = values_of(await bench.text(), AGE)
    bench.pass_seconds(100)
    reads = clock.read

    def fail_once_ages_are_rendered() -> None:
        if clock.read > reads:
            raise RuntimeError

    clock.before = fail_once_ages_are_rendered
    with pytest.raises(RuntimeError):
        await bench.text()
    clock.before = lambda: None

    assert values_of(await bench.text(), AGE) == [age + 100 for age in before]


async def test_a_poll_that_ends_during_a_scrape_is_in_the_next_one() -> None:
    """A body says one moment whole; what came meanwhile is not lost."""
    bench = Bench()
    bench.store.show(status_of(large()))
    scrape = asyncio.ensure_future(bench.text())
    await asyncio.sleep(0)
    assert not scrape.done()

    bench.store.show(status_of(snapshot_of(ROUTE, checkpoint())))

    assert len(values_of(await scrape, LAG)) == 10_000
    assert len(values_of(await bench.text(), LAG)) == 1


async def test_the_loop_serves_others_while_a_large_snapshot_is_rendered() -> None:
    """Another task gets its turn many times before 10,000 rows are done."""
    task = asyncio.ensure_future(Bench().exposition.prepare([status_of(large())]))
    turns = 0

    while not task.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 5
