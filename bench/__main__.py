"""The whole run: every size in turn, then the report.

It prints where it is, and the table at the end.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass

from bench import certificates, fleet, polls, report, results, scrapes, starts
from bench.programs import CACHE, REPOSITORY
from bench.results import SIZE, AtSize, Results, Target, targets

DOCS = REPOSITORY / "docs"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a run measures: rounds by size, polls, and seconds of a window."""

    rounds: dict[int, int]
    polls: int
    poll_seconds: float
    latency_seconds: float
    starts: int
    peak_polls: int


FULL = Effort({1_000: 7, 10_000: 7, 100_000: 5, 1_000_000: 3}, 3, 5.0, 12.0, 5, 20)
QUICK = Effort({1_000: 2, 10_000: 2, 100_000: 2}, 1, 3.0, 5.0, 2, 4)

LARGEST = {fleet.AFTERNOON: 10_000, fleet.COLLECTOR: 100_000}
"""The most checkpoints that a peer is given, where it would take minutes."""

CHECKED_UP_TO = 10_000
LARGE_POLL_SECONDS = 15.0


def main() -> None:
    """Run the benchmark and write what it found."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look, for development")
    is_quick: bool = parser.parse_args().quick
    CACHE.mkdir(parents=True, exist_ok=True)
    found = _run(QUICK if is_quick else FULL, is_quick=is_quick)
    found.save(CACHE / "results.json")
    folder = CACHE if is_quick else DOCS
    (folder / "benchmarks.md").write_text(report.markdown(found))
    _print(targets(found))


def _run(effort: Effort, *, is_quick: bool) -> Results:
    began = time.monotonic()
    chain = certificates.issue(CACHE)
    why_no_go = fleet.build_go()
    left_out = {} if why_no_go is None else {fleet.GO: why_no_go}
    sizes: dict[int, AtSize] = {}
    for size in effort.rounds:
        _tell(f"{size:,} checkpoints")
        with fleet.cloud(size, chain) as place:
            sizes[size] = _at_size(place, effort, left_out)
    _tell("scrapes while it polls")
    # One poll of all of them, for that is the longest.
    with fleet.cloud(SIZE, chain, items=1) as place:
        meanwhile = _meanwhile(place, effort)
        _tell("peaks")
        one_route = _peak(place, effort, routes=1)
    with fleet.cloud(SIZE, chain, items=1, two_way=True) as place:
        two_way = _peak(place, effort, routes=2)
    _tell("starts")
    started = starts.measure(effort.starts)
    minutes = (time.monotonic() - began) / 60
    return Results(
        sizes,
        *meanwhile,
        one_route=one_route,
        two_way=two_way,
        starts=started,
        machine=results.describe(),
        left_out=left_out,
        minutes=minutes,
        is_quick=is_quick,
    )


def _at_size(place: fleet.Place, effort: Effort, left_out: Iterable[str]) -> AtSize:
    peers = [
        name
        for name in (fleet.AFTERNOON, fleet.COLLECTOR, fleet.GO, fleet.LIMIT)
        if name not in left_out and place.size <= LARGEST.get(name, place.size)
    ]
    scraped = scrapes.measure(
        place,
        peers,
        rounds=effort.rounds[place.size],
        is_checked=place.size <= CHECKED_UP_TO,
    )
    _tell("  polls")
    return AtSize(scraped, *_polls(place, effort, with_peer=fleet.AFTERNOON in peers))


def _polls(
    place: fleet.Place, effort: Effort, *, with_peer: bool
) -> tuple[polls.Polled, polls.Polled | None]:
    is_large = place.size > SIZE
    seconds = LARGE_POLL_SECONDS if is_large else effort.poll_seconds
    own, theirs = [], []
    for _ in range(1 if is_large else effort.polls):
        with fleet.ours(place, interval="1s") as program:
            own.append(polls.ours(program, seconds))
        if with_peer:
            with fleet.afternoon(place, pause="0") as program:
                theirs.append(polls.afternoon(program, seconds))
    return polls.middle(own), polls.middle(theirs) if theirs else None


def _meanwhile(
    place: fleet.Place, effort: Effort
) -> tuple[polls.Responsiveness, polls.Responsiveness]:
    calm: list[polls.Latencies] = []
    busy: list[polls.Latencies] = []
    for _ in range(2):
        for interval, runs in (("1h", calm), ("1s", busy)):
            with fleet.ours(place, interval=interval) as program:
                runs.append(polls.latencies(program, effort.latency_seconds))
    return polls.responsiveness(calm), polls.responsiveness(busy)


def _peak(place: fleet.Place, effort: Effort, *, routes: int) -> int:
    with fleet.ours(place, interval="1s") as program:
        return polls.peak(program, polls=routes * effort.peak_polls)


def _print(rows: Iterable[Target]) -> None:
    verdicts = {True: "met", False: "NOT MET", None: "not run"}
    for row in rows:
        print(f"{row.what:60} {row.asked:26} {row.seen:20} {verdicts[row.is_met]}")


def _tell(text: str) -> None:
    print(f"bench: {text}", flush=True)


if __name__ == "__main__":
    main()
