"""Odd texts that look like real ones, for test_fuzz.py."""

from __future__ import annotations

import base64
import json

from fakes import checkpoint_row, item_row, page_of, plan_row
from hypothesis import strategies as st
from paths import ROOT

CANARY = "canary-3c1d-secret"
LATEST_MS = 253_402_300_799_999
_KEEP = "surrogatepass"
_EXAMPLE = (ROOT / "docs" / "example.yaml").read_text()

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


bodies = _pages() | st.binary(max_size=80) | st.text(max_size=80).map(str.encode)


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
def configurations(draw: st.DrawFn) -> bytes:
    """Return the example with odd text in some places, odd text alone, or bytes."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=40) | _yaml.map(str.encode))
    lines = _EXAMPLE.splitlines()
    for place in draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=3)):
        key = lines[place].partition(":")[0]
        odd = draw(_yaml | _anything.map(json.dumps))
        lines[place] = draw(st.sampled_from([f"{key}: {odd}", odd, ""]))
    return "\n".join(lines).encode()


_TOKENS = (
    *(
        "text/plain",
        "application/openmetrics-text",
        "*/*",
        "text/*",
        "gzip",
        "identity",
    ),
    *("version=", "0.0.4", "1.0.0", "q=", "0", "0.5", "1", "1.001", "nan", "inf", "-1"),
    *(";", ",", "=", '"', " ", "\t", "\0", "*", "é", "\u0661", "br", "escaping="),
)
accepts = st.lists(st.sampled_from(_TOKENS), max_size=30).map("".join) | st.text()


_DATES = (
    *("Fri", ", ", "28", " Feb", " 2025", " 06:28:00", " GMT", " +9999", " -0000", ":"),
    *(" 0", "9" * 20, " 99:99:99", " Feb 2025 06:28:00 GMT", "-", "(", ")", '"', "\0"),
)
dates = st.lists(st.sampled_from(_DATES), max_size=10).map("".join) | st.text()
waits = st.integers(-(10**12), 10**12).map(str) | st.floats().map(str) | st.text()


_LOGIN = "ZGF2ZTpyaWdodA=="  # dave:right
_CREDENTIALS = (
    *("Basic", "basic", "Bearer", "Digest", " ", "  ", "\t", "\0", ",", ":", "=", "=="),
    *(
        _LOGIN,
        "ZGF2ZQ==",
        "OnJpZ2h0",
        "ZGF2ZTo=",
        "/w==",
        "-_",
        "é",
        "A" * 200,
        "\udcff",
    ),
)
_users = st.sampled_from(["dave", "Dave", "", "nobody", "dave\0"]) | st.text(max_size=5)
_passwords = (
    st.sampled_from(["right", "", ":", "right\0", "r" * 72, "r" * 73]) | st.text()
)


def _header(scheme: str, user: str, password: str) -> str:
    encoded = f"{user}:{password}".encode(errors="surrogatepass")
    return f"{scheme} {base64.b64encode(encoded).decode()}"


authorizations = st.one_of(
    st.builds(
        _header, st.sampled_from(["Basic", "bAsIc", "Bearer"]), _users, _passwords
    ),
    st.lists(st.sampled_from(_CREDENTIALS), max_size=8).map("".join),
    st.text().map("Basic {}".format),
    st.text(),
)
