"""Whether one more request is within the rate: a token bucket.

It must not wait: who comes too early is told so at once.
"""

from __future__ import annotations

from collections.abc import Callable


class TokenBucket:
    """Holds `burst` tokens; one comes back every `interval` seconds, 0 is no limit."""

    def __init__(self, interval: float, burst: int, clock: Callable[[], float]) -> None:
        self._interval = interval
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def allows(self) -> bool:
        """Return whether a request may pass, and count it if so."""
        if not self._interval:
            return True
        now = self._clock()
        gained = (now - self._at) / self._interval
        self._tokens = min(float(self._burst), self._tokens + gained)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
