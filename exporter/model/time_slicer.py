"""Long work in slices: between two slices the loop serves its other tasks."""

from __future__ import annotations

import asyncio
import time

SLICE_ROWS = 1000
"""Rows in one slice of work: about 1.5 ms to render."""

_SLICE_SECONDS = 0.002


class TimeSlicer:
    """Lets the other tasks of the loop run whenever `seconds` have passed.

    Slices and not a thread: a busy thread makes the loop wait 5 ms for the GIL each
    time that it wakes.
    """

    def __init__(self, seconds: float = _SLICE_SECONDS) -> None:
        self._seconds = seconds
        self._began = time.perf_counter()

    async def pause(self) -> None:
        """Let others run if this slice has been long enough."""
        if time.perf_counter() - self._began >= self._seconds:
            await asyncio.sleep(0)
            self._began = time.perf_counter()
