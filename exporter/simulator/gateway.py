"""Whether the cloud lets a request in: version, key, clock, nonce and signature.

It must not know plans or checkpoints, nor show the secret it compares with.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from exporter.simulator.refusals import GatewayError
from exporter.simulator.signature import (
    EMPTY_SHA256,
    Authorization,
    Received,
    canonical_request,
    parse_authorization,
    sign,
    string_to_sign,
    unsigned_headers,
)

ACCESS_KEY_ID = "simulator"
ACCESS_KEY_PAIR: Mapping[str, str] = MappingProxyType({ACCESS_KEY_ID: "simulator"})
API_VERSION = "2022-08-01"
VALID_SECONDS = 15 * 60
NONCES_KEPT = 100_000


class Gateway:
    """Judge requests, and remember their nonces as long as a replay could be valid."""

    def __init__(
        self,
        nonces_kept: int = NONCES_KEPT,
        keys: Mapping[str, str] = ACCESS_KEY_PAIR,
    ) -> None:
        self._nonces_kept = nonces_kept
        self._keys = keys
        self._expiry_by_nonce: OrderedDict[str, float] = OrderedDict()

    def admit(self, received: Received, now: float) -> None:
        """Return when the request is genuine and fresh.

        Raises:
            GatewayError: it is not, with the vendor's code for why.
        """
        if received.headers.get("x-acs-version") != API_VERSION:
            raise GatewayError(
                400, "InvalidVersion", "Specified parameter Version is not valid."
            )
        authorization = parse_authorization(received.headers.get("authorization", ""))
        if authorization is None:
            raise GatewayError(
                400,
                "IncompleteSignature",
                "The request signature does not conform to Aliyun standards.",
            )
        secret = self._keys.get(authorization.access_key_id)
        if secret is None:
            raise GatewayError(
                404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."
            )
        _check_clock(received.headers.get("x-acs-date", ""), now)
        _check_signature(received, authorization, secret)
        self._check_nonce(received.headers["x-acs-signature-nonce"], now)

    def _check_nonce(self, nonce: str, now: float) -> None:
        nonces = self._expiry_by_nonce
        while nonces and next(iter(nonces.values())) < now:
            nonces.popitem(last=False)
        if nonce in nonces:
            raise GatewayError(
                400, "SignatureNonceUsed", "Specified signature nonce was used already."
            )
        if len(nonces) >= self._nonces_kept:
            nonces.popitem(last=False)
        # A date up to 15 min ahead is valid as well, so a replay is for twice as long.
        nonces[nonce] = now + 2 * VALID_SECONDS


def _check_clock(date: str, now: float) -> None:
    try:
        signed_at = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise GatewayError(
            400,
            "InvalidTimeStamp.Format",
            "Specified time stamp or date value is not well formatted.",
        ) from None
    if abs(signed_at.timestamp() - now) > VALID_SECONDS:
        raise GatewayError(
            400,
            "InvalidTimeStamp.Expired",
            "Specified time stamp or date value is expired.",
        )


def _check_signature(
    received: Received, authorization: Authorization, secret: str
) -> None:
    missing = unsigned_headers(received, authorization.signed_headers)
    if missing:
        raise GatewayError(
            400,
            "IncompleteSignature",
            f"Headers are not signed: {', '.join(sorted(missing))}.",
        )
    canonical = canonical_request(received, authorization.signed_headers)
    expected = sign(secret, string_to_sign(canonical))
    has_right_hash = received.headers.get("x-acs-content-sha256") == EMPTY_SHA256
    if has_right_hash and hmac.compare_digest(expected, authorization.signature):
        return
    raise GatewayError(
        400,
        "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation. "
        f"server string to sign is:{string_to_sign(canonical)}, "
        f"server canonical request is:{canonical}",
    )
