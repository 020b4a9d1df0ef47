"""The simulated cloud over HTTP, and how and when a scenario has it fail."""

import itertools
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import formatdate

from aiohttp import web
from aiohttp.typedefs import Middleware

from exporter.simulator import bodies
from exporter.simulator.bodies import DroppedError, GatewayError, Json, RefusedError
from exporter.simulator.gateway import ACCESS_KEY_PAIR, Call, Gateway
from exporter.simulator.service import Service
from exporter.simulator.world import FIRST_PLAN, World

# The status of a broken connection, for middlewares: nobody receives it.
DROPPED = 444

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


class Cloud:
    """One world behind one gateway.

    ``now`` is the cloud's clock, in Unix seconds; ``keys`` are the secrets by the ids
    of the access keys that it knows.
    """

    def __init__(
        self,
        world: World,
        now: Callable[[], float] = time.time,
        keys: Mapping[str, str] = ACCESS_KEY_PAIR,
    ) -> None:
        self.world = world
        self._now = now
        self._gateway = Gateway(keys)
        self._service = Service(world)
        self._sequence = itertools.count()

    def answer(self, target: str, headers: Mapping[str, str]) -> web.Response:
        """Answer a GET request; ``target`` is path and query, undecoded.

        Raises:
            DroppedError: the connection has to break.
        """
        sequence, now = next(self._sequence), self._now()
        request_id = f"5D0C0DE5-0000-4000-8000-{sequence:012X}"
        lowered = {name.lower(): value for name, value in headers.items()}
        response = web.Response(content_type="application/json", charset="utf-8")
        response.headers["Date"] = formatdate(now, usegmt=True)
        try:
            call = self._gateway.accept(target, lowered, now)
            response.body = bodies.success(self.data(call, sequence), request_id)
        except RefusedError as error:
            response.set_status(error.status)
            response.headers.update(error.headers)
            response.body = bodies.refusal(error, request_id)
        return response

    def data(self, call: Call, sequence: int) -> Json:
        """Return the data for an accepted call, unless the scenario has it fail."""
        if fault := FAULTS.get(self.world.scenario):
            fault(self.world, call, sequence)
        return self._service.answer(call)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer over HTTP."""
        try:
            return self.answer(request.raw_path, request.headers)
        except DroppedError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=DROPPED)


@asynccontextmanager
async def running(
    world: World,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    now: Callable[[], float] = time.time,
    ssl_context: ssl.SSLContext | None = None,
    middlewares: Sequence[Middleware] = (),
) -> AsyncIterator[str]:
    """Serve a world while the context is open, and yield the base URL.

    ``now`` is the cloud's clock, in Unix seconds.

    Raises:
        OSError: the address cannot be listened on.
    """
    app = web.Application(middlewares=middlewares)
    app.router.add_get("/{path:.*}", Cloud(world, now).handle, allow_head=False)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=ssl_context).start()
        scheme = "http" if ssl_context is None else "https"
        bound_host, bound_port = runner.addresses[0][:2]
        shown_host = f"[{bound_host}]" if ":" in bound_host else bound_host
        yield f"{scheme}://{shown_host}:{bound_port}"
    finally:
        await runner.cleanup()
