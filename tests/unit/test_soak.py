"""A short soak, and what the verdict of a long one goes by."""

from __future__ import annotations

from dataclasses import replace

import pytest
from growth import Sample, judged
from vitals import Vitals

CALM = [
    Sample(
        float(at), Vitals(60_000, 12, 6, 1), 9, polls=4.0 * at, failures=0, skipped=0
    )
    for at in range(30)
]


def test_a_calm_run_has_no_fault() -> None:
    """What is warm-up does not count."""
    warming = [replace(CALM[0], holds=Vitals(9_000, 90, 80, 70)), *CALM[1:]]
    assert judged(warming, due_per_second=4).faults == ()


@pytest.mark.parametrize(
    ("late", "name"),
    [
        ({"holds": Vitals(67_000, 12, 6, 1)}, "rss_kib"),
        ({"holds": Vitals(60_000, 17, 6, 1)}, "files"),
        ({"holds": Vitals(60_000, 12, 11, 1)}, "sockets"),
        ({"holds": Vitals(60_000, 12, 6, 6)}, "threads"),
        ({"tasks": 14}, "tasks"),
        ({"polls": 100.0}, "polls"),
        ({"skipped": 1.0}, "polls skipped"),
    ],
)
def test_what_grew_or_was_missed_is_named(late: dict[str, object], name: str) -> None:
    """One line for it, and none for what did not."""
    samples = CALM[:20] + [replace(each, **late) for each in CALM[20:]]  # type: ignore[arg-type]  # by parameter

    (fault,) = judged(samples, due_per_second=4).faults
    assert fault.startswith(f"{name}:")
