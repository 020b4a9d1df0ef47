"""Many shards as processes, scraped by a real Prometheus; `make scale` runs more."""

from __future__ import annotations

from collections import Counter

import pytest

from bench import scale
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


@pytest.mark.timeout(300)
def test_four_shards_show_every_checkpoint_once_and_keep_the_budget() -> None:
    """And all are back after one of them was killed and replaced."""
    found = scale.measure(SMALL)

    assert found.faults() == []
    assert found.gap < 60
    # Half of the routes on one of four would be no sharing.
    assert max(found.by_shard) < SMALL.checkpoints / 2
