"""Work that starts over when what it is done with is replaced.

It replaces nothing, and does not know what the work is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


class Restartable:
    """Runs work, any number at a time; whoever replaces what it uses stops it first."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._open = asyncio.Event()
        self._open.set()
        self._stops = 0

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what work returns, begun anew as often as it was stopped."""
        while True:
            await self._open.wait()
            stops = self._stops
            try:
                result = await self._attempt(work)
            except TimeoutError:
                if stops == self._stops:
                    raise
            else:
                if stops == self._stops:
                    return result

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """Keep all work stopped while the context is open; one context at a time."""
        self._stops += 1
        self._open.clear()
        now = asyncio.get_running_loop().time()
        for scope in self._under_way:
            scope.reschedule(now)
        try:
            await self._idle.wait()
            yield
        finally:
            self._open.set()

    async def _attempt(self, work: Callable[[], Awaitable[T]]) -> T:
        # A timeout is the one cancellation from outside that asyncio tells apart from
        # the task's own.
        async with asyncio.timeout(None) as scope:
            self._under_way.add(scope)
            self._idle.clear()
            try:
                return await work()
            finally:
                self._under_way.discard(scope)
                if not self._under_way:
                    self._idle.set()
