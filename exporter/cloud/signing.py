"""Answer which headers make the API accept a GET: ACS3-HMAC-SHA256, pure functions."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

API_VERSION: Final = "2022-08-01"
ALGORITHM: Final = "ACS3-HMAC-SHA256"
EMPTY_BODY_SHA256: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Credentials:
    """One access key, with its security token when it is a temporary one.

    `provider` says where it came from, and is all that repr shows.
    """

    access_key_id: str = field(repr=False)
    access_key_secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)
    provider: str = "static"


def canonical_query(params: Mapping[str, str]) -> str:
    """Return the query string that is signed and, unchanged, sent.

    Send it with `yarl.URL(..., encoded=True)`: any re-quoting would part the two.
    """
    return "&".join(
        f"{quote(name, safe='~')}={quote(params[name], safe='~')}"
        for name in sorted(params)
    )


def signed_headers(
    credentials: Credentials,
    *,
    host: str,
    path: str,
    query: str,
    action: str,
    date: datetime,
    nonce: str,
) -> dict[str, str]:
    """Return all headers of one GET without a body, `authorization` among them.

    `host` is what the Host header says, with the port unless it is the default one;
    `query` comes from `canonical_query`. Date and nonce must be new for each attempt.

    Raises:
        ValueError: `date` has no time zone.
    """
    if date.tzinfo is None:
        raise ValueError("a signature needs a date with a time zone")
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": EMPTY_BODY_SHA256,
        "x-acs-date": date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": API_VERSION,
    }
    if credentials.security_token is not None:
        headers["x-acs-accesskey-id"] = credentials.access_key_id
        headers["x-acs-security-token"] = credentials.security_token
    signature = authorization(credentials, path=path, query=query, headers=headers)
    # The documented minimum is host and x-acs-*; accept goes unsigned, so that a proxy
    # that rewrites it breaks nothing. Without it the gateway may answer XML.
    return headers | {"accept": "application/json", "authorization": signature}


def authorization(
    credentials: Credentials, *, path: str, query: str, headers: Mapping[str, str]
) -> str:
    """Return the Authorization of a GET without a body that signs every given header.

    `path` is signed as it stands, so it must be percent-encoded already.
    """
    values = {name.lower(): value.strip() for name, value in headers.items()}
    names = ";".join(sorted(values))
    lines = "".join(f"{name}:{values[name]}\n" for name in sorted(values))
    request = f"GET\n{path}\n{query}\n{lines}\n{names}\n{EMPTY_BODY_SHA256}"
    text = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = credentials.access_key_secret.encode()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return (
        f"{ALGORITHM} Credential={credentials.access_key_id},"
        f"SignedHeaders={names},Signature={signature}"
    )
