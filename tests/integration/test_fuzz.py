"""Every reader of foreign text, with odd inputs: `make fuzz` tries more of them."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from typing import Any, cast

import aiohttp
import pytest
from core_cases import ROUTE
from fuzz_inputs import (
    CANARY,
    LATEST_MS,
    accepts,
    authorizations,
    bodies,
    configurations,
    dates,
    waits,
)
from hypothesis import given
from hypothesis import strategies as st

from exporter.cloud.api_errors import Answer, data_of
from exporter.cloud.collector import CheckpointCollector
from exporter.cloud.http import Exchange
from exporter.cloud.paging import read_all
from exporter.cloud.retry import Deadline
from exporter.cloud.wire import (
    CheckpointRow,
    Decode,
    ItemRow,
    Page,
    PlanRow,
    page_decoder,
)
from exporter.config.load import ConfigurationError, load
from exporter.model.errors import CloudError
from exporter.model.types import Columns, Snapshot
from exporter.web.auth import BasicAuth
from exporter.web.negotiation import accepts_gzip, negotiate

_NOW = 1_740_724_080.0
LONGEST_PASSWORD = 72
_TIMES = ("last_sync_ms", "source_ms", "target_ms", "source_fetch_ms")


_plan_page = page_decoder(PlanRow)


@given(bodies)
def test_a_page_is_complete_or_an_error(body: bytes) -> None:
    """Its snapshot has every row or counts it as rejected."""
    answer = Answer("List", 200, {}, body)
    _data_or_error(answer, _plan_page)
    _data_or_error(answer, page_decoder(ItemRow))
    page = _data_or_error(answer, page_decoder(CheckpointRow))
    if page is not None:
        _check_collected(page)


def _data_or_error(answer: Answer, decode: Decode[Page[Any]]) -> Page[Any] | None:
    try:
        return data_of(answer, decode)
    except CloudError as error:
        _check_error(error)
        return None


def _check_error(error: CloudError) -> None:
    assert str(error).isprintable()
    assert error.remedy


def _check_collected(page: Page[CheckpointRow]) -> None:
    """Read a list whose every page is this one, and which has as many rows."""
    ids = {row.id for row in page.rows} | set(page.malformed) - {None}
    whole = replace(page, total=len(ids) + page.malformed.count(None))

    async def snapshot() -> Snapshot:
        async def fetch(_: int) -> Page[CheckpointRow]:
            return whole

        def collector() -> CheckpointCollector:
            return CheckpointCollector(ROUTE, lambda *_: True, 10_000)

        found, malformed = await read_all(fetch, collector, Deadline(9), 1)
        return found.snapshot(malformed)

    found = asyncio.run(snapshot())
    assert len(found) + sum(found.rejected.values()) == whole.total
    _check_columns(found)


def _check_columns(snapshot: Snapshot) -> None:
    columns: Columns = snapshot.columns
    labels = [
        (row.group, row.topic, row.source_instance_id, row.target_instance_id)
        for row in columns.rows()
    ]
    assert len(set(labels)) == len(labels)
    json.dumps(labels, ensure_ascii=False).encode()
    for name in _TIMES:
        assert all(0 <= millis <= LATEST_MS for millis in getattr(columns, name))


@given(st.integers(100, 599), bodies)
def test_an_answer_of_any_status_is_read_or_an_error(status: int, body: bytes) -> None:
    """The error's text can be printed, and it has a remedy."""
    _data_or_error(Answer("List", status, {}, body), _plan_page)


@given(configurations())
def test_a_configuration_is_read_or_has_faults(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    """A fault can be printed, and shows no secret."""
    file = tmp_path_factory.getbasetemp() / "exporter.yml"
    file.write_bytes(text)
    try:
        load(flags={}, environ={}, file=file)
    except ConfigurationError as error:
        _check_faults(error)


def _check_faults(error: ConfigurationError) -> None:
    assert error.faults
    assert all(map(str.isprintable, error.faults))
    assert CANARY not in f"{error} {error!r}"
    assert error.__cause__ is None


@given(accepts)
def test_any_accept_gets_a_format(header: str) -> None:
    """OpenMetrics only for a client that may ask for it."""
    fmt = negotiate(header)
    assert fmt is negotiate(f"{header},"), "an empty entry asks for nothing"
    if "*" not in header and "openmetrics" not in header.lower():
        assert not fmt.is_openmetrics


@given(accepts)
def test_gzip_is_only_for_clients_that_name_it(header: str) -> None:
    """Or that accept everything."""
    is_gzip = accepts_gzip(header)
    assert isinstance(is_gzip, bool)
    assert not is_gzip or "gzip" in header.lower() or "*" in header
    assert not accepts_gzip("gzip;q=0")


@given(authorizations)
def test_only_the_right_login_is_accepted(header: str) -> None:
    """However it is written; and no long password is hashed."""
    compared: list[bytes] = []

    def matches(password: bytes, stored: bytes) -> bool:
        compared.append(password)
        return password == b"right" and stored == b"hash"

    async def is_admitted() -> bool:
        auth = BasicAuth(matches)
        twice = [await auth.accepts(header, {"dave": "hash"}) for _ in range(2)]
        assert twice[0] is twice[1], "the cache has the answer that was computed"
        return twice[0]

    scheme, _, encoded = header.partition(" ")
    is_right = scheme.lower() == "basic" and encoded == "ZGF2ZTpyaWdodA=="
    assert asyncio.run(is_admitted()) is is_right
    assert len(compared) <= 1
    assert all(len(password) <= LONGEST_PASSWORD for password in compared)


@given(dates)
def test_any_date_gives_a_finite_skew_or_none(header: str) -> None:
    """A date that cannot be read is ignored."""
    told: list[float] = []
    session = cast(aiohttp.ClientSession, None)
    exchange = Exchange(session, 1, told.append, lambda: _NOW)
    exchange._note_clock({"Date": header})
    assert all(map(math.isfinite, told))


@given(waits, waits)
def test_any_retry_after_is_a_finite_wait_or_none(
    milliseconds: str, seconds: str
) -> None:
    """It is positive."""
    headers = {"x-acs-retry-after": milliseconds, "Retry-After": seconds}
    with pytest.raises(CloudError) as caught:
        data_of(Answer("List", 503, headers, b""), _plan_page)
    wait = caught.value.origin.retry_after
    assert wait is None or (wait > 0 and math.isfinite(wait))
