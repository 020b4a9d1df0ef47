"""Whether the simulated cloud reads signatures as the vendor writes them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import TESTDATA

from exporter.simulator.signature import (
    Received,
    canonical_request,
    parse_authorization,
    sign,
    string_to_sign,
    unsigned_headers,
)

VECTORS: dict[str, Any] = json.loads((TESTDATA / "sign_vectors.json").read_text())


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_of_the_vendor_is_verified(name: str) -> None:
    """Canonical form and signature come out as the vendor's own code has them."""
    vector = VECTORS[name]
    authorization = parse_authorization(vector["authorization"])
    query = urlencode(vector["query"])
    target = vector["path"] + ("?" + query if query else "")
    received = Received(vector["method"], target, vector["headers"])

    assert authorization is not None
    canonical = canonical_request(received, authorization.signed_headers)

    assert canonical == vector["canonical_request"]
    assert authorization.access_key_id == vector["access_key_id"]
    secret = vector["access_key_secret"]
    assert sign(secret, string_to_sign(canonical)) == authorization.signature
    assert not unsigned_headers(received, authorization.signed_headers)


@given(value=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@settings(deadline=None)
def test_the_spelling_on_the_wire_does_not_matter(value: str) -> None:
    """Form encoding, percent encoding and the SDK's mixture mean the same query."""
    percent = quote(value, safe="~")
    spellings = (
        percent,
        urlencode({"": value})[1:],
        percent.replace("%2F", "/").replace("%2A", "*").replace("%20", "+"),
    )

    canonical = {
        canonical_request(Received("GET", f"/p?filter={spelling}&a=1", {}), ("host",))
        for spelling in spellings
    }

    assert len(canonical) == 1
    assert f"\na=1&filter={percent}\n" in canonical.pop()


def test_every_acs_header_and_host_must_be_signed() -> None:
    """A token that travels unsigned could be exchanged by anybody."""
    headers = {"host": "h", "accept": "a", "x-acs-security-token": "t"}

    missing = unsigned_headers(Received("GET", "/", headers), ("host", "x-acs-date"))

    assert missing == {
        "x-acs-action",
        "x-acs-content-sha256",
        "x-acs-security-token",
        "x-acs-signature-nonce",
        "x-acs-version",
    }


@pytest.mark.parametrize(
    "header",
    [
        "",
        "ACS3-HMAC-SHA256",
        "acs simulator:c2lnbmF0dXJl",
        "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=short",
        "ACS3-HMAC-SM3 Credential=a,SignedHeaders=host,Signature=" + "0" * 64,
    ],
)
def test_an_authorization_of_another_form_is_none(header: str) -> None:
    """What is not of this algorithm is not guessed at."""
    assert parse_authorization(header) is None
