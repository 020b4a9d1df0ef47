"""What the API's JSON may hold, and what of it is malformed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes import NOON_MS, checkpoint_row, item_row, page_of, plan_row
from hypothesis import given
from hypothesis import strategies as st

from exporter.cloud.wire import (
    MOST_ROWS,
    CheckpointRow,
    ItemRow,
    Page,
    PlanRow,
    page_decoder,
)

decode = page_decoder(CheckpointRow)


def page(*rows: bytes) -> bytes:
    """Return a page of rows that are bytes already."""
    return (
        b'{"success":true,"message":"\xff","data":{"totalCount":9,"pageSize":10,"list":['
        + b",".join(rows)
        + b"]}}"
    )


def rows_of(body: bytes) -> Page[CheckpointRow]:
    """Return a page's data, which is there."""
    data = decode(body)
    assert data is not None
    return data


GOOD = json.dumps(checkpoint_row(1)).encode()


@pytest.mark.parametrize(
    "bad",
    [
        b'{"checkpointId":2,"sourceProgress":{"topicName":"a\xff"}}',
        b'{"checkpointId":2,"sourceProgress":{"topicName":"\\ud83d"}}',
        b'{"checkpointId":2,"sourceProgress":{"topicName":"\\ude00\\ud83d"}}',
        b'{"checkpointId":2,"unknown":"\\ud800"}',
        b'{"checkpointId":2,"lastSyncTime":NaN}',
        b'{"checkpointId":2,"lastSyncTime":99999999999999999999999}',
        b'{"checkpointId":2,"lastSyncTime":' + b"9" * 5_000 + b"}",
        b'{"checkpointId":2,"sourceProgress":[]}',
        b'{"checkpointId":"2","sourceProgress":{"topicName":5}}',
    ],
)
def test_a_bad_row_costs_only_itself(bad: bytes) -> None:
    """The rest of the page is read, and the bad row's id is known."""
    read = rows_of(
        page(GOOD, bad, GOOD.replace(b'"checkpointId": 1', b'"checkpointId":3'))
    )

    assert [row.id for row in read.rows] == [1, 3]
    assert read.malformed == [2]
    assert (read.total, read.size) == (9, 10)


@pytest.mark.parametrize("bad", [b"null", b"[]", b'{"checkpointId":{}}', b"17"])
def test_a_bad_row_may_have_no_id(bad: bytes) -> None:
    """It is counted all the same."""
    assert rows_of(page(GOOD, bad)).malformed == [None]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{",
        b'{"data":{"totalCount":"many"}}',
        b'{"data":{"totalCount":null}}',
        b'{"data":{"totalCount":1,"list":{}}}',
    ],
)
def test_a_bad_page_has_no_data(body: bytes) -> None:
    """And no parser's error comes out, for it would quote the body."""
    assert decode(body) is None


@pytest.mark.parametrize("row", [b"0", b"{}", b'{"checkpointId":1}'])
def test_a_page_with_far_more_rows_than_may_be_asked_for_is_none(row: bytes) -> None:
    """Row by row it would hold up everything else for most of a minute."""
    assert rows_of(page(*[row] * MOST_ROWS)).count == MOST_ROWS
    assert decode(page(*[row] * (MOST_ROWS + 1))) is None


def test_a_page_that_nests_without_an_end_is_no_crash() -> None:
    """From Python 3.14 on its row is read; before, the page has no data."""
    deep = b"[" * 100_000 + b"]" * 100_000

    read = decode(page(b'{"checkpointId":2,"deep":' + deep + b"}"))

    assert read is None or [row.id for row in read.rows] == [2]


def test_numbers_around_the_rows_may_be_text() -> None:
    """The vendor's model lets a totalCount "7" pass as well."""
    body = b'{"success":"true","data":{"totalCount":"7","pageSize":"10","list":null}}'

    read = rows_of(body)

    assert (read.total, read.size, list(read.rows)) == (7, 10, [])


@pytest.mark.parametrize("size", ["-1", '"many"', "null", "1e300", "{}", "9" * 30])
@pytest.mark.parametrize("row", [GOOD, b"null"])
def test_a_page_size_without_sense_is_none(size: str, row: bytes) -> None:
    """The rows are read all the same."""
    body = page(row).replace(b'"pageSize":10', f'"pageSize":{size}'.encode())
    assert size.encode() in body

    assert (rows_of(body).size, rows_of(body).count) == (-(size != "null"), 1)


@given(
    named=st.lists(st.tuples(st.text(max_size=8), st.booleans()), max_size=8),
    is_ascii=st.booleans(),
)
def test_both_ways_to_read_a_page_agree(
    named: list[tuple[str, bool]], *, is_ascii: bool
) -> None:
    """Names of any text arrive as they were, with bad rows beside them or without."""
    good = [checkpoint_row(n, topic=name) for n, (name, _) in enumerate(named)]
    spoilt = [{**row, "lastSyncTime": "x"} for row, (_, bad) in zip(good, named) if bad]  # noqa: B905

    def read(rows: list[dict[str, object]]) -> Page[CheckpointRow]:
        body = json.dumps(page_of(rows), ensure_ascii=is_ascii)
        return rows_of(body.encode("utf-8", "surrogatepass"))

    assert list(read(good + spoilt).rows) == list(read(good).rows)
    assert len(read(good + spoilt).malformed) == len(spoilt)


def only_row(row: object) -> CheckpointRow | None:
    """Return how a page's only row is read, None if it is rejected."""
    data = decode(json.dumps(page_of([row])).encode())
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
    assert row.id == int(str(said))


@pytest.mark.parametrize("said", [-1, 2**63, 1.5, "x", "", None, True, [1]])
def test_a_row_without_a_usable_id_is_malformed(said: object) -> None:
    """It could not be known again when rows move between pages."""
    assert only_row({"checkpointId": said}) is None
    assert only_row({}) is None


def test_every_field_of_a_checkpoint_but_its_id_may_be_missing() -> None:
    """All are optional in the vendor's models."""
    assert only_row({"checkpointId": 1}) == CheckpointRow(1)
    assert only_row({"checkpointId": 1, "sourceProgress": None}) == CheckpointRow(1)


@pytest.mark.parametrize("bad", ["../1", "1/items", "-1", "1 ", "", None])
def test_an_id_of_a_plan_or_item_is_digits(bad: str | None) -> None:
    """It goes into paths as it is."""
    kinds: Any = ((PlanRow, plan_row("7"), "planId"), (ItemRow, item_row(7), "itemId"))
    for kind, row, key in kinds:
        read = page_decoder(kind)(json.dumps(page_of([row, {key: bad}])).encode())

        assert read is not None
        assert [each.id for each in read.rows] == [7]
        assert len(read.malformed) == 1
