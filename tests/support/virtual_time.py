"""Time that passes as fast as a test can run: timers fire in order, nobody waits.

It is not for sockets and threads: what they do takes time of its own.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Only a signal may wake a loop without timers; what else waits, waits for ever.
DEADLOCK_SECONDS = 0.1


class _JumpingSelector(selectors.DefaultSelector):
    """Where a loop would sleep until its next timer, this one moves its clock there."""

    now: float

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            if not (ready := super().select(DEADLOCK_SECONDS)):
                raise RuntimeError("every task waits, and no timer is set")
            return ready
        ready = super().select(0)
        if not ready:
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock, `time()`, begins at `start` and jumps to the next timer.

    Nothing moves it while a task can run, so a test may compare times for equality. A
    deadlock is a RuntimeError.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._jumping = _JumpingSelector()
        self._jumping.now = start
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._jumping.now


def run_virtually(scenario: Coroutine[Any, Any, T], *, start: float = 0.0) -> T:
    """Run a coroutine to its end on a `VirtualLoop` and return its result."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start)) as runner:
        return runner.run(scenario)


def virtually(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make an async test one that runs on a `VirtualLoop`; arguments as they were."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtually(test(*args, **kwargs))

    return run


async def settled(rounds: int = 20) -> None:
    """Let every task run until it waits; the clock stands meanwhile."""
    for _ in range(rounds):
        await asyncio.sleep(0)
