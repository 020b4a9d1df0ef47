"""The vendor's own SDK and our client read the same cloud, and find the same."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from exporter.app.exporter import opened
from exporter.app.serve import poll_all
from exporter.config import load
from exporter.polling.worst import findings
from exporter.simulator.server import running
from exporter.simulator.world import World

pytestmark = [
    # The SDK's HTTP stack is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

Row = tuple[int, str, str, str, str, int | None, int | None, int | None]


def polled_by_sdk(endpoint: str) -> set[Row]:
    """Poll every plan, item and instance with the vendor's synchronous client."""
    from alibabacloud_rocketmq20220801 import models  # noqa: PLC0415 - slow to import
    from alibabacloud_rocketmq20220801.client import Client  # noqa: PLC0415
    from alibabacloud_tea_openapi.models import Config  # noqa: PLC0415

    for name in ("alibabacloud-tea", "darabonba-core"):
        logging.getLogger(name).handlers.clear()
    client = Client(
        Config(
            access_key_id="simulator",
            access_key_secret="simulator",
            endpoint=endpoint.removeprefix("http://"),
            protocol="http",
        )
    )
    rows: set[Row] = set()
    plans = client.list_disaster_recovery_plans(
        models.ListDisasterRecoveryPlansRequest(page_number=1, page_size=100)
    ).body.data.list
    for plan in plans:
        if plan.plan_status != "RUNNING":
            continue
        items = client.list_disaster_recovery_items(
            str(plan.plan_id),
            models.ListDisasterRecoveryItemsRequest(page_number=1, page_size=100),
        ).body.data.list
        for item in items:
            for instance in plan.instances:
                rows |= set(
                    checkpoints(client, models, plan, item, instance.instance_id)
                )
    return rows


def checkpoints(
    client: Any, models: Any, plan: Any, item: Any, instance_id: str
) -> Iterator[Row]:
    """Read one route page by page."""
    page_number, seen, total = 1, 0, 1
    while seen < total:
        data = client.list_disaster_recovery_checkpoints(
            str(plan.plan_id),
            str(item.item_id),
            models.ListDisasterRecoveryCheckpointsRequest(
                instance_id=instance_id, page_number=page_number, page_size=10
            ),
        ).body.data
        page_number, seen, total = (
            page_number + 1,
            seen + len(data.list),
            data.total_count,
        )
        for row in data.list:
            source, target = row.source_progress, row.target_progress
            yield (
                row.checkpoint_id,
                source.consumer_group_id,
                source.topic_name,
                source.instance_id,
                target.instance_id,
                known(row.last_sync_time),
                known(source.progress_data and source.progress_data.consume_timestamp),
                known(target.progress_data and target.progress_data.consume_timestamp),
            )


def known(millis: int | None) -> int | None:
    """Return a time, None for everything that stands for none."""
    return millis if millis is not None and millis > 0 else None


async def test_the_vendors_sdk_finds_what_our_client_finds() -> None:
    """Ids, names and times of every checkpoint are the same by both ways."""
    now = time.time()
    world = World(plans=4, items=2, groups=25, started_at=now - 600)
    async with running(world, now=lambda: now) as url:
        flags = {
            "api.endpoint": url,
            "api.access_key_id": "simulator",
            "api.access_key_secret": "simulator",
            "api.requests_per_second": "500",
        }
        settings = load(flags=flags, environ={}, file=None).settings
        async with opened(settings) as exporter:
            assert await poll_all(exporter)
        theirs = await asyncio.to_thread(polled_by_sdk, url)

    ours = {
        (
            checkpoint.checkpoint_id,
            checkpoint.group,
            checkpoint.topic,
            checkpoint.source_instance_id,
            checkpoint.target_instance_id,
            known(checkpoint.last_sync_ms),
            known(checkpoint.source_ms),
            known(checkpoint.target_ms),
        )
        for finding in findings(exporter.store.statuses(), now)
        for checkpoint in (finding.checkpoint,)
    }
    assert len(ours) == 4 * 2 * 25
    assert ours == theirs
