"""docs/benchmarks.md and its plot, from what one run has measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench import plot
from bench.fleet import AFTERNOON, OURS, TITLES
from bench.method import HOW, WHAT
from bench.results import Results
from bench.scrapes import Cost
from bench.targets import MB, SIZE, Target, targets

PLOT = "images/benchmarks.svg"


def markdown(results: Results) -> str:
    """Return the document."""
    rows = list(targets(results))
    return "\n".join(
        (
            WHAT,
            "",
            *_table(("what", "target", "measured", "met"), map(_judged, rows)),
            "",
            *_left_out(results),
            "## Side by side",
            "",
            *_peers(results),
            "## Growth",
            "",
            "Our exporter, and µs for each checkpoint in brackets:",
            "",
            *_table(_GROWTH, _growth(results)),
            "",
            f"![µs for each checkpoint, by how many there are]({PLOT})",
            "",
            "## While it polls",
            "",
            *_table(_MEANWHILE, _meanwhile(results)),
            "",
            "## Machine",
            "",
            *_table(("", ""), results.machine.items()),
            "",
            HOW,
        )
    )


def picture(results: Results) -> str:
    """Return the plot."""
    scrapes: dict[str, dict[int, float]] = {}
    polls: dict[str, dict[int, float]] = {}
    for size, found in results.sizes.items():
        for name, cost in found.scraped.costs.items():
            scrapes.setdefault(TITLES[name], {})[size] = cost.seconds / size * 1e6
        polls.setdefault(TITLES[OURS], {})[size] = found.polled.cpu * 1e6
        if found.afternoon is not None:
            peer = polls.setdefault(TITLES[AFTERNOON], {})
            peer[size] = found.afternoon.cpu * 1e6
    return plot.svg(
        (
            plot.Panel("A scrape, µs per checkpoint", scrapes),
            plot.Panel("A poll, µs of CPU per checkpoint", polls),
        )
    )


def _judged(target: Target) -> Sequence[str]:
    verdict = {True: "yes", False: "**no**", None: "not run"}[target.is_met]
    return target.what, target.asked, target.seen, verdict


def _left_out(results: Results) -> Iterator[str]:
    for name, why in results.left_out.items():
        yield f"Left out: {TITLES[name]}, because {why}."
        yield ""


_COLUMNS = ("", "scrape", "our scrape is", "CPU of a scrape", "body", "peak memory")


def _peers(results: Results) -> Iterator[str]:
    for size, found in results.sizes.items():
        rows = [
            (TITLES[name], *_cells(cost, found.scraped.ratios.get(name)))
            for name, cost in found.scraped.costs.items()
        ]
        yield f"**{size:,} checkpoints, {3 * size:,} series**"
        yield ""
        yield from _table(_COLUMNS, rows)
        yield ""


def _cells(cost: Cost, ratio: float | None) -> Sequence[str]:
    again = "" if cost.same_second is None else f" (again: {_time(cost.same_second)})"
    if ratio is None:
        compared = ""
    elif ratio >= 1:
        compared = f"{ratio:.1f} times as fast"
    else:
        compared = f"{1 / ratio:.1f} times as long"
    return (
        _time(cost.seconds) + again,
        compared,
        _time(cost.cpu),
        f"{cost.body / MB:.2f} MB",
        f"{cost.peak / MB:.0f} MB",
    )


_GROWTH = ("checkpoints", "scrape", "CPU of its poll", "(a)'s poll", "body", "peak")


def _growth(results: Results) -> Iterator[Sequence[str]]:
    for size, found in results.sizes.items():
        own = found.scraped.costs[OURS]
        peer = found.afternoon
        yield (
            f"{size:,}",
            f"{_time(own.seconds)} ({own.seconds / size * 1e6:.2f})",
            f"{_time(found.polled.cpu * size)} ({found.polled.cpu * 1e6:.1f})",
            "" if peer is None else f"{_time(peer.cpu * size)} ({peer.cpu * 1e6:.0f})",
            f"{own.body / MB:.2f} MB",
            f"{found.peak / MB:.0f} MB",
        )


_MEANWHILE = (
    f"{SIZE:,} checkpoints",
    "scrape, median",
    "scrape, p99",
    "/-/healthy, median",
    "/-/healthy, p99",
    "/-/healthy, longest",
)


def _meanwhile(results: Results) -> Iterator[Sequence[str]]:
    named = (("idle", results.calm), ("polling without a pause", results.busy))
    for name, found in named:
        yield (
            f"{name} ({found.scrapes} scrapes, {found.probes} probes)",
            _time(found.scrape_median),
            _time(found.scrape_p99),
            _time(found.probe_median),
            _time(found.probe_p99),
            _time(found.probe_longest),
        )


def _time(seconds: float) -> str:
    """Return a time as people read it.

    >>> _time(0.0342), _time(1.53), _time(0.00031)
    ('34.2 ms', '1.53 s', '0.31 ms')
    """
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _row(header)
    yield _row(["---"] * len(header))
    for row in rows:
        yield _row(row)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
