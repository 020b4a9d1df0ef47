"""What is fuzzed: for each reader of foreign text, its inputs and what must hold.

A check fails by raising; what an input comes to is otherwise nobody's business.
"""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import aiohttp
from core_cases import ROUTE
from fakes import checkpoint_row, item_row, page_of, plan_row
from hypothesis import strategies as st

from exporter.cloud.answers import Answer, data_of
from exporter.cloud.checkpoints import CheckpointCollector
from exporter.cloud.decoding import PageDecoder
from exporter.cloud.exchange import Exchange
from exporter.cloud.faults import retry_after, xml_code
from exporter.cloud.wire import CheckpointRow, ItemRow, PlanRow, Rows
from exporter.errors import CloudError
from exporter.model import Columns, Snapshot
from exporter.settings import ConfigurationError, load
from exporter.web.negotiation import accepts_gzip, negotiate

CANARY = "canary-3c1d-secret"
LATEST_MS = 253_402_300_799_999
_NOW = 1_740_724_080.0
_TIMES = ("last_sync_ms", "source_ms", "target_ms", "source_fetch_ms")
_EXAMPLE = (Path(__file__).parents[1] / "docs" / "example.yaml").read_text()


@dataclass(frozen=True, slots=True)
class Target:
    """A reader of foreign text: any of `inputs` must pass `check`."""

    name: str
    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]


_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "1", "-1", "1e3", "\ud800", "\0", "9" * 400, LATEST_MS + 1])
)
_anything = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["checkpointId", "list", "data", "pageSize", "x"]), inner
        )
    ),
    max_leaves=6,
)
_rows = st.one_of(
    st.builds(
        checkpoint_row,
        st.integers(0, 5),
        st.sampled_from(["a", "b", "", "\n", '"\\']),
        source_ms=st.integers(0, 9) | _anything,
        target_ms=st.integers(0, 9) | _anything,
    ),
    st.builds(plan_row, st.integers(0, 5), instances=_anything),
    st.builds(item_row, st.integers(0, 5), topics=_anything),
    _anything,
)


@st.composite
def _pages(draw: st.DrawFn) -> bytes:
    """Return a page with odd rows, one of its parts replaced, and its bytes damaged."""
    page = page_of(draw(st.lists(_rows, max_size=6)))
    part = draw(st.sampled_from(["", "data", "success", "list", "totalCount"]))
    if part in page:
        page[part] = draw(_anything)
    elif part:
        page["data"][part] = draw(_anything)
    body = bytearray(json.dumps(page, ensure_ascii=draw(st.booleans())), "utf-8", _KEEP)
    for place in draw(st.lists(st.integers(0, len(body) - 1), max_size=2)):
        body[place] = draw(st.integers(0, 255))
    cut = draw(st.none() | st.integers(0, len(body)))
    return bytes(body[:cut])


_KEEP = "surrogatepass"
_bodies = _pages() | st.binary(max_size=80) | st.text(max_size=80).map(str.encode)


def _check_page(body: bytes) -> None:
    answer = Answer("List", 200, {}, body)
    for kind, id_name in ((PlanRow, "planId"), (ItemRow, "itemId")):
        decode: PageDecoder[Any] = PageDecoder(kind, id_name)
        _data_or_error(answer, decode)
    rows = _data_or_error(answer, PageDecoder(CheckpointRow, "checkpointId"))
    if rows is not None:
        _check_collected(rows)


def _data_or_error(answer: Answer, decode: PageDecoder[Any]) -> Rows[Any] | None:
    try:
        return data_of(answer, decode)
    except CloudError as error:
        assert str(error).isprintable()
        assert error.remedy
        return None


def _check_collected(rows: Rows[CheckpointRow]) -> None:
    """Collect a page twice: it must come to what once comes to."""
    collector = CheckpointCollector(ROUTE, lambda *_: True)
    collector.take(rows)
    seen = collector.seen
    named = Rows(0, None, rows.rows, [each for each in rows.malformed if each is not None])
    collector.take(named)
    assert collector.seen == seen <= len(rows.rows) + len(rows.malformed)
    snapshot = asyncio.run(collector.snapshot(10_000))
    assert len(snapshot) + sum(snapshot.rejected.values()) == seen
    _check_columns(snapshot)


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


def _check_error(case: tuple[int, bytes]) -> None:
    status, body = case
    _data_or_error(Answer("List", status, {}, body), PageDecoder(PlanRow, "planId"))
    code = xml_code(body)
    assert code is None or code.isprintable()


_PIECES = (
    *("\n", "\n  ", "\n    ", "\n- ", ": ", ", ", "[", "]", "{", "}", "- ", "#", "'"),
    *('"', "&a ", "*a", "<<: *a", "!!python/object:os.system ", "!!binary ", "? ", "|"),
    *("---\n", "...\n", "\t", "\0", "\ufeff", "2001-99-99", "1e999", ".nan", "0x", "~"),
    *("api", "poll", "plans", "web", "groups", "objectives", "shard", "metrics", "log"),
    *("id", "interval", "include", "region", "endpoint", "lag", "listen_address", "5m"),
    *("access_key_secret", "(?P<a", "(a+)+$", "http://", "[::1]:80", ":99999", CANARY),
)
_yaml = st.lists(st.sampled_from(_PIECES), max_size=25).map("".join)


@st.composite
def _configurations(draw: st.DrawFn) -> bytes:
    """Return the example with odd text in some places, odd text alone, or bytes."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=40) | _yaml.map(str.encode))
    lines = _EXAMPLE.splitlines()
    for place in draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=3)):
        key = lines[place].partition(":")[0]
        odd = draw(_yaml | _anything.map(json.dumps))
        lines[place] = draw(st.sampled_from([f"{key}: {odd}", odd, ""]))
    return "\n".join(lines).encode()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _check_configuration(text: bytes) -> None:
    file = Path(_folder().name) / "exporter.yml"
    file.write_bytes(text)
    try:
        load(flags={}, environ={}, file=file)
    except ConfigurationError as error:
        assert error.faults
        assert all(map(str.isprintable, error.faults))
        assert CANARY not in f"{error} {error!r}"
        assert error.__cause__ is None


_TOKENS = (
    *("text/plain", "application/openmetrics-text", "*/*", "text/*", "gzip", "identity"),
    *("version=", "0.0.4", "1.0.0", "q=", "0", "0.5", "1", "1.001", "nan", "inf", "-1"),
    *(";", ",", "=", '"', " ", "\t", "\0", "*", "é", "\u0661", "br", "escaping="),
)
_accepts = st.lists(st.sampled_from(_TOKENS), max_size=30).map("".join) | st.text()


def _check_accept(header: str) -> None:
    fmt = negotiate(header)
    assert fmt is negotiate(f"{header},"), "an empty entry asks for nothing"
    if "*" not in header and "openmetrics" not in header.lower():
        assert not fmt.is_openmetrics


def _check_accept_encoding(header: str) -> None:
    is_gzip = accepts_gzip(header)
    assert isinstance(is_gzip, bool)
    assert not is_gzip or "gzip" in header.lower() or "*" in header
    assert not accepts_gzip("gzip;q=0")


_DATES = (
    *("Fri", ", ", "28", " Feb", " 2025", " 06:28:00", " GMT", " +9999", " -0000", ":"),
    *(" 0", "9" * 20, " 99:99:99", " Feb 2025 06:28:00 GMT", "-", "(", ")", '"', "\0"),
)
_dates = st.lists(st.sampled_from(_DATES), max_size=10).map("".join) | st.text()
_waits = st.integers(-(10**12), 10**12).map(str) | st.floats().map(str) | st.text()


def _check_date(header: str) -> None:
    told: list[float] = []
    session = cast(aiohttp.ClientSession, None)
    exchange = Exchange(
        session, timeout=1, on_clock_skew=told.append, wall=lambda: _NOW
    )
    exchange._note_clock({"Date": header})
    assert all(map(math.isfinite, told))


def _check_wait(case: tuple[str, str]) -> None:
    milliseconds, seconds = case
    wait = retry_after({"x-acs-retry-after": milliseconds, "Retry-After": seconds})
    assert wait is None or 0 < wait < 10**9


TARGETS = (
    Target("pages", _bodies, _check_page),
    Target("errors", st.tuples(st.integers(100, 599), _bodies), _check_error),
    Target("configuration", _configurations(), _check_configuration),
    Target("Accept", _accepts, _check_accept),
    Target("Accept-Encoding", _accepts, _check_accept_encoding),
    Target("Date", _dates, _check_date),
    Target("Retry-After", st.tuples(_waits, _waits), _check_wait),
)
