"""Rounds of polls, one after the other, for as long as somebody watches.

It must not know what is polled, nor what is shown of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Never


async def keep_polling(
    look: Callable[[], Awaitable[bool]],
    poll: Callable[[], Awaitable[bool]],
    show: Callable[[bool], None],
    *,
    interval: float,
    look_every: float,
) -> Never:
    """Look for routes, poll them all and show it, until cancelled.

    `interval` and `look_every` are seconds from start to start. A look that failed is
    tried again with the next round; a round that takes longer than the interval is
    followed by the next at once, and never overlapped by it. `show` hears whether all
    went well.
    """
    clock = asyncio.get_running_loop().time
    is_found = False
    look_at = clock()
    while True:
        started = clock()
        if not is_found or started >= look_at:
            is_found = await look()
            look_at = started + look_every
        is_whole = await poll()
        show(is_found and is_whole)
        await asyncio.sleep(max(0.0, started + interval - clock()))
