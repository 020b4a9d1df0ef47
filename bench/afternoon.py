"""A program, peer a: the exporter of an afternoon, from the vendor's SDK and gauges.

It polls as the SDK's examples do, and keeps what it finds in prometheus_client.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Any

from alibabacloud_rocketmq20220801 import models
from alibabacloud_rocketmq20220801.client import Client
from alibabacloud_tea_openapi.models import Config
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from bench.checkpoints import AGE, HELP, LABELS, LAG, LAST_SYNC, POLLED

PAGE_SIZE = 100


class Afternoon:
    """Polls everything, page by page, into three gauges."""

    def __init__(self, client: Client, registry: CollectorRegistry) -> None:
        self._client = client
        self._lag, self._age, self._last_sync = (
            Gauge(name, HELP[name], LABELS, registry=registry)
            for name in (LAG, AGE, LAST_SYNC)
        )
        self._polled = Counter(POLLED, "Checkpoints polled.", registry=registry)

    async def poll(self) -> None:
        """Poll every item of every RUNNING plan once."""
        request = models.ListDisasterRecoveryPlansRequest(page_number=1, page_size=100)
        answer = await self._client.list_disaster_recovery_plans_async(request)
        for plan in answer.body.data.list:
            if plan.plan_status == "RUNNING":
                await self._poll_plan(plan)

    async def _poll_plan(self, plan: Any) -> None:
        active = next(i for i in plan.instances if i.instance_role.upper() == "ACTIVE")
        answer = await self._client.list_disaster_recovery_items_async(
            str(plan.plan_id),
            models.ListDisasterRecoveryItemsRequest(page_number=1, page_size=100),
        )
        for item in answer.body.data.list:
            await self._poll_item(
                str(plan.plan_id), str(item.item_id), active.instance_id
            )

    async def _poll_item(self, plan_id: str, item_id: str, instance_id: str) -> None:
        number, seen, total = 1, 0, 1
        while seen < total:
            request = models.ListDisasterRecoveryCheckpointsRequest(
                instance_id=instance_id, page_number=number, page_size=PAGE_SIZE
            )
            answer = await self._client.list_disaster_recovery_checkpoints_async(
                plan_id, item_id, request
            )
            data = answer.body.data
            for row in data.list:
                self._show(plan_id, item_id, row)
            number, seen, total = number + 1, seen + len(data.list), data.total_count
            self._polled.inc(len(data.list))

    def _show(self, plan_id: str, item_id: str, row: Any) -> None:
        source, target = row.source_progress, row.target_progress
        labels = (
            plan_id,
            item_id,
            source.instance_id,
            target.instance_id,
            source.consumer_group_id,
            source.topic_name,
        )
        consumed = source.progress_data.consume_timestamp
        lag = (consumed - target.progress_data.consume_timestamp) / 1000
        self._lag.labels(*labels).set(lag)
        self._age.labels(*labels).set(time.time() - row.last_sync_time / 1000)
        self._last_sync.labels(*labels).set(row.last_sync_time / 1000)


async def serve(endpoint: str, pause: float) -> None:
    """Serve, and poll for good with so many seconds between two polls."""
    protocol, _, host = endpoint.partition("://")
    config = Config(
        access_key_id="simulator",
        access_key_secret="simulator",  # noqa: S106 - the simulated cloud's own
        endpoint=host,
        protocol=protocol,
    )
    registry = CollectorRegistry()
    afternoon = Afternoon(Client(config), registry)
    await afternoon.poll()
    server, _ = start_http_server(0, "127.0.0.1", registry)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    while True:
        await asyncio.sleep(pause)
        await afternoon.poll()


if __name__ == "__main__":
    # The SDK logs each request to stdout otherwise.
    for name in ("alibabacloud-tea", "darabonba-core"):
        logging.getLogger(name).handlers.clear()
    asyncio.run(serve(sys.argv[1], float(sys.argv[2])))
