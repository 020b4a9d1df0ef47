"""Many shards as processes, scraped by a real Prometheus; `make scale` runs more."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from bench.scale import WINDOW_SECONDS, Scale
from bench.scale_fleet import SMALL

GOOD = Scale(
    size=SMALL,
    ready_after=5,
    seen_after=6,
    series=20_000,
    distinct=20_000,
    by_shard=[5_000] * 4,
    items=Counter({str(item).encode(): 100 for item in range(200)}),
    most_in_a_window=SMALL.per_second * WINDOW_SECONDS,
    mean_per_second=100,
    refused=0,
    seen=20_000,
    lost=5_000,
    gap=5,
    seen_at_last=20_000,
    shard_bytes=[1],
    prometheus_bytes=1,
)


def test_a_good_run_has_no_faults_and_tells_all_figures() -> None:
    """What is judged below is what is off."""
    assert GOOD.faults() == []
    assert GOOD.figures()["gap until all were back"] == "5 s"


@pytest.mark.parametrize(
    "wrong",
    [
        {"series": 20_001},
        {"distinct": 19_999},
        {"series": 19_999, "distinct": 19_999},
        {"items": Counter({b"1": 20_000})},
        {"items": GOOD.items | Counter({b"1": 101})},
        {"most_in_a_window": SMALL.per_second * WINDOW_SECONDS + SMALL.shards + 1},
        {"refused": 1},
        {"by_shard": [0, 5_000, 5_000, 10_000]},
        {"seen": 19_999},
        {"lost": 0},
        {"lost": 20_000},
        {"seen_at_last": 19_999},
    ],
)
def test_each_thing_that_is_off_is_a_fault(wrong: dict[str, object]) -> None:
    """A judge that finds nothing would let everything pass."""
    assert len(replace(GOOD, **wrong).faults()) == 1  # type: ignore[arg-type]  # a field
