"""A hundred thousand checkpoints over real HTTP, with the limits measured there."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter

from exporter.app.exporter import opened
from exporter.app.serve import poll_all
from exporter.config import load
from exporter.polling.worst import findings
from exporter.simulator.server import running
from exporter.simulator.stats import Stats
from exporter.simulator.world import World

PLANS, ITEMS, GROUPS = 50, 10, 200
PER_SECOND, CONCURRENCY = 400, 5
LIST_CHECKPOINTS = "ListDisasterRecoveryCheckpoints"


def lags_of(world: World, now: float) -> dict[int, float | None]:
    """Return the lag of each checkpoint by id, computed from the cloud's own truth."""
    return {
        int(row.checkpoint_id): None
        if row.source_ms is None or row.target_ms is None
        else (row.source_ms - row.target_ms) / 1000
        for plan in world.plans_at(now)
        if plan.status == "RUNNING"
        for item in world.items_at(plan.plan_id, now)
        for instance in plan.instances
        for row in world.checkpoints_at(
            plan.plan_id, item.item_id, instance.instance_id, now
        )
    }


def most_in_a_second(arrivals: list[float]) -> int:
    """Return the largest number of arrivals in any second."""
    arrivals = sorted(arrivals)
    return max(
        bisect_left(arrivals, arrived + 1) - first
        for first, arrived in enumerate(arrivals)
    )


async def test_a_hundred_thousand_lags_are_right_and_the_limits_hold() -> None:
    """Each page is asked for once, no faster and no more at once than is allowed."""
    now = time.time()
    world = World(
        scenario="mixed",
        plans=PLANS,
        items=ITEMS,
        groups=GROUPS,
        started_at=now - 3600,
    )
    stats = Stats()
    async with running(
        world, now=lambda: now, stats=stats, latency_seconds=0.003
    ) as url:
        flags = {
            "api.endpoint": url,
            "api.access_key_id": "simulator",
            "api.access_key_secret": "simulator",
            "api.requests_per_second": str(PER_SECOND),
            "api.max_concurrency": str(CONCURRENCY),
        }
        settings = load(flags=flags, environ={}, file=None).settings
        async with opened(settings) as exporter:
            assert await poll_all(exporter)

    statuses = exporter.store.statuses()
    found = {
        finding.checkpoint.checkpoint_id: finding.sync_lag_seconds
        for finding in findings(statuses, now)
    }
    assert found == lags_of(world, now)
    assert len(found) == PLANS * ITEMS * GROUPS

    asked = Counter((served.path, served.query) for served in stats.requests)
    assert set(asked.values()) == {1}
    assert len(stats.of(LIST_CHECKPOINTS)) >= PLANS * ITEMS * GROUPS / 100
    assert 1 < stats.max_in_flight <= CONCURRENCY
    assert most_in_a_second([s.arrived for s in stats.requests]) <= PER_SECOND
