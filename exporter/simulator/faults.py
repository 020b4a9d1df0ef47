"""How and when a scenario has the cloud fail: one function each, of its name."""

from collections.abc import Callable, Mapping

from exporter.simulator.bodies import DroppedError, GatewayError
from exporter.simulator.gateway import Call
from exporter.simulator.world import FIRST_PLAN, World

# No multiple of a minute, or a route polled each minute would always meet one half.
HEALTHY_SECONDS = 95.0
OUTAGE_SECONDS = 50.0

THROTTLE_PERIOD = 12
# Place in the period of twelve requests: milliseconds to wait.
THROTTLED = {4: 200, 5: 400, 6: 600}

Fault = Callable[[World, Call, int], None]
"""Raises if this call must fail; the number counts the requests to this cloud."""


def outage(world: World, call: Call, sequence: int) -> None:
    """Take turns: 95 s of health, then 50 s of broken connections and HTTP 503."""
    elapsed = (call.now - world.started_at) % (HEALTHY_SECONDS + OUTAGE_SECONDS)
    if elapsed < HEALTHY_SECONDS:
        return
    if sequence % 2:
        raise DroppedError
    message = "The request has failed due to a temporary failure."
    raise GatewayError(503, "ServiceUnavailable", message)


def throttled(_: World, __: Call, sequence: int) -> None:
    """Refuse three requests in a row of every twelve."""
    wait_ms = THROTTLED.get(sequence % THROTTLE_PERIOD)
    if wait_ms is None:
        return
    raise GatewayError(
        400,
        "Throttling.User",
        "Request was denied due to user flow control.",
        headers={"x-acs-retry-after": str(wait_ms)},
    )


def forbidden(world: World, call: Call, _: int) -> None:
    """Deny the checkpoints of the last plan."""
    is_denied = call.action == "ListDisasterRecoveryCheckpoints"
    if not is_denied or int(call.plan_id) != FIRST_PLAN + world.plans - 1:
        return
    detail = {
        "AuthAction": f"rocketmq:{call.action}",
        "AuthPrincipalType": "SubUser",
        "NoPermissionType": "ImplicitDeny",
        "PolicyType": "AccountLevelIdentityBasedPolicy",
    }
    message = "You are not authorized to perform this action."
    raise GatewayError(403, "NoPermission", message, detail=detail)


FAULTS: Mapping[str, Fault] = {
    fault.__name__: fault for fault in (outage, throttled, forbidden)
}
