"""Whether the cloud lets a request in: version, key, clock, nonce and signature.

It shares no line with the exporter's own signing: two readings of one specification.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import quote, unquote, unquote_plus

from exporter.simulator.faults import GatewayError

ACCESS_KEY_ID = "simulator"
ACCESS_KEY_PAIR: Mapping[str, str] = MappingProxyType({ACCESS_KEY_ID: "simulator"})
API_VERSION = "2022-08-01"
ALGORITHM = "ACS3-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
VALID_SECONDS = 15 * 60

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),"
    r"\s*Signature=([0-9a-f]{64})"
)
_MUST_SIGN = frozenset(
    {
        "host",
        "x-acs-action",
        "x-acs-content-sha256",
        "x-acs-date",
        "x-acs-signature-nonce",
        "x-acs-version",
    }
)


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came: ``target`` undecoded, header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


class Gateway:
    """Judge requests, and remember their nonces as long as a replay could be valid.

    ``keys`` are the secrets by the ids of the access keys.
    """

    def __init__(self, keys: Mapping[str, str] = ACCESS_KEY_PAIR) -> None:
        self._keys = keys
        self._expiry_by_nonce: OrderedDict[str, float] = OrderedDict()

    def admit(self, received: Received, now: float) -> None:
        """Return when the request is genuine and fresh.

        Raises:
            GatewayError: it is not, with the vendor's code for why.
        """
        headers = received.headers
        if headers.get("x-acs-version") != API_VERSION:
            message = "Specified parameter Version is not valid."
            raise GatewayError(400, "InvalidVersion", message)
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None:
            message = "The request signature does not conform to Aliyun standards."
            raise GatewayError(400, "IncompleteSignature", message)
        key_id, signed, signature = found.groups()
        if key_id not in self._keys:
            message = "Specified access key is not found."
            raise GatewayError(404, "InvalidAccessKeyId.NotFound", message)
        _check_clock(headers.get("x-acs-date", ""), now)
        names = tuple(signed.split(";"))
        _check_signature(received, names, self._keys[key_id], signature)
        self._check_nonce(headers["x-acs-signature-nonce"], now)

    def _check_nonce(self, nonce: str, now: float) -> None:
        nonces = self._expiry_by_nonce
        while nonces and next(iter(nonces.values())) < now:
            nonces.popitem(last=False)
        if nonce in nonces:
            message = "Specified signature nonce was used already."
            raise GatewayError(400, "SignatureNonceUsed", message)
        # A date up to 15 min ahead is valid as well, so a replay is for twice as long.
        nonces[nonce] = now + 2 * VALID_SECONDS


def _check_clock(date: str, now: float) -> None:
    try:
        signed_at = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        message = "Specified time stamp or date value is not well formatted."
        raise GatewayError(400, "InvalidTimeStamp.Format", message) from None
    if abs(signed_at.timestamp() - now) > VALID_SECONDS:
        message = "Specified time stamp or date value is expired."
        raise GatewayError(400, "InvalidTimeStamp.Expired", message)


def _check_signature(
    received: Received, signed: tuple[str, ...], secret: str, signature: str
) -> None:
    """Refuse what is not signed as asked: host and all x-acs-* headers must be."""
    present = {name for name in received.headers if name.startswith("x-acs-")}
    missing = (_MUST_SIGN | present) - set(signed)
    if missing:
        message = f"Headers are not signed: {', '.join(sorted(missing))}."
        raise GatewayError(400, "IncompleteSignature", message)
    canonical = canonical_request(received, signed)
    text = string_to_sign(canonical)
    has_right_hash = received.headers.get("x-acs-content-sha256") == EMPTY_SHA256
    if has_right_hash and hmac.compare_digest(sign(secret, text), signature):
        return
    raise GatewayError(
        400,
        "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation. "
        f"server string to sign is:{text}, server canonical request is:{canonical}",
    )


def canonical_request(received: Received, signed: tuple[str, ...]) -> str:
    """Rebuild what the client must have signed, however it spelled the request.

    >>> received = Received("GET", "/a?k=x+y%2Fz/*", {"host": "h"})
    >>> canonical_request(received, ("host",)).splitlines()[:4]
    ['GET', '/a', 'k=x%20y%2Fz%2F%2A', 'host:h']
    """
    path, _, query = received.target.partition("?")
    names = sorted(signed)
    return "\n".join(
        (
            received.method,
            "/".join(quote(unquote(part), safe="~") for part in path.split("/")),
            _canonical_query(query),
            *(f"{name}:{received.headers.get(name, '').strip()}" for name in names),
            "",
            ";".join(names),
            received.headers.get("x-acs-content-sha256", ""),
        )
    )


def string_to_sign(canonical: str) -> str:
    """Put a canonical request into the text that the key signs."""
    return f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def sign(secret: str, text: str) -> str:
    """Sign a text; the key is the secret as it is."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = (part.partition("=") for part in query.split("&"))
    return "&".join(
        f"{quote(key, safe='~')}={quote(value, safe='~')}"
        for key, value in sorted(
            (unquote_plus(key), unquote_plus(value)) for key, _, value in pairs
        )
    )
