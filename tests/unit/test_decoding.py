"""How pages are read when a part of them cannot be."""

from __future__ import annotations

import contextlib
import json

import pytest
from fakes import NOON_MS, checkpoint_row, page_of
from hypothesis import given
from hypothesis import strategies as st
from leaks import everything_about
from paths import TESTDATA

from exporter.cloud.decoding import Failure, PageDecoder, failure
from exporter.cloud.wire import CheckpointRow, Rows
from exporter.model.errors import MalformedError

SAMPLE = TESTDATA / "seed_checkpoints.json"

decode = PageDecoder(CheckpointRow, "checkpointId")


def page(*rows: bytes) -> bytes:
    """Return a page of rows that are bytes already."""
    return (
        b'{"success":true,"message":"\xff","data":{"totalCount":9,"pageSize":10,"list":['
        + b",".join(rows)
        + b"]}}"
    )


def rows_of(body: bytes) -> Rows[CheckpointRow]:
    """Return a page's data, which is there."""
    data = decode(body).data
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
        b'{"checkpointId":2,"sourceProgress":[]}',
        b'{"checkpointId":"2","sourceProgress":{"topicName":5}}',
    ],
)
def test_a_bad_row_costs_only_itself(bad: bytes) -> None:
    """The rest of the page is read, and the bad row's id is known."""
    read = rows_of(
        page(GOOD, bad, GOOD.replace(b'"checkpointId": 1', b'"checkpointId":3'))
    )

    assert [row.checkpoint_id for row in read.rows] == [1, 3]
    assert read.malformed == [2]
    assert (read.total_count, read.page_size) == (9, 10)


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
        b'{"data":{"totalCount":1,"pageSize":-1,"list":[]}}',
        page(b'{"checkpointId":2,"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ],
)
def test_a_bad_page_is_malformed_and_not_quoted(body: bytes) -> None:
    """Errors of parsers hold the body; none is chained to ours."""
    with pytest.raises(MalformedError) as caught:
        decode(body)

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "totalCount" not in everything_about(caught.value)


@pytest.mark.parametrize("data", [b"null", b'{"totalCount":0,"list":[]}'])
def test_a_spoilt_word_beside_the_rows_costs_nothing(data: bytes) -> None:
    """The message is not ours to read, whatever it holds."""
    spoilt = b'{"success":false,"message":"\\ud83d","data":' + data + b"}"
    whole = spoilt.replace(b"\\ud83d", b"")

    assert decode(spoilt).success is False
    assert (decode(spoilt).data is None) == (decode(whole).data is None)


def test_numbers_around_the_rows_may_be_text() -> None:
    """The vendor's model lets a totalCount "7" pass as well."""
    body = b'{"success":"true","data":{"totalCount":"7","pageSize":"10","list":null}}'

    read = rows_of(body)

    assert (read.total_count, read.page_size, list(read.rows)) == (7, 10, [])


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

    def read(rows: list[dict[str, object]]) -> Rows[CheckpointRow]:
        body = json.dumps(page_of(rows), ensure_ascii=is_ascii)
        return rows_of(body.encode("utf-8", "surrogatepass"))

    assert list(read(good + spoilt).rows) == list(read(good).rows)
    assert len(read(good + spoilt).malformed) == len(spoilt)


def test_the_vendors_example_is_one_checkpoint() -> None:
    """Odd code, odd message, id 0: it is a success with one row."""
    (row,) = rows_of(SAMPLE.read_bytes()).rows

    assert row.checkpoint_id == 0
    assert row.last_sync_time == NOON_MS


def test_a_failure_keeps_both_spellings_apart() -> None:
    """Whoever reads it takes the first that has the shape of a code."""
    body = (
        b'{"Code":["x"],"code":"NoPermission","success":false,"httpStatusCode":"403"}'
    )

    assert failure(body) == Failure(
        success=False,
        status=403,
        codes=(["x"], "NoPermission"),
        request_ids=(None, None),
    )


@given(st.binary(max_size=60))
def test_no_body_makes_the_decoders_crash(body: bytes) -> None:
    """Any bytes are a page, an error's body, or malformed."""
    failure(body)
    with contextlib.suppress(MalformedError):
        decode(body)
