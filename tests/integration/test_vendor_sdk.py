"""The vendor's own SDK and our client sign alike, and find the same in one cloud."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.progress import Progress

from exporter.app.exporter import opened
from exporter.app.poll import poll_all
from exporter.cloud.signing import (
    Credentials,
    canonical_query,
    signed_headers,
)
from exporter.config.load import load
from exporter.simulator.server import running
from exporter.simulator.world import World

pytestmark = [
    # The SDK's HTTP stack is not ours to repair.
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
        settings = load(flags=flags, environ={}, file=None)
        async with opened(settings) as exporter:
            assert await poll_all(exporter, Progress(disable=True))
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
        for status in exporter.store.statuses()
        if status.snapshot is not None
        for checkpoint in status.snapshot.columns.rows()
    }
    assert len(ours) == 4 * 2 * 25
    assert ours == theirs


texts = st.text(max_size=20)
digits = st.text("0123456789", min_size=1, max_size=12)
queries = st.dictionaries(
    st.sampled_from(["instanceId", "filter", "pageNumber", "pageSize", "topicName"]),
    texts,
)


@dataclass
class VendorRequest:
    """What the vendor's signer reads of a request."""

    pathname: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    method: str = "GET"


@pytest.fixture(scope="module")
def vendor() -> Any:
    """Return the signing functions of the vendor's SDK."""
    from alibabacloud_tea_openapi.utils import Utils  # noqa: PLC0415 - only when run

    return Utils


@settings(max_examples=200)
@given(
    plan=digits,
    params=queries,
    credentials=st.builds(
        Credentials,
        st.text("ABCDEFabcdef0123456789", min_size=1, max_size=30),
        st.text(min_size=1, max_size=40),
        st.none() | st.text(min_size=1, max_size=60),
    ),
    date=st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)),  # noqa: DTZ001 - hypothesis adds the zone
)
def test_any_request_is_signed_as_the_vendor_signs_it(
    *,
    vendor: Any,
    plan: str,
    params: dict[str, str],
    credentials: Credentials,
    date: datetime,
) -> None:
    """The official SDK, given the headers we sign, comes to our Authorization."""
    path = f"/disaster_recovery/{plan}/items"

    headers = signed_headers(
        credentials,
        host="rocketmq.cn-hangzhou.aliyuncs.com",
        path=path,
        query=canonical_query(params),
        action="ListDisasterRecoveryItems",
        date=date,
        nonce="0123456789abcdef" * 2,
    )

    ours = headers.pop("authorization")
    del headers["accept"]
    assert ours == vendor.get_authorization(
        VendorRequest(path, params, headers),
        "ACS3-HMAC-SHA256",
        headers["x-acs-content-sha256"],
        credentials.access_key_id,
        credentials.access_key_secret,
    )
