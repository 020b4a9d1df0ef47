"""Signatures equal the recorded vectors, and the vendor's own for any input."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import TESTDATA
from yarl import URL

from exporter.cloud.signing import (
    Credentials,
    authorization,
    canonical_query,
    signed_headers,
)

VECTORS: dict[str, Any] = json.loads((TESTDATA / "sign_vectors.json").read_text())
MINIMAL = [name for name in VECTORS if name.startswith("min_")]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

texts = st.text(max_size=20)
queries = st.dictionaries(
    st.sampled_from(["instanceId", "filter", "pageNumber", "pageSize", "topicName"]),
    texts,
)


@pytest.mark.parametrize("name", VECTORS)
def test_authorization_equals_the_recorded_one(name: str) -> None:
    """Whatever headers are given, all are signed as the vendor's SDK signed them."""
    vector = VECTORS[name]

    signature = authorization(
        credentials_of(vector),
        path=vector["path"],
        query=canonical_query(vector["query"]),
        headers=vector["headers"],
    )

    assert signature == vector["authorization"]


@pytest.mark.parametrize("name", MINIMAL)
def test_our_headers_are_the_minimal_set(name: str) -> None:
    """What is sent: the recorded minimal set, its signature, an unsigned accept."""
    vector = VECTORS[name]
    sent = vector["headers"]

    headers = signed_headers(
        credentials_of(vector),
        host=sent["host"],
        path=vector["path"],
        query=canonical_query(vector["query"]),
        action=sent["x-acs-action"],
        date=datetime.fromisoformat(sent["x-acs-date"]),
        nonce=sent["x-acs-signature-nonce"],
    )

    assert headers == sent | {
        "accept": "application/json",
        "authorization": vector["authorization"],
    }


def test_headers_are_signed_as_they_arrive() -> None:
    """A server sees names in any case and values without the space around them."""
    signed = [
        authorization(Credentials("id", "secret"), path="/", query="", headers=headers)
        for headers in ({"x-acs-date": "today"}, {"X-Acs-Date": " today\t"})
    ]

    assert signed[0] == signed[1]


@given(queries)
def test_a_query_reaches_the_server_as_it_was_signed(params: dict[str, str]) -> None:
    """A URL leaves the encoded string alone, and decodes to the parameters."""
    query = canonical_query(params)

    url = URL(f"http://localhost/disaster_recovery?{query}", encoded=True)

    assert url.raw_query_string == query
    assert dict(url.query) == params


def test_a_date_is_sent_in_utc() -> None:
    """The clock of another zone tells the same instant."""
    shanghai = NOON.astimezone(timezone(timedelta(hours=8)))

    assert headers_at(shanghai) == headers_at(NOON)
    assert headers_at(NOON)["x-acs-date"] == "2026-01-01T12:00:00Z"


def test_a_date_without_a_zone_is_refused() -> None:
    """Taking it as local time would sign hours off, and read as a wrong clock."""
    with pytest.raises(ValueError, match="time zone"):
        headers_at(NOON.replace(tzinfo=None))


def test_neither_repr_nor_str_shows_a_secret() -> None:
    """A key in a log or a traceback is told by its provider alone."""
    credentials = Credentials("KEY-ID", "KEY-SECRET", "KEY-TOKEN", "ecs_ram_role")

    assert repr(credentials) == "Credentials(provider='ecs_ram_role')"
    assert str([credentials]) == "[Credentials(provider='ecs_ram_role')]"


def credentials_of(vector: Mapping[str, Any]) -> Credentials:
    """Return the key of a vector, with the token if it has one."""
    key = Credentials(vector["access_key_id"], vector["access_key_secret"])
    return replace(key, security_token=vector["headers"].get("x-acs-security-token"))


def headers_at(date: datetime) -> dict[str, str]:
    """Return the headers of one and the same request, signed at some time."""
    return signed_headers(
        Credentials("id", "secret"),
        host="localhost",
        path="/disaster_recovery",
        query="",
        action="ListDisasterRecoveryPlans",
        date=date,
        nonce="0" * 32,
    )
