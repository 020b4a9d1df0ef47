"""Whatever happens to clocks, lines and processes: never two leaders, and soon one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from lease_model import Keeper, Line
from virtual_time import run_virtually

from exporter.app.leadership import DELETED, Elector

DURATION = 10
TICK = 0.25
WHOLE_SECONDS = 80

candidates = st.integers(0, 2)
delays = st.sampled_from([0.0, 0.0, 0.1, 0.9, 2.5, 8.0, 20.0])


class Step(NamedTuple):
    """What happens to a candidate, before `seconds` pass."""

    what: str
    who: int
    before: float
    after: float
    seconds: float


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(
            [
                *("pause", "resume", "cut", "mend", "slow", "lose"),
                *("kill", "stop", "delete", "none"),
            ]
        ),
        candidates,
        delays,
        delays,
        st.sampled_from([0.3, 1.0, 2.0, 5.0, 7.1, 10.0, 12.0, 30.0]),
    ),
    max_size=25,
)


@dataclass
class Machine:
    """A process of its own, whose clock runs at `rate` and is off by anything.

    A patient one takes an answer however late, as a process does that stood still
    while it came.
    """

    keeper: Keeper
    number: int
    rate: float
    is_patient: bool
    lives: int = 0
    at_work: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start its first process."""
        self.start()

    def start(self) -> None:
        """Start a process that knows nothing of the one before."""
        self.lives += 1
        self.line = Line(self.keeper)
        self.elector = Elector(
            self.line,
            f"{self.number}-{self.lives}",
            duration=DURATION,
            clock=self.clock,
        )
        if self.is_patient:
            self.elector._attempt_within = math.inf
        self.tasks = [
            asyncio.create_task(self._elect(self.elector)),
            asyncio.create_task(self._lead(self.elector)),
        ]

    def clock(self) -> float:
        """Return the seconds of its own clock."""
        return self.number * 1e5 + self.rate * asyncio.get_running_loop().time()

    def has_seen(self) -> bool:
        """Tell whether its process has seen a record, and not that it was deleted."""
        return self.elector._observed not in {None, DELETED}

    async def kill(self) -> None:
        """End the process as by SIGKILL."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def happen(self, step: Step) -> None:
        """Let something happen to it."""
        match step.what:
            case "pause":
                self.line.running.clear()
            case "resume":
                self.line.running.set()
            case "cut" | "mend":
                self.line.is_cut = step.what == "cut"
            case "slow":
                self.line.before, self.line.after = step.before, step.after
            case "lose":
                self.line.loses = 2
            case "kill":
                await self.kill()
                self.start()
            case "stop":
                await self.kill()
                await self.elector.resign()
                self.start()

    async def _elect(self, elector: Elector) -> None:
        await asyncio.sleep(
            self.keeper.missed_for(asyncio.get_running_loop().time(), DURATION)
        )
        await elector.start()
        await elector.run()

    async def _lead(self, elector: Elector) -> None:
        while True:
            await elector.while_leading(self._work)

    async def _work(self) -> None:
        self.at_work = True
        try:
            await asyncio.Event().wait()
        finally:
            self.at_work = False


async def pass_time(machines: Sequence[Machine], seconds: float) -> None:
    """Let time pass, and look all the while that no two lead or work."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        leaders = [one.elector.identity for one in machines if one.elector.is_leader()]
        workers = [one.elector.identity for one in machines if one.at_work]
        assert len(leaders) <= 1, leaders
        assert len(workers) <= 1, workers
        await asyncio.sleep(TICK)


async def scenario(rates: Sequence[float], patient: int, events: list[Step]) -> None:
    """Play it, then let all be well again."""
    keeper = Keeper()
    machines = [
        Machine(keeper, number, rate, is_patient=number == patient)
        for number, rate in enumerate(rates)
    ]
    try:
        for step in events:
            await machines[step.who].happen(step)
            # Whoever has never seen a record takes a deleted one for the very first;
            # and one that came and went between two looks was never there.
            if step.what == "delete" and all(one.has_seen() for one in machines):
                keeper.delete(asyncio.get_running_loop().time())
            await pass_time(machines, step.seconds)
        for one in machines:
            one.line.running.set()
            one.line.is_cut = False
            one.line.before = one.line.after = 0
        await pass_time(machines, WHOLE_SECONDS)
        assert sum(one.elector.is_leader() for one in machines) == 1
        assert sum(one.at_work for one in machines) == 1
    finally:
        for one in machines:
            await one.kill()


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.9, 1.0, 1.1]), min_size=3, max_size=3),
    st.sampled_from([0, 1, 2, None]),
    steps,
)
def test_there_are_never_two_leaders_and_in_the_end_there_is_one(
    rates: list[float], patient: int | None, events: list[Step]
) -> None:
    """Clocks that differ by a tenth, pauses, cuts, lost and late answers, deaths."""
    run_virtually(scenario(rates, -1 if patient is None else patient, events))
