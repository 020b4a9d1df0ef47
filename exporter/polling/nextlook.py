"""When discovery looks again.

It must not know what is looked for.
"""

from __future__ import annotations

import asyncio
import contextlib

from exporter.config import PollSettings


class NextLook:
    """Waits between two looks: for long, or less where something went wrong."""

    def __init__(self) -> None:
        self._is_hastened = asyncio.Event()

    def begin(self) -> None:
        """Forget why this look was hastened."""
        self._is_hastened.clear()

    def hasten(self) -> None:
        """Have the next look come soon: this one failed, or an id is gone."""
        self._is_hastened.set()

    async def due(self, poll: PollSettings) -> None:
        """Wait until it is time: between `poll.interval` and `discovery_interval`."""
        seconds = poll.discovery_interval.total_seconds()
        soon = min(poll.interval.total_seconds(), seconds)
        await asyncio.sleep(soon)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds - soon):
                await self._is_hastened.wait()
