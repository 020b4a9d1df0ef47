"""Whether a request is signed as ACS3-HMAC-SHA256 asks, judged from what arrived.

It must not share a line with the exporter's own signing: two readings, one truth.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_plus

ALGORITHM = "ACS3-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

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
class Authorization:
    """What an Authorization header says."""

    access_key_id: str
    signed_headers: tuple[str, ...]
    signature: str


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came: ``target`` undecoded, header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


def parse_authorization(header: str) -> Authorization | None:
    """Take an Authorization header apart; None when it is not of this algorithm's form.

    >>> parse_authorization("Basic c2ltdWxhdG9y") is None
    True
    """
    found = _AUTHORIZATION.fullmatch(header)
    if found is None:
        return None
    return Authorization(found[1], tuple(found[2].split(";")), found[3])


def unsigned_headers(received: Received, signed: tuple[str, ...]) -> frozenset[str]:
    """Name the headers that must be signed and are not: host, and all of x-acs-*."""
    present = {name for name in received.headers if name.startswith("x-acs-")}
    return frozenset((_MUST_SIGN | present) - set(signed))


def canonical_request(received: Received, signed: tuple[str, ...]) -> str:
    """Rebuild what the client must have signed, however it spelled the request.

    >>> received = Received("GET", "/a?k=x+y%2Fz/*", {"host": "h"})
    >>> canonical_request(received, ("host",)).splitlines()[:4]
    ['GET', '/a', 'k=x%20y%2Fz%2F%2A', 'host:h']
    """
    path, _, query = received.target.partition("?")
    return "\n".join(
        (
            received.method,
            "/".join(quote(unquote(part), safe="~") for part in path.split("/")),
            _canonical_query(query),
            *(
                f"{name}:{received.headers.get(name, '').strip()}"
                for name in sorted(signed)
            ),
            "",
            ";".join(sorted(signed)),
            received.headers.get("x-acs-content-sha256", ""),
        )
    )


def string_to_sign(canonical: str) -> str:
    """Put a canonical request into the text that the key signs."""
    return f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def sign(secret: str, text: str) -> str:
    """Sign a text; the key is the secret as it is.

    >>> sign("key", "text")[:8]
    '6afa9046'
    """
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
