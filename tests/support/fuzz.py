"""A program: fuzz every reader of foreign text for FUZZ_SECONDS, and tell the figures.

It says nothing of what it tried but what failed, and then how to try that again.
"""

from __future__ import annotations

import os
import random
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field

import hypothesis
from fuzzing import TARGETS, Target
from hypothesis import HealthCheck, Phase

DEFAULT_SECONDS = 60.0
EXAMPLES = 250


@dataclass
class Figures:
    """Inputs, failures and seconds by target."""

    inputs: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(
        default_factory=lambda: {target.name: 0.0 for target in TARGETS}
    )


def tried(target: Target, *, examples: int, seed: int) -> int:
    """Try so many inputs of a target; return how many that was, shrinking included.

    Raises:
        BaseException: whatever the smallest input that fails was found to raise; its
            notes tell the input.
    """
    count = 0

    def run(value: object) -> None:
        nonlocal count
        count += 1
        target.check(value)

    given = hypothesis.given(target.inputs)(run)
    limits = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    hypothesis.seed(seed)(limits(given))()
    return count


def main() -> None:
    """Fuzz in turns until the time is up; exit 1 if anything failed."""
    seconds = float(os.environ.get("FUZZ_SECONDS", DEFAULT_SECONDS))
    seed = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(2**32)))
    print(f"fuzz: {seconds:g} s, FUZZ_SEED={seed}", flush=True)
    figures = _fuzzed(time.monotonic() + seconds, seed)
    print(f"{'target':18}{'inputs':>10}{'a second':>10}{'failures':>10}")
    for target in TARGETS:
        inputs, took = figures.inputs[target.name], figures.seconds[target.name]
        rate = inputs / max(took, 1e-9)
        failed = figures.failures[target.name]
        print(f"{target.name:18}{inputs:>10,}{rate:>10,.0f}{failed:>10}")
    sys.exit(1 if figures.failures.total() else 0)


def _fuzzed(until: float, seed: int) -> Figures:
    """Give each target the same share of the time; who has failed is done."""
    figures = Figures()
    while time.monotonic() < until:
        left = [t for t in TARGETS if not figures.failures[t.name]]
        if not left:
            break
        target = min(left, key=lambda each: figures.seconds[each.name])
        began = time.monotonic()
        try:
            figures.inputs[target.name] += tried(target, examples=EXAMPLES, seed=seed)
        except Exception:  # noqa: BLE001 - the next target is tried all the same
            figures.failures[target.name] += 1
            print(f"{target.name}, FUZZ_SEED={seed}:\n{traceback.format_exc()}")
        figures.seconds[target.name] += time.monotonic() - began
        seed += 1
    return figures


if __name__ == "__main__":
    main()
