"""Whether what a process holds has grown, and whether it has kept its schedule.

It must not know what was done to the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from vitals import Vitals

# Growth after warm-up that is no leak: the allocator's own, and what is in flight.
RSS_GROWTH = 0.10
RSS_GROWTH_KIB = 4096
OPEN_GROWTH = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the process: when (seconds), what it holds, what it counted."""

    at: float
    holds: Vitals
    tasks: int
    polls: float
    failures: float
    skipped: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, nothing if nothing is; and the table."""

    faults: tuple[str, ...]
    table: str


def judged(samples: Sequence[Sample], *, due_per_second: float) -> Verdict:
    """Compare the last third with the second: the first is warm-up.

    `due_per_second` is how many polls were due.
    """
    third = len(samples) // 3
    warm, late = samples[third : 2 * third], samples[2 * third :]
    rows = list(_growth(warm, late))
    faults = [
        f"{what}: {before:g} -> {after:g}, at most {most:g}"
        for what, before, after, most in rows
        if after > most
    ]
    first, last = samples[third], samples[-1]
    expected = due_per_second * (last.at - first.at)
    polled = last.polls - first.polls
    if polled < 0.9 * expected:
        faults.append(f"polls: {polled:g} of {expected:.0f}")
    if last.skipped:
        faults.append(f"polls skipped: {last.skipped:g}")
    table = [f"{'':14}{'warm':>10}{'late':>10}{'at most':>10}"]
    table += [f"{w:14}{b:>10g}{a:>10g}{most:>10g}" for w, b, a, most in rows]
    table.append(f"{'polls':14}{polled:>10g} of {expected:.0f} due after warm-up")
    table.append(f"{'failed polls':14}{last.failures:>10g}")
    table.append(f"{'polls skipped':14}{last.skipped:>10g}")
    return Verdict(tuple(faults), "\n".join(table))


def _growth(
    warm: Sequence[Sample], late: Sequence[Sample]
) -> Iterator[tuple[str, float, float, float]]:
    """Yield what is held: its name, before, after, and the most that it may be."""
    for name in ("rss_kib", "files", "sockets", "threads"):
        before = median(getattr(sample.holds, name) for sample in warm)
        after = median(getattr(sample.holds, name) for sample in late)
        is_memory = name == "rss_kib"
        room = max(RSS_GROWTH * before, RSS_GROWTH_KIB) if is_memory else OPEN_GROWTH
        yield name, before, after, before + room
    before = median(sample.tasks for sample in warm)
    after = median(sample.tasks for sample in late)
    yield "tasks", before, after, before + OPEN_GROWTH
