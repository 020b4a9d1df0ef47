"""The answer to a scrape: right whatever was rendered before, and rendered once."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from exposition_cases import (
    NOW,
    OBJECTIVES,
    ROUTE,
    SIBLING,
    Bench,
    FakeClock,
    checkpoint,
    small_inventory,
    small_statuses,
    snapshot_of,
    status_of,
)
from exposition_oracle import parsed

from exporter.metrics.exposition import Exposition
from exporter.metrics.formats import Format
from exporter.metrics.telemetry import Telemetry
from exporter.model.types import Inventory, Route, Snapshot
from exporter.polling.store import Outcome, Store

every_format = pytest.mark.parametrize("fmt", Format, ids=lambda fmt: fmt.name)
AGE = "rocketmq_dr_sync_age_seconds"
LAG = "rocketmq_dr_sync_lag_seconds"


def values_of(body: str, name: str) -> list[float]:
    """Return the values of the samples of this name."""
    prefix = f"{name}{{"
    return [
        float(line.rpartition(" ")[2])
        for line in body.splitlines()
        if line.startswith(prefix)
    ]


def small_bench(own: Telemetry | None = None) -> Bench:
    """Return an exposition of the small example."""
    bench = Bench() if own is None else Bench(own=own)
    bench.store.show(*small_statuses())
    bench.exposition.set_inventory(small_inventory(), OBJECTIVES)
    return bench


@every_format
async def test_gzip_holds_the_same_bytes_as_identity(fmt: Format) -> None:
    """One is the other, compressed."""
    bench = small_bench()

    packed = await bench.exposition.body(fmt, gzip=True)
    plain = await bench.exposition.body(fmt, gzip=False)

    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 2


@every_format
async def test_families_are_contiguous_and_openmetrics_ends(fmt: Format) -> None:
    """No family is opened twice, and only OpenMetrics has a last line of its own."""
    body = await small_bench(Telemetry()).text(fmt)

    opened = [line.split()[2] for line in body.splitlines() if line[:7] == "# TYPE "]
    assert len(opened) == len(set(opened))
    assert body.endswith("\n# EOF\n") is fmt.is_openmetrics
    assert body.count("# EOF") == int(fmt.is_openmetrics)
    assert set(parsed(body, fmt)) >= {LAG, AGE}


async def test_age_grows_between_scrapes_while_nothing_is_heard() -> None:
    """Age is of the scrape: the snapshot is the same, the age is not."""
    bench = small_bench()

    before = values_of(await bench.text(), AGE)
    bench.pass_seconds(61.5)
    after = values_of(await bench.text(), AGE)

    assert before == [10.0] * 4
    assert after == [71.5] * 4


async def test_largest_age_grows_as_well() -> None:
    """The rollup of the route moves with the ages of its checkpoints."""
    bench = small_bench()
    await bench.text()

    bench.pass_seconds(5)

    body = await bench.text()
    assert values_of(body, "rocketmq_dr_max_sync_age_seconds") == [15.0]


async def test_scrapes_within_a_second_share_one_rendering() -> None:
    """The second scrape gets the same ages, and the third newer ones."""
    bench = small_bench()

    first = await bench.exposition.body(Format.OPENMETRICS_1_0_0, gzip=True)
    bench.pass_seconds(0.9)
    second = await bench.exposition.body(Format.OPENMETRICS_1_0_0, gzip=True)
    bench.pass_seconds(0.1)
    third = await bench.exposition.body(Format.OPENMETRICS_1_0_0, gzip=True)

    assert second == first
    assert third != first


async def test_what_is_said_of_scrapes_is_never_shared() -> None:
    """A scrape within the same second tells of the one before it."""
    own = CountingOwn()
    bench = Bench(own=own)

    bodies = [await bench.text() for _ in range(3)]

    assert [body.splitlines()[-1] for body in bodies] == ["own 1", "own 2", "own 3"]


async def test_a_stepped_wall_clock_does_not_freeze_the_age() -> None:
    """Only the monotonic clock says whether a rendering is still good."""
    bench = small_bench()
    await bench.text()

    bench.clock.now += 2
    bench.wall.now -= 3600

    assert values_of(await bench.text(), AGE) == [10.0 - 3600] * 4


async def test_a_poll_within_the_second_is_shown_at_once() -> None:
    """What changed in the store is rendered even if nobody said so."""
    bench = small_bench()
    await bench.text()

    late = replace(checkpoint(), source_ms=1740724175343)
    bench.store.show(status_of(snapshot_of(ROUTE, late)))

    assert values_of(await bench.text(), LAG) == [100.0]


async def test_a_failed_poll_is_shown_beside_what_the_last_good_one_found() -> None:
    """The route's own samples move with each poll, its checkpoints stay."""
    bench = Bench()
    good = status_of(snapshot_of(ROUTE, checkpoint()))
    bench.store.show(good)
    assert values_of(await bench.text(), "rocketmq_dr_up") == [1.0]

    bench.store.show(replace(good, polls=2, is_up=False))

    body = await bench.text()
    assert values_of(body, "rocketmq_dr_up") == [0.0]
    assert values_of(body, "rocketmq_dr_polls_total") == [2.0]
    assert values_of(body, LAG) == [5.0]


async def test_a_poll_within_the_second_leaves_the_other_ages_shared() -> None:
    """Ages of other routes are not rendered again before the second is over."""
    kept = status_of(snapshot_of(SIBLING, checkpoint()))
    bench = Bench()
    bench.store.show(kept)
    await bench.text()

    bench.pass_seconds(0.5)
    bench.store.show(kept, status_of(snapshot_of(ROUTE, checkpoint())))

    assert sorted(values_of(await bench.text(), AGE)) == [10.0, 10.5]


async def test_ages_are_never_older_than_a_second() -> None:
    """A poll within the second does not make the ages of the others last longer."""
    kept = status_of(snapshot_of(SIBLING, checkpoint()))
    bench = Bench()
    bench.store.show(kept)
    await bench.text()
    bench.pass_seconds(0.5)
    bench.store.show(kept, status_of(snapshot_of(ROUTE, checkpoint())))
    await bench.text()

    bench.pass_seconds(0.5)

    assert values_of(await bench.text(), AGE) == [11.0, 11.0]


async def test_inventory_and_objectives_are_shown_at_once() -> None:
    """A discovery within the second is seen by the next scrape."""
    bench = small_bench()
    assert values_of(await bench.text(), "rocketmq_dr_objective_seconds")

    bench.exposition.set_inventory(Inventory(), {"1": (60.0, 90.0)})

    body = await bench.text()
    assert values_of(body, "rocketmq_dr_objective_seconds") == [60.0, 90.0]
    assert "rocketmq_dr_plan_info" not in body


async def test_only_the_chosen_families_are_shown() -> None:
    """`metrics.families` chooses among the checkpoint families and no others."""
    bench = Bench(switches=("last_sync",))
    bench.store.show(*small_statuses())

    body = await bench.text()

    assert values_of(body, "rocketmq_dr_last_sync_timestamp_seconds")
    assert values_of(body, "rocketmq_dr_max_sync_age_seconds")
    assert not values_of(body, AGE)
    assert not values_of(body, LAG)


async def test_textfile_leaves_out_what_tells_of_this_process() -> None:
    """A node_exporter beside a running exporter must not see its metrics twice."""
    bench = small_bench(Telemetry())

    textfile = (await bench.exposition.textfile()).decode()

    assert values_of(textfile, LAG) == [5.0, -5.0]
    assert values_of(textfile, AGE)
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
            wall=lambda: NOW,
            clock=self.clock,
        )

    async def end(self, snapshot: Snapshot) -> None:
        """Let a poll end as the poller does."""
        self.store.record(Outcome(snapshot.route, NOW, 1.0, snapshot))
        await self.exposition.refresh(snapshot.route)

    async def lags(self) -> list[float]:
        """Return all lags that a scrape shows."""
        body = await self.exposition.body(Format.TEXT_0_0_4, gzip=False)
        return values_of(body.decode(), LAG)


async def test_checkpoints_are_withdrawn_once_they_are_stale() -> None:
    """Nobody has to refresh for it; and a new poll brings them back."""
    polls = Polls()
    await polls.end(snapshot_of(ROUTE, checkpoint()))
    assert await polls.lags() == [5.0]

    polls.clock.now += 301
    assert await polls.lags() == []

    await polls.end(snapshot_of(ROUTE, checkpoint()))
    assert await polls.lags() == [5.0]


async def test_a_row_that_another_route_shows_is_not_shown_twice() -> None:
    """A poll of one route hides a row of its sibling, rendered long before."""
    polls = Polls()
    await polls.end(snapshot_of(SIBLING, checkpoint()))
    assert await polls.lags() == [5.0]

    own = replace(checkpoint(), source_ms=1740724080343 - 2000)
    await polls.end(snapshot_of(ROUTE, own))

    assert await polls.lags() == [3.0]


async def test_a_removed_route_is_forgotten() -> None:
    """Its checkpoints go with it, and nothing of it is kept."""
    polls = Polls()
    await polls.end(snapshot_of(ROUTE, checkpoint()))
    await polls.exposition.prepare(snapshot_of(ROUTE, checkpoint()))

    polls.store.set_routes([SIBLING])

    assert await polls.lags() == []
    assert not polls.exposition._renderings._kept
    assert not polls.exposition._renderings._prepared


async def test_a_prepared_snapshot_is_not_rendered_again() -> None:
    """The store shows it, and the scrape finds it finished."""
    polls = Polls()
    snapshot = snapshot_of(ROUTE, checkpoint())
    await polls.exposition.prepare(snapshot)
    prepared = polls.exposition._renderings._prepared[ROUTE]
    assert await polls.lags() == []

    await polls.end(snapshot)

    assert await polls.lags() == [5.0]
    assert polls.exposition._renderings._kept[ROUTE] is prepared
    assert not polls.exposition._renderings._prepared


async def test_a_prepared_snapshot_that_lost_rows_is_rendered_as_it_is_shown() -> None:
    """The store may hide rows of it, which nobody knew before."""
    polls = Polls()
    await polls.end(snapshot_of(ROUTE, checkpoint()))
    snapshot = snapshot_of(SIBLING, checkpoint(1), checkpoint(2, "GID_other"))
    await polls.exposition.prepare(snapshot)

    await polls.end(snapshot)

    assert await polls.lags() == [5.0, 5.0]


async def test_dropped_checkpoints_are_summed_over_routes() -> None:
    """The gauge counts what has no series, of all that is shown."""
    bench = Bench()
    rows = checkpoint()
    bench.store.show(
        status_of(snapshot_of(ROUTE, rows, dropped=3)),
        status_of(snapshot_of(SIBLING, dropped=4)),
    )

    assert "rocketmq_dr_exporter_checkpoints_dropped 7\n" in await bench.text()


@dataclass
class CountingOwn:
    """Own metrics that count how often they are rendered."""

    rendered: int = 0

    def render(self, fmt: Format) -> bytes:
        """Return nothing."""
        return b""

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
    bench.store.show(status_of(snapshot_of(ROUTE, *[checkpoint()] * 3_000)))
    await bench.text()
    reads_of_one = wall.read
    bench.pass_seconds(2)

    bodies = await asyncio.gather(
        *(bench.exposition.body(Format.TEXT_1_0_0, gzip=True) for _ in range(20))
    )

    assert wall.read == 2 * reads_of_one
    assert all(body == bodies[0] for body in bodies)


async def test_a_cancelled_scrape_does_not_break_it_for_the_others() -> None:
    """Who waits for a rendering gets it, though the one who began it has gone."""
    bench = Bench()
    bench.store.show(status_of(snapshot_of(ROUTE, *[checkpoint()] * 3_000)))
    first, second = (
        asyncio.ensure_future(bench.exposition.body(Format.TEXT_0_0_4, gzip=True))
        for _ in range(2)
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    first.cancel()

    body = gzip.decompress(await second).decode()
    assert len(values_of(body, LAG)) == 3_000
    assert first.cancelled()


async def test_a_scrape_that_gives_up_does_not_freeze_the_age() -> None:
    """The next one renders ages anew, and does not take the old ones for good."""
    wall = CountingClock()
    bench = Bench(wall=wall)
    bench.store.show(*small_statuses())
    before = values_of(await bench.text(), AGE)
    reads_of_one = wall.read
    bench.pass_seconds(100)

    def fail_at_the_last() -> None:
        if wall.read == 2 * reads_of_one - 1:
            raise RuntimeError

    wall.before = fail_at_the_last
    with pytest.raises(RuntimeError):
        await bench.text()
    wall.before = lambda: None

    assert values_of(await bench.text(), AGE) == [age + 100 for age in before]


async def test_a_poll_that_ends_during_a_scrape_is_in_the_next_one() -> None:
    """A body says one moment whole; what came meanwhile is not lost."""
    bench = Bench()
    bench.store.show(status_of(snapshot_of(ROUTE, *[checkpoint()] * 3_000)))
    scrape = asyncio.ensure_future(bench.text())
    await asyncio.sleep(0)

    bench.store.show(status_of(snapshot_of(ROUTE, checkpoint())))

    assert len(values_of(await scrape, LAG)) == 3_000
    assert len(values_of(await bench.text(), LAG)) == 1


async def test_a_failing_rendering_fails_one_scrape_and_not_the_next() -> None:
    """An error leaves nothing locked and nothing half done."""

    def fail() -> None:
        raise RuntimeError

    wall = CountingClock(before=fail)
    bench = Bench(wall=wall)
    bench.store.show(*small_statuses())
    with pytest.raises(RuntimeError):
        await bench.text()

    wall.before = lambda: None

    assert values_of(await bench.text(), LAG) == [5.0, -5.0]


async def test_many_routes_are_each_shown_once() -> None:
    """Rollups of each route stand together under one family."""
    routes = [Route(str(n), "1", "rmq-cn-1", "cn-hangzhou") for n in range(50)]
    bench = Bench()
    bench.store.show(*(status_of(snapshot_of(r, checkpoint())) for r in routes))

    families = parsed(
        await bench.text(Format.OPENMETRICS_1_0_0), Format.OPENMETRICS_1_0_0
    )

    assert len(families["rocketmq_dr_up"][3]) == 50
    assert len(families[LAG][3]) == 50
