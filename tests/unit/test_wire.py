"""What the fields of the API may hold, and what a row with other things in it is."""

from __future__ import annotations

import json

import pytest
from fakes import NOON_MS, checkpoint_row, item_row, page_of, plan_row

from exporter.cloud.decoding import ObjectDecoder, PageDecoder
from exporter.cloud.wire import CheckpointRow, ItemRow, PlanRow

decode = PageDecoder(CheckpointRow, "checkpointId")


def only_row(row: object) -> CheckpointRow | None:
    """Return how a page's only row is read, None if it is rejected."""
    data = decode(json.dumps(page_of([row])).encode()).data
    assert data is not None
    assert len(data.rows) + len(data.malformed) == 1
    return data.rows[0] if data.rows else None


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (NOON_MS, NOON_MS),
        (str(NOON_MS), NOON_MS),
        (float(NOON_MS), NOON_MS),
        (None, None),
        (0, 0),
        (-1, -1),
        (-(10**30), -(10**30)),
        (253_402_300_799_999, 253_402_300_799_999),
    ],
)
def test_a_time_may_be_a_number_or_its_text(said: object, read: int | None) -> None:
    """The models call it a Long; a year above 9999 or a word is refused below."""
    row = only_row(checkpoint_row(1, lastSyncTime=said, source_ms=said))

    assert row is not None
    assert row.last_sync_time == read
    assert row.source_progress is not None
    assert row.source_progress.progress_data is not None
    assert row.source_progress.progress_data.consume_timestamp == read


@pytest.mark.parametrize(
    "said", [253_402_300_800_000, 10**30, 1e300, 1.5, "", "soon", True, [], {}]
)
def test_what_is_no_time_makes_a_row_malformed(said: object) -> None:
    """Whatever it stands for, it must not be shown as a lag."""
    assert only_row(checkpoint_row(1, lastSyncTime=said)) is None
    assert only_row(checkpoint_row(1, target_ms=said)) is None


@pytest.mark.parametrize("said", [0, 7, "7", 2**63 - 1])
def test_an_id_may_be_a_number_or_its_text(said: object) -> None:
    """0 is the id of the vendor's own example."""
    row = only_row({"checkpointId": said})

    assert row is not None
    assert row.checkpoint_id == int(str(said))


@pytest.mark.parametrize("said", [-1, 2**63, 1.5, "x", "", None, True, [1]])
def test_a_row_without_a_usable_id_is_malformed(said: object) -> None:
    """It could not be known again when rows move between pages."""
    assert only_row({"checkpointId": said}) is None
    assert only_row({}) is None


@pytest.mark.parametrize(
    "row", [None, 5, "text", [], {"checkpointId": 1, "sourceProgress": "x"}]
)
def test_a_row_of_another_shape_is_malformed(row: object) -> None:
    """And not an error."""
    assert only_row(row) is None


def test_every_field_of_a_checkpoint_but_its_id_may_be_missing() -> None:
    """All are optional in the vendor's models."""
    assert only_row({"checkpointId": 1}) == CheckpointRow(1)
    assert only_row({"checkpointId": 1, "sourceProgress": None}) == CheckpointRow(1)


def test_a_plans_passwords_are_not_read() -> None:
    """They have no field, so no repr, log or dump of a row can show them."""
    body = json.dumps({"success": True, "data": plan_row("1300000016")}).encode()

    plan = ObjectDecoder(PlanRow)(body).data

    assert plan is not None
    assert plan.plan_id == 1_300_000_016
    assert "pw" not in repr(plan)


def test_an_id_of_a_plan_or_item_is_digits() -> None:
    """It goes into paths as it is."""
    plans, items = PageDecoder(PlanRow, "planId"), PageDecoder(ItemRow, "itemId")
    bad = ("../1", "1/items", "-1", "1 ", "", None)

    good_plans = plans(json.dumps(page_of([plan_row("7"), *map(named, bad)])).encode())
    good_items = items(json.dumps(page_of([item_row(8), *map(named, bad)])).encode())

    assert good_plans.data is not None
    assert good_items.data is not None
    assert [row.plan_id for row in good_plans.data.rows] == [7]
    assert [row.item_id for row in good_items.data.rows] == [8]
    assert len(good_items.data.malformed) == len(bad)


def named(row_id: str | None) -> dict[str, str | None]:
    """Return a row that has only an id, whichever it is looked for."""
    return {"planId": row_id, "itemId": row_id}
