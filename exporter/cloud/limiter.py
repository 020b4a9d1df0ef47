"""How fast the account may be asked: one rate for all regions and routes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# What a server counts in a second depends on how long each request travelled. A rate
# two per cent lower, and turns saved up for 5 ms at most, keep the count within the
# setting.
MARGIN = 0.98
BURST_SECONDS = 0.005
# From half the rate back to the whole takes this many successes.
RECOVERY_STEPS = 20
SLOWEST_PER_SECOND = 0.1
# A turn that lacks so little is whole: no clock counts the time it would take.
ROUNDING = 1e-6


class Limiter:
    """Hands out turns in the order they are asked for, `per_second` at the most.

    A turn permits one request. Throttling halves the rate, and each success adds a
    twentieth of that half. `on_change` is told every new rate.
    """

    def __init__(
        self, per_second: float, *, on_change: Callable[[float], None] = lambda _: None
    ) -> None:
        self._ceiling = per_second
        self._floor = min(per_second, SLOWEST_PER_SECOND)
        self._on_change = on_change
        self._queue = asyncio.Lock()
        self._given_at = float("-inf")
        self._slowed_at = float("-inf")
        self._set_rate(per_second)

    async def take_turn(self) -> float:
        """Wait for a turn; return when it was given, in the loop's seconds."""
        clock = asyncio.get_running_loop().time
        async with self._queue:
            # It waits for time alone, and the rate may change meanwhile.
            while (wait := self._due() - clock()) > ROUNDING:  # noqa: ASYNC110
                await asyncio.sleep(wait)
            saved = max(0.0, BURST_SECONDS - self._spacing())
            self._given_at = max(self._due(), clock() - saved)
            return clock()

    def throttled(self, turn: float) -> None:
        """Halve the rate, once for all the requests that were under way together."""
        if turn > self._slowed_at:
            self._slowed_at = asyncio.get_running_loop().time()
            self._set_rate(max(self._floor, self.rate / 2))

    def succeeded(self) -> None:
        """Raise a lowered rate a little."""
        if self.rate < self._ceiling:
            step = self._ceiling / 2 / RECOVERY_STEPS
            self._set_rate(min(self._ceiling, self.rate + step))

    def _due(self) -> float:
        return self._given_at + self._spacing()

    def _spacing(self) -> float:
        return 1 / (self.rate * MARGIN)

    def _set_rate(self, per_second: float) -> None:
        self.rate = per_second
        self._on_change(per_second)
