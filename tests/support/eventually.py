"""Waiting for what another process does, without a guess at how long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_AGAIN_SECONDS = 0.02


async def eventually(
    look: Callable[[], Awaitable[T]],
    *,
    within: float = 120.0,
) -> T:
    """Return what `look` finds once it finds something true; fail when time is up."""
    async with asyncio.timeout(within):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
