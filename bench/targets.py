"""What the issue asks for, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.fleet import COLLECTOR, GO, LIMIT, OURS
from bench.results import AtSize, Results

SIZE, LARGE, OF_AFTERNOON = 100_000, 1_000_000, 10_000
MB = 1_000_000
# The default of api.requests_per_second, at 100 checkpoints a page.
LIMITED_PER_SECOND = 5 * 100


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
