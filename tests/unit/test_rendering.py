"""Samples as bytes: the same as prometheus_client's, whatever the data."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace

import exposition_strategies as some
import pytest
from exposition_cases import (
    NOW,
    OBJECTIVES,
    ROUTE,
    Bench,
    checkpoint,
    small_inventory,
    small_statuses,
    snapshot_of,
    status_of,
)
from exposition_oracle import Oracle, parsed
from hypothesis import given, settings
from paths import SUPPORT

from exporter.metrics.checkpoints import render
from exporter.metrics.families import CHECKPOINT, Family
from exporter.metrics.families.checkpoint import SYNC_AGE, SYNC_LAG
from exporter.metrics.formats import Format
from exporter.metrics.rendering import lines, seconds
from exporter.metrics.stream import unpacked
from exporter.model.time_slicer import SLICE_ROWS
from exporter.model.types import Checkpoint, Inventory, RouteStatus, Snapshot

GOLDEN = SUPPORT / "golden"
GOLDEN_NAMES = {
    Format.TEXT_0_0_4: "text-0.0.4.prom",
    Format.TEXT_1_0_0: "text-1.0.0.prom",
    Format.OPENMETRICS_1_0_0: "openmetrics-1.0.0.prom",
}
every_format = pytest.mark.parametrize("fmt", Format, ids=lambda fmt: fmt.name)


def bench_of(
    statuses: tuple[RouteStatus, ...],
    inventory: Inventory,
    objectives: Mapping[str, tuple[float, float]],
) -> Bench:
    """Return an exposition that shows all of this."""
    bench = Bench()
    bench.store.show(*statuses)
    bench.exposition.set_inventory(inventory, objectives)
    return bench


@settings(deadline=None)
@given(statuses=some.statuses(), inventory=some.inventories, objectives=some.objectives)
def test_any_snapshot_says_what_prometheus_client_says(
    statuses: tuple[RouteStatus, ...],
    inventory: Inventory,
    objectives: dict[str, tuple[float, float]],
) -> None:
    """Names, types, help, units, labels and values are the same in every format."""
    oracle = Oracle(statuses, inventory, objectives, round(NOW * 1000))
    bench = bench_of(statuses, inventory, objectives)

    for fmt in Format:
        body = asyncio.run(bench.text(fmt))

        assert parsed(body, fmt) == parsed(oracle.text(fmt), fmt)


@every_format
async def test_the_small_example_is_the_golden_file(fmt: Format) -> None:
    """Byte for byte; UPDATE_GOLDEN=1 writes it anew, to be read as a diff."""
    golden = GOLDEN / GOLDEN_NAMES[fmt]

    bench = bench_of(small_statuses(), small_inventory(), OBJECTIVES)
    body = await bench.exposition.body(fmt, gzip=False)

    if "UPDATE_GOLDEN" in os.environ:
        golden.write_bytes(body)
    assert body == golden.read_bytes()


async def test_sample_lines_are_the_same_bytes_in_every_format() -> None:
    """Only metadata differs, and where a gauge histogram has its count and its sum."""
    bench = bench_of(small_statuses(), small_inventory(), OBJECTIVES)

    bodies = [(await bench.text(fmt)).splitlines() for fmt in Format]

    samples = [sorted(x for x in body if not x.startswith("# ")) for body in bodies]
    assert samples[0] == samples[1] == samples[2]


async def rendered(
    snapshot: Snapshot, hidden: frozenset[int], family: Family
) -> list[str]:
    """Return the sample lines of one family of a snapshot."""
    rendering = await render(snapshot, hidden, [family])
    parts = rendering.parts.get(family, ())
    return b"".join(map(unpacked, parts)).decode().splitlines()


async def test_rows_of_all_slices_are_rendered_once_and_in_order() -> None:
    """A snapshot of several slices loses and doubles no row where one ends."""
    rows = [checkpoint(n, f"GID_{n}") for n in range(2 * SLICE_ROWS + 7)]

    samples = await rendered(snapshot_of(ROUTE, *rows), frozenset(), SYNC_LAG)

    assert len(samples) == len(rows)
    assert all(
        f'group="{row.group}"' in sample
        for row, sample in zip(rows, samples, strict=True)
    )


async def test_hidden_rows_are_left_out_of_their_own_slice_alone() -> None:
    """The first and the last row of a slice can be hidden."""
    rows = [checkpoint(n, f"GID_{n}") for n in range(2 * SLICE_ROWS)]
    hidden = frozenset({0, SLICE_ROWS - 1, SLICE_ROWS, 2 * SLICE_ROWS - 1})

    samples = await rendered(snapshot_of(ROUTE, *rows), hidden, SYNC_LAG)

    assert len(samples) == len(rows) - len(hidden)
    assert not [s for n in hidden for s in samples if f'"GID_{n}"' in s]


async def test_unknown_times_make_no_samples() -> None:
    """What the API does not say is absent: no zero and no NaN."""
    unknown = Checkpoint(1, "GID_orders", "orders", "", "")

    for family in CHECKPOINT[:6]:
        samples = await rendered(snapshot_of(ROUTE, unknown), frozenset(), family)

        assert [s for s in samples if "source_missing" not in s] == []


async def test_only_the_families_asked_for_are_rendered() -> None:
    """What is not switched on costs nothing."""
    rendering = await render(snapshot_of(ROUTE, checkpoint()), frozenset(), [SYNC_AGE])

    assert rendering.parts == {}
    assert len(rendering.synced) == 1


async def test_the_loop_is_given_away_while_a_large_snapshot_is_rendered() -> None:
    """Another task gets its turn many times before 10,000 rows are done."""
    row = checkpoint()
    snapshot = snapshot_of(ROUTE, *[row] * 10_000)
    task = asyncio.ensure_future(render(snapshot, frozenset(), CHECKPOINT))
    turns = 0

    while not task.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 5


async def test_statuses_without_samples_have_no_metadata_either() -> None:
    """A family that says nothing is not there."""
    bench = Bench()
    bench.store.show(RouteStatus(ROUTE))

    body = await bench.text()

    assert "rocketmq_dr_up" not in body
    assert "rocketmq_dr_sync_lag_seconds" not in body
    assert "# TYPE rocketmq_dr_polls_total counter" in body


async def test_a_route_that_lost_its_snapshot_keeps_only_its_polls() -> None:
    """Stale: neither checkpoints nor rollups, but up and the last success stay."""
    stale = replace(
        status_of(snapshot_of(ROUTE, checkpoint())), snapshot=None, rollup=None
    )
    bench = Bench()
    bench.store.show(stale)

    body = await bench.text()

    assert "rocketmq_dr_up{" in body
    assert "rocketmq_dr_last_success_timestamp_seconds{" in body
    for gone in ("checkpoints{", "max_sync", "sync_lag", "distribution", "rejected"):
        assert gone not in body


def test_no_numbers_and_no_labels_make_no_lines() -> None:
    """Nothing in, nothing out."""
    assert seconds([]) == []
    assert lines("dr_up", [], []) == b""
