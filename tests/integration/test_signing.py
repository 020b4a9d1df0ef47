"""Signatures equal the recorded vectors, and the vendor's own for any input."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import TESTDATA

from exporter.cloud.signing import (
    Credentials,
    canonical_query,
    signed_headers,
)

VECTORS: dict[str, Any] = json.loads((TESTDATA / "sign_vectors.json").read_text())
MINIMAL = [name for name in VECTORS if name.startswith("min_")]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

texts = st.text(max_size=20)
digits = st.text("0123456789", min_size=1, max_size=12)
queries = st.dictionaries(
    st.sampled_from(["instanceId", "filter", "pageNumber", "pageSize", "topicName"]),
    texts,
)


@dataclass
class VendorRequest:
    """What the vendor's signer reads of a request."""

    pathname: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    method: str = "GET"


@pytest.fixture(scope="module")
def vendor() -> Any:
    """Return the signing functions of the vendor's SDK."""
    from alibabacloud_tea_openapi.utils import Utils  # noqa: PLC0415 - only when run

    return Utils


@settings(max_examples=200)
@given(
    plan=digits,
    params=queries,
    credentials=st.builds(
        Credentials,
        st.text("ABCDEFabcdef0123456789", min_size=1, max_size=30),
        st.text(min_size=1, max_size=40),
        st.none() | st.text(min_size=1, max_size=60),
    ),
    date=st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)),  # noqa: DTZ001 - hypothesis adds the zone
)
def test_any_request_is_signed_as_the_vendor_signs_it(
    *,
    vendor: Any,
    plan: str,
    params: dict[str, str],
    credentials: Credentials,
    date: datetime,
) -> None:
    """The official SDK, given the headers we sign, comes to our Authorization."""
    path = f"/disaster_recovery/{plan}/items"

    headers = signed_headers(
        credentials,
        host="rocketmq.cn-hangzhou.aliyuncs.com",
        path=path,
        query=canonical_query(params),
        action="ListDisasterRecoveryItems",
        date=date,
        nonce="0123456789abcdef" * 2,
    )

    ours = headers.pop("authorization")
    del headers["accept"]
    assert ours == vendor.get_authorization(
        VendorRequest(path, params, headers),
        "ACS3-HMAC-SHA256",
        headers["x-acs-content-sha256"],
        credentials.access_key_id,
        credentials.access_key_secret,
    )


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
