"""Which rows of the API are checkpoints, and which of two is kept."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Callable

from fakes import Json, checkpoint_row, page_of
from paths import TESTDATA

from exporter.cloud.checkpoints import CheckpointCollector
from exporter.cloud.decoding import PageDecoder
from exporter.cloud.wire import CheckpointRow, Rows
from exporter.model.types import Route, Snapshot

ROUTE = Route("1300000016", "100070284", "rmq-route", "cn-hangzhou")
SAMPLE = TESTDATA / "seed_checkpoints.json"
CN = ("cn-hangzhou", "cn-hangzhou", "ALIYUN_ROCKETMQ", "ALIYUN_ROCKETMQ")

decode = PageDecoder(CheckpointRow, "checkpointId")


def rows_of(body: bytes) -> Rows[CheckpointRow]:
    """Return the rows of a good page."""
    data = decode(body).data
    assert data is not None
    return data


def collected(
    *pages: list[Json],
    admits: Callable[[str, str], bool] = lambda _group, _topic: True,
    room: int = 100,
) -> Snapshot:
    """Return the snapshot of these pages."""
    collector = CheckpointCollector(ROUTE, admits, room)
    for page in pages:
        collector.take(rows_of(json.dumps(page_of(page)).encode()))
    return asyncio.run(collector.snapshot())


def lags_of(snapshot: Snapshot) -> list[int]:
    """Return source minus target of each checkpoint, in milliseconds."""
    return [row.source_ms - row.target_ms for row in snapshot.columns.rows()]


def test_what_has_no_room_takes_hardly_any() -> None:
    """`metrics.max_checkpoints` holds the memory of a poll, whatever upstream sends."""

    def bytes_for_each(room: int) -> float:
        collector = CheckpointCollector(ROUTE, lambda *_: True, room)
        rows = 0
        tracemalloc.start()
        try:
            for page in range(100):
                numbers = range(page * 100, page * 100 + 100)
                body = page_of([checkpoint_row(n, f"GID_{n:08}") for n in numbers])
                collector.take(rows_of(json.dumps(body).encode()))
                rows += 100
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return held / rows

    assert bytes_for_each(100) < 220
    assert bytes_for_each(10_000) > 350
