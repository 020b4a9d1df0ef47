"""What a scrape costs ours and each peer, in turns, at one size."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from bench import checkpoints, fleet
from bench.programs import Program
from bench.scraping import Client

# An age serves for a second: what is asked later has to be rendered.
RENEWED_AFTER_SECONDS = 1.05
SAME_SECOND_SCRAPES = 5
AGE_TOLERANCE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Cost:
    """What scrapes of one target came to.

    `same_second` is the median of scrapes for which no age had to be rendered, None for
    peers, which know no such thing. `cpu` is for one scrape. Seconds and bytes.
    """

    seconds: float
    same_second: float | None
    cpu: float
    body: int
    peak: int


class _Target:
    def __init__(self, name: str, program: Program) -> None:
        self.name = name
        self.program = program
        self.client = Client(program.url)
        self.body = self.client.scrape().body
        self.seconds: list[float] = []
        self.same_second: list[float] = []
        self.cpu: list[float] = []
        self._last = time.monotonic()

    def measure(self) -> None:
        """Scrape once as a Prometheus would; where it is quick, a few times more."""
        if self.name == fleet.OURS:
            time.sleep(max(0.0, self._last + RENEWED_AFTER_SECONDS - time.monotonic()))
        before = self.program.cpu_seconds()
        self.seconds.append(self.client.scrape().seconds)
        self.cpu.append(self.program.cpu_seconds() - before)
        self._last = time.monotonic()
        if self.name == fleet.OURS:
            self.same_second += self._again()
        elif self.name == fleet.LIMIT:
            self.seconds += self._again()

    def _again(self) -> Sequence[float]:
        return [self.client.scrape().seconds for _ in range(SAME_SECOND_SCRAPES)]

    def cost(self) -> Cost:
        """Return the medians."""
        return Cost(
            seconds=median(self.seconds),
            same_second=median(self.same_second) if self.same_second else None,
            cpu=sum(self.cpu) / len(self.cpu),
            body=len(self.body),
            peak=self.program.peak_bytes(),
        )


@dataclass(frozen=True, slots=True)
class Scraped:
    """The costs at one size by target; `ratios` are medians over the rounds.

    A ratio is a peer's seconds over ours in the same round, age rendered anew.
    """

    costs: dict[str, Cost]
    ratios: dict[str, float]


def measure(
    place: fleet.Place, peers: Collection[str], *, rounds: int, is_checked: bool
) -> Scraped:
    """Start all, let them serve the same, and scrape them in turns."""
    with ExitStack() as stack:
        ours = stack.enter_context(fleet.ours(place, interval="1h"))
        made = fleet.material(ours, place.size)
        targets = [_Target(fleet.OURS, ours)]
        for name in peers:
            program = stack.enter_context(
                fleet.afternoon(place, pause="36000")
                if name == fleet.AFTERNOON
                else fleet.peer(name, made)
            )
            targets.append(_Target(name, program))
        if is_checked:
            _check(targets)
        for _ in range(rounds):
            for target in targets:
                target.measure()
        return Scraped({t.name: t.cost() for t in targets}, _ratios(targets))


def _check(targets: Sequence[_Target]) -> None:
    """Raise ValueError unless every peer serves the same samples as ours."""
    ours, *peers = targets
    for peer in peers:
        if peer.name == fleet.AFTERNOON:
            # It has polled by itself, a little later: the cloud has moved on.
            continue
        found = checkpoints.differences(ours.body, peer.body, AGE_TOLERANCE_SECONDS)
        unlike = {family: labels[:3] for family, labels in found.items() if labels}
        if unlike:
            raise ValueError(f"{peer.name} does not serve the same: {unlike}")


def _ratios(targets: Sequence[_Target]) -> dict[str, float]:
    ours, *peers = targets
    each: dict[str, list[float]] = defaultdict(list)
    for peer in peers:
        per_round = len(peer.seconds) // len(ours.seconds)
        for index, own in enumerate(ours.seconds):
            theirs = peer.seconds[index * per_round : (index + 1) * per_round]
            each[peer.name].append(median(theirs) / own)
    return {name: median(values) for name, values in each.items()}
