"""The words for numbers, states and failures. Pure; it knows nothing of HTML."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from exporter.model.errors import CloudError, Origin, Reason
from exporter.model.types import State
from exporter.polling.worst import brief

UNKNOWN = "unknown"
LONGEST_NAME = 255

REMEDIES: Mapping[Reason, str] = MappingProxyType(
    {error.reason: error.remedy for error in CloudError.__subclasses__()}
)
"""What an operator would do about a failure; one error class has each reason."""

STATES: Mapping[State, str] = MappingProxyType(
    {
        State.OK: "ok",
        State.NEVER_SYNCED: "never synced",
        State.SOURCE_MISSING: "no source time",
        State.TARGET_MISSING: "no target time",
        State.TARGET_AHEAD: "target ahead",
    }
)

_PLAN_TYPES = {"ACTIVE_PASSIVE": "one-way", "ACTIVE_ACTIVE": "two-way"}


def duration(value: float | None) -> str:
    """Return seconds in their two largest units.

    >>> duration(12.5), duration(5025.0), duration(-90_061.0), duration(None)
    ('12.5s', '1h 23m', '-1d 1h', 'unknown')
    """
    return UNKNOWN if value is None else brief(value)


def ago(then: float | None, now: float) -> str:
    """Return how long before `now` something was; both are Unix seconds.

    >>> ago(100.0, 103.4), ago(100.0, 100.4), ago(None, 103.4)
    ('3s ago', 'just now', 'never')
    """
    if then is None:
        return "never"
    past = float(int(now - then))
    return f"{duration(past)} ago" if past > 0 else "just now"


def many(count: int, one: str, more: str | None = None) -> str:
    """Return a number with its noun.

    >>> many(1, "route"), many(1200, "route"), many(0, "is", "are")
    ('1 route', '1,200 routes', '0 are')
    """
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def name(text: str) -> str:
    """Return a name from upstream; what is longer than the API allows is cut.

    >>> name("GID_orders"), len(name("x" * 9999))
    ('GID_orders', 256)
    """
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"


def plan_type(text: str) -> str:
    """Return what a plan's type means; another is said as the API says it."""
    return _PLAN_TYPES.get(text, name(text))


def remedy(reason: Reason, origin: Origin) -> str:
    """Return what an operator would do; for a refused call it names the RAM action.

    >>> remedy(Reason.PERMISSION, Origin(action="ListDisasterRecoveryPlans"))
    'grant the RAM action rocketmq:ListDisasterRecoveryPlans'
    """
    if reason is Reason.PERMISSION and origin.action:
        return f"grant the RAM action rocketmq:{origin.action}"
    return REMEDIES[reason]


def evidence(origin: Origin) -> str:
    """Return what the API said, for whoever has to ask its support; empty if nothing.

    >>> evidence(Origin("ListDisasterRecoveryPlans", "NoPermission", 403, "8C3A"))
    'ListDisasterRecoveryPlans: HTTP 403, NoPermission, request 8C3A'
    """
    said = (
        f"HTTP {origin.status}" if origin.status else "",
        name(origin.code or ""),
        f"request {name(origin.request_id)}" if origin.request_id else "",
    )
    words = ", ".join(filter(None, said))
    return ": ".join(filter(None, (origin.action, words)))
