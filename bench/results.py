"""What one run has measured, on which machine, and whether that meets the targets."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from bench import fleet
from bench.fleet import COLLECTOR, GO, LIMIT, OURS
from bench.polls import Polled, Responsiveness
from bench.scrapes import Scraped
from bench.starts import Starts

SIZE, LARGE, OF_AFTERNOON = 100_000, 1_000_000, 10_000
MB = 1_000_000
# The default of api.requests_per_second, at 100 checkpoints a page.
LIMITED_PER_SECOND = 5 * 100


PACKAGES = (
    "aiohttp",
    "alibabacloud-rocketmq20220801",
    "isal",
    "msgspec",
    "prometheus-client",
)


@dataclass(frozen=True, slots=True)
class AtSize:
    """All of one size; `afternoon` is None where peer (a) would take minutes."""

    scraped: Scraped
    polled: Polled
    afternoon: Polled | None

    @property
    def peak(self) -> int:
        """Return the most memory our exporter held, polling or scraped."""
        return max(self.polled.peak, self.scraped.costs["ours"].peak)


@dataclass(frozen=True, slots=True)
class Results:
    """One run; `calm`, `busy` and what follows them are at 100,000 checkpoints.

    `one_route` and `two_way` are peaks in bytes: all of them on one route, or on both
    routes of an item.
    """

    sizes: Mapping[int, AtSize]
    calm: Responsiveness
    busy: Responsiveness
    one_route: int
    two_way: int
    starts: Starts
    machine: Mapping[str, str]
    left_out: Mapping[str, str]
    minutes: float
    is_quick: bool

    def save(self, path: Path) -> None:
        """Write it all as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1))


@dataclass(frozen=True, slots=True)
class Target:
    """One row: what is asked, what was seen; `is_met` is None if it was not run."""

    what: str
    asked: str
    seen: str
    is_met: bool | None


def targets(results: Results) -> Iterator[Target]:
    """Yield every row of the issue's table that this run can judge."""
    here = results.sizes[SIZE]
    yield from _scrape(here)
    yield from _memory(here)
    one_route, two_way = results.one_route / MB, results.two_way / MB
    yield _under("peak memory, all on one route", 200, one_route, "MB")
    yield _under("peak memory, both routes of an item list all", 350, two_way, "MB")
    yield from _poll(results)
    yield from _meanwhile(results)
    if LARGE in results.sizes:
        yield from _large(results.sizes[LARGE])
    yield from _start(results)


def _scrape(here: AtSize) -> Iterator[Target]:
    own, ratios = here.scraped.costs[OURS], here.scraped.ratios
    for name, title, least in (
        (GO, "client_golang", 30),
        (COLLECTOR, "prometheus_client", 100),
    ):
        seen = ratios.get(name)
        yield Target(
            f"scrape, against {title}",
            f"at least {least} times as fast",
            "not run" if seen is None else f"{seen:.0f} times",
            None if seen is None else seen >= least,
        )
    limit = 1 / ratios[LIMIT]
    yield _at_most("scrape, against the limit (d)", 30, limit, "times")
    same = (own.same_second or own.seconds) / here.scraped.costs[LIMIT].seconds
    what = "the same, age rendered within the same second"
    yield _at_most(what, 2, same, "times")


def _memory(here: AtSize) -> Iterator[Target]:
    yield _under("peak memory of the whole process", 200, here.peak / MB, "MB")
    go = here.scraped.costs.get(GO)
    share = None if go is None else here.peak / go.peak
    yield Target(
        "the same, against client_golang",
        "under 0.5 of it",
        "not run" if share is None else f"{share:.2f} of it",
        None if share is None else share < 0.5,  # noqa: PLR2004 - the target
    )


def _poll(results: Results) -> Iterator[Target]:
    own = results.sizes[SIZE].polled.cpu
    yield _under("a poll's CPU per checkpoint, over HTTPS", 12, own * 1e6, "µs")
    peer = results.sizes[OF_AFTERNOON].afternoon
    times = 0.0 if peer is None else peer.cpu / own
    what = f"the same, against (a) at {OF_AFTERNOON:,}"
    yield Target(what, "at least 30 times less", f"{times:.0f} times", times >= 30)  # noqa: PLR2004 - the target


def _meanwhile(results: Results) -> Iterator[Target]:
    times = results.busy.scrape_p99 / results.calm.scrape_p99
    what = "scrape p99 while 100,000 are polled, against the idle p99"
    yield _at_most(what, 2, times, "times")
    stall = results.busy.probe_longest * 1e3
    yield _under("longest stall of the loop meanwhile", 50, stall, "ms")


def _large(here: AtSize) -> Iterator[Target]:
    cost = here.scraped.costs[OURS]
    yield _under("1,000,000 checkpoints: scrape", 0.6, cost.seconds, "s")
    yield _under("1,000,000: peak memory", 1.5, here.peak / 1e9, "GB")
    share = here.polled.cpu * LIMITED_PER_SECOND * 100
    what = "1,000,000: CPU of a poll at the default limiter's pace"
    yield _under(what, 50, share, "% of a core")


def _start(results: Results) -> Iterator[Target]:
    starts = results.starts
    yield _under("`demo`: start to first complete answer", 1.5, starts.demo, "s")
    yield _under(
        "`import exporter.app.cli`, with Python's start", 0.4, starts.import_cli, "s"
    )


def _under(what: str, limit: float, seen: float, unit: str) -> Target:
    return Target(what, f"under {limit:g} {unit}", f"{seen:.3g} {unit}", seen < limit)


def _at_most(what: str, limit: float, seen: float, unit: str) -> Target:
    asked = f"at most {limit:g} {unit}"
    return Target(what, asked, f"{seen:.3g} {unit}", seen <= limit)


def describe() -> Mapping[str, str]:
    """Return names and values for the report."""
    return {
        "CPU": f"{_field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{_memory_gib()} GiB",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "Go": fleet.go_version() or "none",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _memory_gib() -> int:
    kib = int(_field("/proc/meminfo", "MemTotal").split()[0])
    return round(kib / 2**20)


def _field(path: str, name: str) -> str:
    lines = Path(path).read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith(name)),
        platform.machine(),
    )
