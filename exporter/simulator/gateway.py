"""Which requests the cloud accepts: version, key, clock, nonce, signature, path.

It shares no line with the exporter's own signing: two readings of one specification.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote

from exporter.simulator.bodies import GatewayError

ACCESS_KEY_ID = "simulator"
ACCESS_KEY_PAIR: Mapping[str, str] = {ACCESS_KEY_ID: "simulator"}
API_VERSION = "2022-08-01"
ALGORITHM = "ACS3-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
VALID_SECONDS = 15 * 60

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),"
    r"\s*Signature=([0-9a-f]{64})"
)
_MUST_SIGN = {"host"} | {
    f"x-acs-{name}"
    for name in ("action", "content-sha256", "date", "signature-nonce", "version")
}
_PATH = re.compile(
    "/disaster_recovery(?:/(?P<plan>[0-9]{1,18})"
    "(?:(?P<items>/items)(?:/(?P<item>[0-9]{1,18})"
    "(?P<checkpoints>/checkpoints)?)?)?)?"
)
# By the last part of the path.
_ACTIONS = {
    None: "ListDisasterRecoveryPlans",
    "plan": "GetDisasterRecoveryPlan",
    "items": "ListDisasterRecoveryItems",
    "item": "GetDisasterRecoveryItem",
    "checkpoints": "ListDisasterRecoveryCheckpoints",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was accepted: which action, on what, when."""

    action: str
    plan_id: str
    item_id: str
    query: Mapping[str, str]
    now: float


class Gateway:
    """Judge GET requests; nonces are remembered as long as a replay could be valid.

    ``keys`` are the secrets by the ids of the access keys.
    """

    def __init__(self, keys: Mapping[str, str] = ACCESS_KEY_PAIR) -> None:
        self._keys = keys
        self._expiry_by_nonce: dict[str, float] = {}

    def accept(self, target: str, headers: Mapping[str, str], now: float) -> Call:
        """Return the call of a request that is genuine and fresh.

        ``target`` is undecoded, and the names of ``headers`` are in lower case.

        Raises:
            GatewayError: it is not, or there is no such call.
        """
        if headers.get("x-acs-version") != API_VERSION:
            raise GatewayError(400, "InvalidVersion")
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None:
            raise GatewayError(400, "IncompleteSignature")
        key_id, signed, signature = found.groups()
        if key_id not in self._keys:
            raise GatewayError(404, "InvalidAccessKeyId.NotFound")
        _check_clock(headers.get("x-acs-date", ""), now)
        names = signed.split(";")
        _check_signature(target, headers, names, self._keys[key_id], signature)
        self._check_nonce(headers["x-acs-signature-nonce"], now)
        path, _, query = target.partition("?")
        action, plan_id, item_id = route(path)
        if action != headers["x-acs-action"]:
            raise GatewayError(404, "InvalidApi.NotFound")
        pairs = dict(parse_qsl(query, keep_blank_values=True))
        return Call(action, plan_id, item_id, pairs, now)

    def _check_nonce(self, nonce: str, now: float) -> None:
        nonces = self._expiry_by_nonce
        while nonces and nonces[oldest := next(iter(nonces))] < now:
            del nonces[oldest]
        if nonce in nonces:
            raise GatewayError(400, "SignatureNonceUsed")
        # A date up to 15 min ahead is valid as well, so a replay is for twice as long.
        nonces[nonce] = now + 2 * VALID_SECONDS


def route(path: str) -> tuple[str, str, str]:
    """Find the action, plan id and item id of a path; what it has not is empty."""
    found = _PATH.fullmatch(path)
    if found is None:
        return "", "", ""
    return _ACTIONS[found.lastgroup], found["plan"] or "", found["item"] or ""


def _check_clock(date: str, now: float) -> None:
    try:
        signed_at = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise GatewayError(400, "InvalidTimeStamp.Format") from None
    if abs(signed_at.timestamp() - now) > VALID_SECONDS:
        raise GatewayError(400, "InvalidTimeStamp.Expired")


def _check_signature(
    target: str,
    headers: Mapping[str, str],
    signed: list[str],
    secret: str,
    signature: str,
) -> None:
    """Refuse what is not signed as asked: host and all x-acs-* headers must be."""
    present = {name for name in headers if name.startswith("x-acs-")}
    if not (_MUST_SIGN | present).issubset(signed):
        raise GatewayError(400, "IncompleteSignature")
    canonical = canonical_request("GET", target, headers, signed)
    has_right_hash = headers.get("x-acs-content-sha256") == EMPTY_SHA256
    if not has_right_hash or not hmac.compare_digest(
        sign(secret, canonical), signature
    ):
        message = f"The signature does not match. Canonical request: {canonical}"
        raise GatewayError(400, "SignatureDoesNotMatch", message)


def canonical_request(
    method: str, target: str, headers: Mapping[str, str], signed: list[str]
) -> str:
    """Rebuild what the client must have signed, however it spelled the request."""
    path, _, query = target.partition("?")
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    names = sorted(signed)
    return "\n".join(
        (
            method,
            quote(unquote(path)),
            "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in pairs),
            *(f"{name}:{headers.get(name, '').strip()}" for name in names),
            "",
            ";".join(names),
            headers.get("x-acs-content-sha256", ""),
        )
    )


def sign(secret: str, canonical: str) -> str:
    """Sign a canonical request; the key is the secret as it is."""
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
