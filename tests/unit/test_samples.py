"""Samples as bytes: the same as prometheus_client's, whatever the data."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

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
from hypothesis import strategies as st
from paths import SUPPORT

from exporter.metrics.catalogue import ALL, CHECKPOINT
from exporter.metrics.formats import Format
from exporter.model.errors import Reason
from exporter.model.time_slicer import SLICE_ROWS
from exporter.model.types import (
    NO_FAILURES,
    Checkpoint,
    Inventory,
    Item,
    Limits,
    Missing,
    Plan,
    Route,
    RouteStatus,
)

# No lone surrogates: they are no Unicode text, and msgspec refuses them on the wire.
_ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_AWKWARD = st.sampled_from(
    ["", '"', "\\", "\n", "\\n", '\\"', "}", "{", ",", "=", " # ", "\r\n", "\0", "😀"]
)
texts = st.one_of(_AWKWARD, _ANY_TEXT)
times = st.one_of(
    st.just(0),
    st.integers(1740724000000, 1740724200000),
    st.integers(1, 2**63 - 1),
)
ids = st.integers(0, 99).map(str)
seconds = st.floats(0, 1e10, allow_nan=False)
counts = st.integers(0, 10**12)

checkpoints = st.builds(
    Checkpoint,
    checkpoint_id=st.integers(-(2**63), 2**63 - 1),
    group=texts,
    topic=texts,
    source_instance_id=texts,
    target_instance_id=texts,
    last_sync_ms=times,
    source_ms=times,
    target_ms=times,
    source_fetch_ms=times,
    target_fetch_ms=times,
    target_group=texts,
    target_topic=texts,
    kind=st.tuples(texts, texts, texts, texts),
)
_rows = st.lists(
    checkpoints,
    max_size=5,
    unique_by=lambda row: (
        row.source_instance_id,
        row.target_instance_id,
        row.group,
        row.topic,
    ),
)
_routes = st.builds(Route, ids, ids, texts, st.just("cn-hangzhou"))


@st.composite
def any_statuses(draw: st.DrawFn) -> tuple[RouteStatus, ...]:
    """Draw what a store may show: any rows, any of them hidden, or nothing yet."""
    routes = draw(st.lists(_routes, max_size=3, unique=True))
    return tuple(draw(_status(route)) for route in routes)


@st.composite
def _status(draw: st.DrawFn, route: Route) -> RouteStatus:
    failures = {**NO_FAILURES, draw(st.sampled_from(Reason)): draw(counts)}
    tried = RouteStatus(
        route,
        draw(counts),
        failures,
        is_up=draw(st.sampled_from([None, True, False])),
        last_success_at=draw(st.none() | seconds),
        duration=draw(st.none() | seconds),
    )
    if draw(st.booleans()):
        return tried
    rows = draw(_rows)
    hidden = draw(st.frozensets(st.integers(0, max(0, len(rows) - 1)), max_size=2))
    snapshot = snapshot_of(route, *rows, dropped=draw(st.integers(0, 9)))
    shown = status_of(snapshot, hidden=hidden if rows else frozenset())
    return replace(shown, failures=failures, polls=draw(counts))


_plans = st.builds(Plan, ids, texts, texts, texts, texts, st.booleans(), st.just(()))
_items = st.builds(Item, ids, ids, texts, st.just(()))

inventories = st.builds(
    Inventory,
    st.lists(_plans, max_size=2, unique_by=lambda plan: plan.plan_id).map(tuple),
    st.lists(_items, max_size=2, unique_by=lambda item: item.item_id).map(tuple),
    st.frozensets(st.builds(Missing, texts, texts, ids), max_size=2),
    looked_up=st.frozensets(ids, max_size=2),
    limits=st.dictionaries(ids, st.builds(Limits, seconds, seconds), max_size=2),
)

GOLDEN = {
    Format.TEXT_0_0_4: SUPPORT / "golden/text-0.0.4.prom",
    Format.TEXT_1_0_0: SUPPORT / "golden/text-1.0.0.prom",
    Format.OPENMETRICS_1_0_0: SUPPORT / "golden/openmetrics-1.0.0.prom",
}
every_format = pytest.mark.parametrize("fmt", Format, ids=lambda fmt: fmt.name)


@settings(deadline=None)
@given(statuses=any_statuses(), inventory=inventories)
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


BY_ROUTE = "plan_id item_id source_instance_id"
ROW = f"{BY_ROUTE} target_instance_id group topic"
PROMISED = {
    ROW: "sync_lag_seconds sync_age_seconds sync_delay_seconds"
    " last_sync_timestamp_seconds",
    f"{ROW} problem": "checkpoint_problem",
    f"{ROW} side": "consume_timestamp_seconds fetch_timestamp_seconds",
    f"{ROW} checkpoint_id target_group target_topic source_region_id "
    "target_region_id source_type target_type": "checkpoint_info",
    BY_ROUTE: "up last_success_timestamp_seconds poll_duration_seconds polls_total"
    " max_sync_lag_seconds max_sync_age_seconds max_sync_delay_seconds"
    " checkpoints_ready sync_lag_distribution_seconds",
    f"{BY_ROUTE} reason": "poll_failures_total checkpoints_rejected",
    f"{BY_ROUTE} state": "checkpoints",
    f"{BY_ROUTE} objective": "checkpoints_over_objective",
    "plan_id plan_name plan_type region_id": "plan_info",
    "plan_id status": "plan_status",
    "plan_id item_id status": "item_status",
    "plan_id": "plan_auto_sync objective_share plan_missing",
    "plan_id objective": "objective_seconds",
    "kind id": "configured_missing",
    "version revision python_version": "exporter_build_info",
    "action": "exporter_api_requests_total exporter_api_retries_total"
    " exporter_api_throttled_total exporter_api_request_duration_seconds",
    "action reason": "exporter_api_request_failures_total",
    "reason": "exporter_discovery_failures_total",
    "": "exporter_api_rate_limit exporter_clock_skew_seconds"
    " exporter_polls_skipped_total exporter_checkpoints_dropped"
    " exporter_poll_interval_seconds exporter_stale_after_seconds"
    " exporter_shard_index exporter_shards exporter_leader"
    " exporter_discovery_last_success_timestamp_seconds"
    " exporter_config_last_reload_successful"
    " exporter_config_last_reload_success_timestamp_seconds"
    " exporter_scrapes_total exporter_scrape_duration_seconds"
    " exporter_scrape_size_bytes",
}


def test_names_and_labels_are_those_promised() -> None:
    """Dashboards and rules are written against these."""
    found = {family.name: " ".join(family.labels) for family in ALL}

    assert found == {
        f"rocketmq_dr_{name}": labels
        for labels, names in PROMISED.items()
        for name in names.split()
    }
