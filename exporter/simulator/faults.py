"""When the cloud misbehaves: by the clock, by count, or by what is asked for.

It must not decide what a healthy answer says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.simulator import names
from exporter.simulator.refusals import (
    BadGatewayError,
    DroppedError,
    GatewayError,
    ServiceError,
)

if TYPE_CHECKING:
    from exporter.simulator.world import World

# No multiple of a minute, or a route polled each minute would always meet one half.
HEALTHY_SECONDS = 95.0
OUTAGE_SECONDS = 50.0

THROTTLE_PERIOD = 12
# Place in the period of twelve requests: milliseconds to wait.
THROTTLED = {4: 200, 5: 400, 6: 600}


def is_outage(world: World, now: float) -> bool:
    """Say whether ``now`` is in one of the scenario's outages; it starts healthy.

    >>> from exporter.simulator.world import World
    >>> world = World("outage", started_at=0)
    >>> [is_outage(world, second) for second in (0, 94, 95, 144, 145)]
    [False, False, True, True, False]
    """
    if world.scenario != "outage":
        return False
    return (now - world.started_at) % (
        HEALTHY_SECONDS + OUTAGE_SECONDS
    ) >= HEALTHY_SECONDS


def fail_in_outage(world: World, sequence: int, now: float) -> None:
    """Fail a request that falls into an outage, one way after the other.

    Raises:
        GatewayError: the API says it is unavailable.
        BadGatewayError: a proxy answers in its place.
        DroppedError: nobody answers.
    """
    if not is_outage(world, now):
        return
    match sequence % 3:
        case 0:
            raise GatewayError(
                503,
                "ServiceUnavailable",
                "The request has failed due to a temporary failure.",
            )
        case 1:
            raise BadGatewayError
        case _:
            raise DroppedError


def throttle(world: World, sequence: int) -> None:
    """Refuse three genuine requests in a row of every twelve.

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


def forbid(world: World, action: str, plan_id: str | None) -> None:
    """Deny the last plan's checkpoints and, of three, the items of the one before.

    Raises:
        GatewayError: the gateway denies, as where a policy names no resource.
        ServiceError: the service denies, as where a policy names resources.
    """
    if world.scenario != "forbidden" or plan_id is None:
        return
    last = names.FIRST_PLAN + world.plans - 1
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
        raise ServiceError(
            403,
            "NoPermission",
            message,
            detail=f"AuthAction: rocketmq:{action}, ImplicitDeny",
        )
