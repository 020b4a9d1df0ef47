"""The answer to a scrape: right whatever was rendered before, and rendered once."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from exposition_cases import (
    NOW,
    OBJECTIVES,
    ROUTE,
    SIBLING,
    Bench,
    FakeClock,
    small_inventory,
    small_statuses,
)

from exporter.metrics.exposition import Exposition
from exporter.metrics.formats import Format
from exporter.metrics.telemetry import Telemetry
from exporter.model.types import Snapshot
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


@pytest.mark.parametrize("fmt", [Format.TEXT_0_0_4, Format.TEXT_1_0_0])
async def test_promtool_finds_nothing_to_say(fmt: Format) -> None:
    """Prometheus' own linter reads a whole body, our telemetry included."""
    telemetry = Telemetry()
    telemetry.settings(60, 300)
    telemetry.shard(0, 1)
    telemetry.leads(is_leader=True)
    telemetry.rate_limit(5)
    telemetry.clock_skew(-0.5)
    telemetry.discovered(NOW)
    telemetry.reloaded(ok=True, at=NOW)
    telemetry.scraped(0.03, 1024)
    body = await small_bench(telemetry).exposition.body(fmt, gzip=False)

    lint = await asyncio.create_subprocess_exec(
        *("promtool", "check", "metrics"), stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await lint.communicate(body)

    assert (lint.returncode, said) == (0, b"")
