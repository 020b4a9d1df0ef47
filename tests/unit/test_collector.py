"""How the API's rows become the model's, and which of two is kept."""

from __future__ import annotations

import json
import math
import operator
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from exposition_cases import times_of
from fakes import NOON_MS, Json, checkpoint_row, item_row, page_of, plan_row
from hypothesis import given
from hypothesis import strategies as st
from paths import TESTDATA

from exporter.cloud.collector import (
    CheckpointCollector,
    item_from,
    plan_from,
)
from exporter.cloud.wire import CheckpointRow, ItemRow, PlanRow, page_decoder
from exporter.model.lag import rollup, sync_lag_ms
from exporter.model.types import (
    Checkpoint,
    Instance,
    Item,
    Limits,
    Plan,
    Rejection,
    Route,
    Snapshot,
)

ROUTE = Route("1300000016", "100070284", "rmq-route", "cn-hangzhou")
SAMPLE = TESTDATA / "seed_checkpoints.json"
CN = ("cn-hangzhou", "cn-hangzhou", "ALIYUN_ROCKETMQ", "ALIYUN_ROCKETMQ")

decode = page_decoder(CheckpointRow)


def rows_of(body: bytes) -> Sequence[CheckpointRow]:
    """Return the rows of a good page."""
    data = decode(body)
    assert data is not None
    return data.rows


def collected(
    *pages: list[Json],
    accepts: Callable[[str, str], bool] = lambda _group, _topic: True,
    budget: int = 100,
    before: Snapshot | None = None,
) -> Snapshot:
    """Return the snapshot of these pages."""
    collector = CheckpointCollector(ROUTE, accepts, budget, before)
    for page in pages:
        collector.extend(rows_of(json.dumps(page_of(page)).encode()))
    return collector.snapshot(0)


def lags_of(snapshot: Snapshot) -> list[int]:
    """Return source minus target of each checkpoint, in milliseconds."""
    return [row.source_ms - row.target_ms for row in snapshot.columns.rows()]


def test_a_row_becomes_a_checkpoint_with_all_that_it_says() -> None:
    """Group and topic are named as the source names them."""
    (found,) = collected([checkpoint_row(7)]).columns.rows()

    assert found == Checkpoint(
        checkpoint_id=7,
        group="GID_orders",
        topic="orders",
        source_instance_id="rmq-source",
        target_instance_id="rmq-target",
        last_sync_ms=NOON_MS,
        source_ms=NOON_MS,
        target_ms=NOON_MS - 5_000,
        source_fetch_ms=NOON_MS,
        target_fetch_ms=NOON_MS,
        target_group="GID_orders",
        target_topic="orders",
        kind=CN,
    )


def test_the_vendors_example_is_one_checkpoint_without_lag() -> None:
    """Its id is 0, which is an id like any other."""
    (row,) = rows_of(SAMPLE.read_bytes())
    assert row.id == 0

    collector = CheckpointCollector(ROUTE, lambda *_: True, 10)
    collector.extend([row])
    snapshot = collector.snapshot(0)

    assert lags_of(snapshot) == [0]
    assert not any(snapshot.rejected.values())


def test_what_a_row_does_not_say_is_empty_but_its_source_is_the_routes() -> None:
    """A checkpoint without names or times is one all the same."""
    (found,) = collected([{"checkpointId": 7}]).columns.rows()

    assert found == Checkpoint(7, "", "", "rmq-route", "")


@pytest.mark.parametrize("said", [None, 0, -1, "0", "-5", -(10**30)])
def test_a_time_that_is_none_is_unknown(said: object) -> None:
    """Missing, null, zero and negative are one and the same: no sample."""
    row = checkpoint_row(7, source_ms=said, target_ms=said, lastSyncTime=said)

    snapshot = collected([row])
    (found,) = snapshot.columns.rows()

    assert (found.source_ms, found.target_ms, found.last_sync_ms) == (0, 0, 0)


@pytest.mark.parametrize(
    ("lags", "kept"),
    [
        ([5_000, 9_000], 9_000),
        ([9_000, 5_000], 9_000),
        ([-9_000, -5_000], -5_000),
        ([5_000, 9_000, 7_000], 9_000),
    ],
)
@pytest.mark.parametrize("is_one_page", [True, False])
def test_of_two_with_the_same_labels_the_larger_lag_is_kept(
    lags: list[int], kept: int, *, is_one_page: bool
) -> None:
    """Two samples of one series would cost the whole scrape; the other is counted."""
    rows = [
        checkpoint_row(n, target_ms=NOON_MS - lag, lastSyncTime=NOON_MS + n)
        for n, lag in enumerate(lags)
    ]

    snapshot = collected(rows) if is_one_page else collected(*([row] for row in rows))

    (found,) = snapshot.columns.rows()
    assert found.source_ms - found.target_ms == kept
    assert found.checkpoint_id == lags.index(kept)
    assert found.last_sync_ms == NOON_MS + found.checkpoint_id
    assert snapshot.rejected[Rejection.DUPLICATE] == len(lags) - 1


def test_rows_that_differ_in_any_label_are_no_duplicates() -> None:
    """Group, topic, and both instances tell checkpoints apart."""
    rows = [
        checkpoint_row(1),
        checkpoint_row(2, "GID_other"),
        checkpoint_row(3, topic="other"),
        checkpoint_row(4),
        checkpoint_row(5),
    ]
    rows[3]["sourceProgress"]["instanceId"] = "rmq-third"
    rows[4]["targetProgress"]["instanceId"] = "rmq-third"

    snapshot = collected(rows)

    assert list(snapshot.columns.checkpoint_ids) == [1, 2, 3, 4, 5]


def test_names_that_stay_in_place_are_shared_with_the_poll_before() -> None:
    """A hundred thousand groups are in memory once, and a new one is not mistaken."""
    names = [f"GID_{number}" for number in range(4)]
    pages = [checkpoint_row(n, name) for n, name in enumerate(names)]
    before = collected(pages)
    pages[1] = checkpoint_row(1, "GID_new")

    after = collected(pages, before=before)

    assert list(after.columns.groups) == ["GID_0", "GID_new", "GID_2", "GID_3"]
    for name in ("groups", "target_groups"):
        of_both = (getattr(found.columns, name) for found in (after, before))
        assert list(map(operator.is_, *of_both)) == [True, False, True, True]


def test_what_nobody_wants_is_counted_as_filtered() -> None:
    """By the source's names, before duplicates are looked for."""
    rows = [
        checkpoint_row(1),
        checkpoint_row(2, "GID_other"),
        checkpoint_row(3, "GID_other"),
    ]

    snapshot = collected(
        rows, accepts=lambda group, topic: group + topic < "GID_orders~"
    )

    assert list(snapshot.columns.checkpoint_ids) == [1]
    assert snapshot.rejected == {
        Rejection.MALFORMED: 0,
        Rejection.DUPLICATE: 0,
        Rejection.FILTERED: 2,
    }


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from("abcdef"),
            st.sampled_from([None, -1, 0, 1, 2]),
        ),
        max_size=30,
        unique_by=lambda row: row[0],
    ),
    st.integers(1, 12),
    st.integers(0, 7),
)
def test_what_is_collected_is_what_a_naive_reading_finds(
    said: list[tuple[int, str, int | None]], size: int, budget: int
) -> None:
    """Duplicates in a page and across pages, within the budget and beyond it."""
    rows = [
        checkpoint_row(
            n,
            group,
            source_ms=NOON_MS + (lag or 0) * 1000,
            target_ms=None if lag is None else NOON_MS,
        )
        for n, group, lag in said
    ]
    best: dict[str, float] = {}
    duplicates = 0
    for _, group, lag in said:
        rank = -math.inf if lag is None else lag * 1000
        if group not in best:
            best[group] = rank
            continue
        duplicates += 1
        if list(best).index(group) < budget:
            best[group] = max(best[group], rank)

    snapshot = collected(
        *(rows[start : start + size] for start in range(0, len(rows), size)),
        budget=budget,
    )

    assert list(snapshot.columns.groups) == list(best)[:budget]
    lags = [
        sync_lag_ms(row.source_ms, row.target_ms) for row in snapshot.columns.rows()
    ]
    assert lags == [
        None if rank == -math.inf else rank for rank in list(best.values())[:budget]
    ]
    assert snapshot.dropped == max(0, len(best) - budget)
    assert snapshot.rejected[Rejection.DUPLICATE] == duplicates
    total = rollup(times_of(snapshot.columns), Limits(), NOON_MS)
    assert sum(total.states.values()) == len(best)
    known = [rank for rank in best.values() if rank > -math.inf]
    assert total.max_lag_ms == max(known, default=None)
    assert total.lag_count == len(known)


def plan(**beside: object) -> Plan:
    """Return what a plan's row becomes."""
    row = msgspec.convert(plan_row(7, **beside), PlanRow)
    return plan_from(row, "7", "cn-hangzhou")


def item(**beside: object) -> Item:
    """Return what an item's row becomes."""
    return item_from(msgspec.convert(item_row(9, **beside), ItemRow), "7", "9")


def test_a_plan_has_its_instances_with_their_roles_in_capitals() -> None:
    """The vendor's pages spell a role in two ways."""
    assert plan() == Plan(
        plan_id="7",
        name="orders-dr",
        type="ACTIVE_PASSIVE",
        status="RUNNING",
        region="cn-hangzhou",
        is_auto_synced=True,
        instances=(Instance("rmq-source", "ACTIVE"), Instance("rmq-target", "PASSIVE")),
    )


@pytest.mark.parametrize(
    "beside",
    [
        {"planType": "ACTIVE_ACTIVE"},
        {"syncCheckpointEnabled": False},
        {"autoSyncCheckpoint": None},
        {"planType": None},
    ],
)
def test_a_plan_is_auto_synced_only_one_way_and_with_both_switches_on(
    beside: dict[str, Any],
) -> None:
    """Rules page on age only where it is; so what is unsaid does not count as on."""
    assert plan(**beside).is_auto_synced is False


def test_what_a_plan_leaves_out_is_empty() -> None:
    """Also an instance without an id, which could not be asked for."""
    bare = plan_from(PlanRow(7), "7", "cn-hangzhou")

    assert (bare.name, bare.type, bare.status, bare.instances) == ("", "", "", ())
    assert plan(instances=[{"instanceRole": "ACTIVE"}, {}]).instances == ()


def test_an_item_names_each_instance_once() -> None:
    """Two topics of one instance are two entries."""
    topics = [{"instanceId": name} for name in ("b", "a", "b", "", None)]

    assert item(topics=topics).instance_ids == ("b", "a")
    assert item(topics=None) == Item("7", "9", "RUNNING", ())


def test_labels_are_indexed_where_another_route_may_list_them_too() -> None:
    """A route that lists its own instance's checkpoints alone shares none."""
    own, foreign = checkpoint_row(1), checkpoint_row(2)
    own["sourceProgress"]["instanceId"] = ROUTE.source_instance_id

    assert collected([own]).index == {}
    assert collected([own, foreign]).index == {
        ("GID_orders", "orders", "rmq-route", "rmq-target"): 0,
        ("GID_orders", "orders", "rmq-source", "rmq-target"): 1,
    }


def test_what_is_over_the_budget_takes_hardly_any_memory() -> None:
    """`metrics.max_checkpoints` holds the memory of a poll, whatever upstream sends."""
    bodies = []
    for first in range(0, 4_000, 200):
        numbers = range(first, first + 200)
        page = page_of([checkpoint_row(n, f"GID_{n:08}") for n in numbers])
        bodies.append(json.dumps(page).encode())

    def bytes_for_each(budget: int) -> float:
        collector = CheckpointCollector(ROUTE, lambda *_: True, budget)
        tracemalloc.start()
        try:
            for body in bodies:
                collector.extend(rows_of(body))
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return held / 4_000

    assert bytes_for_each(0) < 150
    assert bytes_for_each(10_000) > 300
