"""Which rows of the API are checkpoints, and which of two is kept."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable

import pytest
from fakes import NOON_MS, Json, checkpoint_row, page_of
from hypothesis import given
from hypothesis import strategies as st
from paths import TESTDATA

from exporter.cloud.checkpoints import CheckpointCollector
from exporter.cloud.decoding import PageDecoder
from exporter.cloud.wire import CheckpointRow, Rows
from exporter.model.lag import sync_lag_ms
from exporter.model.types import Checkpoint, Rejection, Route, Snapshot, State

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
    collector = CheckpointCollector(ROUTE, lambda *_: True, 10)
    collector.take(rows_of(SAMPLE.read_bytes()))

    snapshot = asyncio.run(collector.snapshot())

    assert collector.seen == 1
    assert lags_of(snapshot) == [0]
    assert snapshot.rollup.states[State.OK] == 1
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
    assert snapshot.rollup.states[State.SOURCE_MISSING] == 1
    assert snapshot.rollup.max_lag_ms is None


def test_a_row_met_again_has_moved_and_is_no_duplicate() -> None:
    """It is the same checkpoint, whatever it says by now."""
    again = checkpoint_row(7, source_ms=NOON_MS + 60_000)

    snapshot = collected([checkpoint_row(7)], [again, checkpoint_row(8, "GID_other")])

    assert lags_of(snapshot) == [5_000, 5_000]
    assert snapshot.rejected[Rejection.DUPLICATE] == 0


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


@pytest.mark.parametrize("order", [1, -1])
def test_a_known_lag_is_kept_before_an_unknown_one(order: int) -> None:
    """Whichever came first."""
    rows = [checkpoint_row(1, target_ms=None), checkpoint_row(2, target_ms=NOON_MS + 9)]

    (found,) = collected(rows[::order]).columns.rows()

    assert found.checkpoint_id == 2


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


def test_what_nobody_wants_is_counted_as_filtered() -> None:
    """By the source's names, before duplicates are looked for."""
    rows = [
        checkpoint_row(1),
        checkpoint_row(2, "GID_other"),
        checkpoint_row(3, "GID_other"),
    ]

    snapshot = collected(
        rows, admits=lambda group, topic: group + topic < "GID_orders~"
    )

    assert list(snapshot.columns.checkpoint_ids) == [1]
    assert snapshot.rejected == {
        Rejection.MALFORMED: 0,
        Rejection.DUPLICATE: 0,
        Rejection.FILTERED: 2,
    }


def test_malformed_rows_are_counted_once_each_and_seen() -> None:
    """A row without an id cannot be known again, so each of those counts."""
    bad: Json = {"checkpointId": 3, "lastSyncTime": "soon"}
    collector = CheckpointCollector(ROUTE, lambda *_: True, 10)

    for _ in range(2):
        page = page_of([checkpoint_row(1), bad, None])
        collector.take(rows_of(json.dumps(page).encode()))

    assert collector.seen == 1 + 1 + 2
    snapshot = asyncio.run(collector.snapshot())
    assert snapshot.rejected[Rejection.MALFORMED] == 1 + 2


@pytest.mark.parametrize(("room", "kept"), [(0, 0), (2, 2), (3, 3), (9, 3)])
def test_beyond_the_room_checkpoints_are_in_the_rollup_alone(
    room: int, kept: int
) -> None:
    """They are still counted, and the worst of them still shows."""
    rows = [checkpoint_row(n, f"G{n}", target_ms=NOON_MS - n * 1_000) for n in range(3)]

    snapshot = collected(rows, room=room)

    assert list(snapshot.columns.checkpoint_ids) == list(range(kept))
    assert snapshot.dropped == 3 - kept
    assert snapshot.rollup.states[State.OK] == 3
    assert snapshot.rollup.max_lag_ms == 2_000


@given(
    st.lists(
        st.tuples(
            st.integers(0, 6), st.sampled_from("ab"), st.sampled_from([None, 0, 1, 2])
        ),
        max_size=12,
    ),
    st.integers(1, 12),
)
def test_every_row_is_a_checkpoint_or_counted(
    said: list[tuple[int, str, int | None]], size: int
) -> None:
    """However they are cut into pages: each id once, each label once, none lost."""
    rows = [checkpoint_row(n, group, source_ms=lag) for n, group, lag in said]
    pages = [rows[start : start + size] for start in range(0, len(rows), size)]

    snapshot = collected(*pages, admits=lambda group, _: group == "a")

    ids = {n for n, _, _ in said}
    assert len(snapshot) + sum(snapshot.rejected.values()) == len(ids)
    assert set(snapshot.columns.checkpoint_ids) <= ids
    assert len(snapshot) <= 1


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from("abcdef"),
            st.sampled_from([None, -1, 0, 1, 2]),
        ),
        max_size=30,
    ),
    st.integers(1, 12),
    st.integers(0, 7),
)
def test_what_is_collected_is_what_a_naive_reading_finds(
    said: list[tuple[int, str, int | None]], size: int, room: int
) -> None:
    """Duplicates in a page and across pages, with room for all of them or for none."""
    rows = [
        checkpoint_row(
            n,
            group,
            source_ms=NOON_MS + (lag or 0) * 1000,
            target_ms=None if lag is None else NOON_MS,
        )
        for n, group, lag in said
    ]
    ids: set[int] = set()
    best: dict[str, float] = {}
    duplicates = 0
    for n, group, lag in said:
        if n in ids:
            continue
        ids.add(n)
        rank = -math.inf if lag is None else lag * 1000
        if group not in best:
            best[group] = rank
            continue
        duplicates += 1
        if list(best).index(group) < room:
            best[group] = max(best[group], rank)

    snapshot = collected(
        *(rows[start : start + size] for start in range(0, len(rows), size)), room=room
    )

    assert list(snapshot.columns.groups) == list(best)[:room]
    lags = [
        sync_lag_ms(row.source_ms, row.target_ms) for row in snapshot.columns.rows()
    ]
    assert lags == [
        None if rank == -math.inf else rank for rank in list(best.values())[:room]
    ]
    assert snapshot.dropped == max(0, len(best) - room)
    assert snapshot.rejected[Rejection.DUPLICATE] == duplicates
    assert sum(snapshot.rollup.states.values()) == len(best)
    known = [rank for rank in best.values() if rank > -math.inf]
    assert snapshot.rollup.max_lag_ms == max(known, default=None)
    assert snapshot.rollup.lag_count == len(known)
