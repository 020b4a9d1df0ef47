"""Twenty thousand checkpoints over real HTTP."""

from __future__ import annotations

import sys
import time
from collections import Counter

from recording import Stats
from rich.progress import Progress
from simulated import everything

from exporter.app.exporter import opened
from exporter.app.poll import poll_all
from exporter.config.load import load
from exporter.model.assessment import worst
from exporter.simulator.server import running
from exporter.simulator.world import World

PLANS, ITEMS, GROUPS = 10, 10, 200
PER_SECOND, CONCURRENCY = 400, 5
LIST_CHECKPOINTS = "ListDisasterRecoveryCheckpoints"


def lags_of(world: World, now: float) -> dict[int, float | None]:
    """Return the lag of each checkpoint by id, computed from the cloud's own truth."""
    return {int(seen.row.checkpoint_id): seen.lag for seen in everything(world, now)}


async def test_the_lags_of_a_large_account_are_right() -> None:
    """Each page is asked for once, and no more at once than is allowed."""
    now = time.time()
    world = World(
        scenario="mixed",
        plans=PLANS,
        items=ITEMS,
        groups=GROUPS,
        started_at=now - 3600,
        largest_page=100,
        paging="clamp",
    )
    stats = Stats(latency_seconds=0.003)
    async with running(world, now=lambda: now, middlewares=stats.middlewares) as url:
        flags = {
            "api.endpoint": url,
            "api.access_key_id": "simulator",
            "api.access_key_secret": "simulator",
            "api.requests_per_second": str(PER_SECOND),
            "api.max_concurrency": str(CONCURRENCY),
        }
        settings = load(flags=flags, environ={}, file=None)
        async with opened(settings) as exporter:
            assert await poll_all(exporter, Progress(disable=True))

    found = {
        each.checkpoint.checkpoint_id: each.lag.value
        for each in worst(exporter.report(), sys.maxsize)
    }
    assert found == lags_of(world, now)
    assert len(found) == PLANS * ITEMS * GROUPS

    asked = Counter((served.path, served.query) for served in stats.requests)
    assert set(asked.values()) == {1}
    assert len(stats.of(LIST_CHECKPOINTS)) >= PLANS * ITEMS * GROUPS / 100
    assert 1 < stats.max_in_flight <= CONCURRENCY
