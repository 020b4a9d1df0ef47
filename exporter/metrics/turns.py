"""How long work leaves the event loop alone: what takes long is done in slices.

It starts no task and no thread.
"""

from __future__ import annotations

import asyncio
import time

SLICE_ROWS = 1000
"""Rows in a slice of work: about 1.5 ms to render."""

_TURN_SECONDS = 0.002


class Turns:
    """Lets the other tasks of the loop run between slices, once a turn has lasted.

    Slices and not a thread: a busy thread makes the loop wait 5 ms for the GIL each
    time that it wakes.
    """

    def __init__(self, seconds: float = _TURN_SECONDS) -> None:
        self._seconds = seconds
        self._began = time.perf_counter()

    async def take(self) -> None:
        """Give the loop away if this turn has been long enough."""
        if time.perf_counter() - self._began >= self._seconds:
            await asyncio.sleep(0)
            self._began = time.perf_counter()
