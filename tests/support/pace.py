"""How fast the machine is at the moment, for bounds on what something costs.

A core that two busy threads share, or a host that lends less of it, takes twice as long
for the same, in CPU time too. It must not measure anything of ours.
"""

from __future__ import annotations

import time

USUAL_SECONDS = 0.0125
"""What the yardstick takes where nothing else runs, on the machine of the figures."""

_ROUNDS = 100_000


def slowdown() -> float:
    """Return how many times as long as usual a fixed piece of work takes; 1 or more."""
    began = time.process_time()
    seen = {}
    for number in range(_ROUNDS):
        seen[number & 1023] = str(number)
    return max(1.0, (time.process_time() - began) / USUAL_SECONDS)
