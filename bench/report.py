"""docs/benchmarks.md, from what one run has measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.fleet import OURS, ROUTES, TITLES
from bench.results import MB, SIZE, Results, Target, targets
from bench.scrapes import Cost

WHAT = """\
# Benchmarks

`make bench` writes this page. All numbers come from one run on one machine, measured
from outside the processes, as medians of several rounds. Compare the ratios: absolute
times are this machine's.

## Targets

At 100,000 checkpoints, families lag, age and last sync, gzip, unless said otherwise."""

HOW = f"""\
## How

- The upstream is the simulated cloud in its own process, over HTTPS. Its checkpoints
  are healthy, so that each has all three samples, on {ROUTES} routes.
- (b), (c) and (d) serve what our exporter showed; the run fails if a sample of (b) or
  (c) differs from ours. (a) polls by itself, one page of 100 rows after the other.
- A scrape is one GET with `Accept-Encoding: gzip`, from the request to the last byte.
  Ours come more than a second apart, so that every age is rendered again; *again* is a
  second scrape right after.
- A poll's CPU is the process's own, while it polls without a pause and without a limit
  that matters; decoding, rendering and compression are in it.
- Peak memory is `VmHWM` of the whole process, polls included.
- While it polls: all 100,000 on one route, polled over and over, one scrape every
  50 ms. Another process asks for `/-/healthy` every 2 ms; its longest wait is a stall.
- `demo` is timed to the last byte of `/metrics` after `/-/ready` said 200.

```sh
make bench                  # all of it
make bench BENCH=--quick    # two minutes; writes nothing here
```
"""


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
