"""How and when the cloud says no: by the gateway, by the service, or by silence."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from exporter.simulator.world import FIRST_PLAN, World

# No multiple of a minute, or a route polled each minute would always meet one half.
HEALTHY_SECONDS = 95.0
OUTAGE_SECONDS = 50.0

THROTTLE_PERIOD = 12
# Place in the period of twelve requests: milliseconds to wait.
THROTTLED = {4: 200, 5: 400, 6: 600}

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class RefusedError(Exception):
    """The cloud refuses; ``detail`` says what RAM denies."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        detail: Mapping[str, str] | str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = headers


class GatewayError(RefusedError):
    """The gateway refuses, in PascalCase, before the service has seen the request."""


class ServiceError(RefusedError):
    """The service refuses, in camelCase."""


class BadGatewayError(Exception):
    """Something in front of the gateway answers with an HTML page."""


class DroppedError(Exception):
    """The connection breaks without an answer."""


def fail_in_outage(world: World, sequence: int, now: float) -> None:
    """Fail a request in an outage of ``outage``, each in one of three ways.

    The scenario starts healthy.

    Raises:
        GatewayError: the API says it is unavailable.
        BadGatewayError: a proxy answers in its place.
        DroppedError: nobody answers.
    """
    elapsed = (now - world.started_at) % (HEALTHY_SECONDS + OUTAGE_SECONDS)
    if world.scenario != "outage" or elapsed < HEALTHY_SECONDS:
        return
    match sequence % 3:
        case 0:
            message = "The request has failed due to a temporary failure."
            raise GatewayError(503, "ServiceUnavailable", message)
        case 1:
            raise BadGatewayError
        case _:
            raise DroppedError


def throttle(world: World, sequence: int) -> None:
    """Refuse three genuine requests in a row of every twelve, in ``throttled``.

    Raises:
        GatewayError: this one is of the three.
    """
    wait_ms = THROTTLED.get(sequence % THROTTLE_PERIOD)
    if world.scenario != "throttled" or wait_ms is None:
        return
    raise GatewayError(
        400,
        "Throttling.User",
        "Request was denied due to user flow control.",
        headers={"x-acs-retry-after": str(wait_ms)},
    )


def forbid(world: World, action: str, plan_id: str) -> None:
    """Deny the last plan's checkpoints and, of three, the items of the one before.

    Only ``forbidden`` denies.

    Raises:
        GatewayError: the gateway denies, as where a policy names no resource.
        ServiceError: the service denies, as where a policy names resources.
    """
    if world.scenario != "forbidden":
        return
    last = FIRST_PLAN + world.plans - 1
    message = "You are not authorized to perform this action."
    if (action, plan_id) == ("ListDisasterRecoveryCheckpoints", str(last)):
        detail = {
            "AuthAction": f"rocketmq:{action}",
            "AuthPrincipalType": "SubUser",
            "NoPermissionType": "ImplicitDeny",
            "PolicyType": "AccountLevelIdentityBasedPolicy",
        }
        raise GatewayError(403, "NoPermission", message, detail=detail)
    has_third = world.plans > 2  # noqa: PLR2004 - so that two plans are still found
    if has_third and (action, plan_id) == ("ListDisasterRecoveryItems", str(last - 1)):
        text = f"AuthAction: rocketmq:{action}, ImplicitDeny"
        raise ServiceError(403, "NoPermission", message, detail=text)
