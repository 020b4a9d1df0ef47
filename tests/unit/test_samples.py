"""Samples as bytes: the same as prometheus_client's, whatever the data."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import exposition_strategies as some
import pytest
from exposition_cases import (
    NOW,
    ROUTE,
    Bench,
    checkpoint,
    small_bench,
    snapshot_of,
    status_of,
)
from exposition_oracle import Oracle, parsed
from hypothesis import given, settings
from paths import SUPPORT

from exporter.metrics.catalogue import CHECKPOINT, SYNC_AGE
from exporter.metrics.exposition import render
from exporter.metrics.formats import Format
from exporter.metrics.samples import lines, seconds
from exporter.model.time_slicer import SLICE_ROWS
from exporter.model.types import Checkpoint, Inventory, RouteStatus

GOLDEN = {
    Format.TEXT_0_0_4: SUPPORT / "golden/text-0.0.4.prom",
    Format.TEXT_1_0_0: SUPPORT / "golden/text-1.0.0.prom",
    Format.OPENMETRICS_1_0_0: SUPPORT / "golden/openmetrics-1.0.0.prom",
}
every_format = pytest.mark.parametrize("fmt", Format, ids=lambda fmt: fmt.name)


@settings(deadline=None)
@given(statuses=some.statuses(), inventory=some.inventories)
def test_any_snapshot_says_what_prometheus_client_says(
    statuses: tuple[RouteStatus, ...], inventory: Inventory
) -> None:
    """Names, types, help, units, labels and values are the same in every format."""
    oracle = Oracle(statuses, inventory, round(NOW * 1000))
    bench = Bench(inventory=inventory)
    bench.store.show(*statuses)

    for fmt in Format:
        body = asyncio.run(bench.text(fmt))

        assert parsed(body, fmt) == parsed(oracle.text(fmt), fmt)


@every_format
async def test_the_small_example_is_the_golden_file(fmt: Format) -> None:
    """Byte for byte; UPDATE_GOLDEN=1 writes it, to be read as a diff."""
    body = (await small_bench().text(fmt)).encode()

    if "UPDATE_GOLDEN" in os.environ:
        GOLDEN[fmt].write_bytes(body)
    assert body == GOLDEN[fmt].read_bytes()


@pytest.mark.parametrize(
    "hidden", [(), (0, SLICE_ROWS - 1, SLICE_ROWS, 2 * SLICE_ROWS - 1)]
)
async def test_rows_of_all_slices_are_rendered_once_and_in_order(
    hidden: tuple[int, ...],
) -> None:
    """No row is lost or doubled where a slice ends, and only hidden ones are out."""
    rows = [checkpoint(n, f"GID_{n}") for n in range(2 * SLICE_ROWS + 7)]
    bench = Bench()
    snapshot = snapshot_of(ROUTE, *rows)
    bench.store.show(status_of(snapshot, hidden=frozenset(hidden)))

    shown = [f'"{r.group}"' for n, r in enumerate(rows) if n not in hidden]
    for name in ("sync_lag", "sync_age", "last_sync_timestamp"):
        start = f"rocketmq_dr_{name}_seconds{{"
        body = (await bench.text()).splitlines()
        samples = [line for line in body if line.startswith(start)]
        assert len(samples) == len(shown)
        assert all(map(str.__contains__, samples, shown))


async def test_unknown_times_make_no_samples() -> None:
    """What the API does not say is absent: no zero and no NaN."""
    unknown = Checkpoint(1, "GID_orders", "orders", "", "")
    bench = Bench(switches=[f.switch for f in CHECKPOINT if f.switch != "info"])
    bench.store.show(status_of(snapshot_of(ROUTE, unknown)))

    body = await bench.text()

    (sample,) = [line for line in body.splitlines() if "GID_orders" in line]
    assert 'problem="source_missing"' in sample
    assert "rocketmq_dr_max_sync" not in body


async def test_only_the_families_asked_for_are_rendered() -> None:
    """What is not switched on costs nothing."""
    status = status_of(snapshot_of(ROUTE, checkpoint()))

    rendering = await render(status, [SYNC_AGE])

    assert not rendering.parts
    assert len(rendering.aged) == 1


async def test_a_route_that_lost_its_snapshot_keeps_only_its_polls() -> None:
    """Stale: neither checkpoints nor rollups, but up and the last success stay."""
    shown = status_of(snapshot_of(ROUTE, checkpoint()))
    bench = Bench()
    bench.store.show(shown)
    await bench.text()

    bench.store.show(replace(shown, snapshot=None, rollup=None))

    body = await bench.text()
    assert "rocketmq_dr_up{" in body
    assert "rocketmq_dr_last_success_timestamp_seconds{" in body
    for gone in ("checkpoints{", "max_sync", "sync_", "distribution", "rejected"):
        assert gone not in body.replace("last_sync_", "")


def test_no_numbers_and_no_labels_make_no_lines() -> None:
    """Nothing in, nothing out."""
    assert seconds([]) == []
    assert lines("dr_up", [], []) == b""
