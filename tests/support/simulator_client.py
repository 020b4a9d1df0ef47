"""A signed client of the simulated cloud, for tests that speak to it over a socket.

It must not retry or judge: a test sees each answer as it came.
"""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
import yarl
from simulator_truth import START

from exporter.simulator.calls import route
from exporter.simulator.server import running
from exporter.simulator.signature import (
    EMPTY_SHA256,
    Received,
    canonical_request,
    sign,
    string_to_sign,
)
from exporter.simulator.stats import Stats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from exporter.simulator.world import World


class Clock:
    """A time that stands until a test moves it."""

    def __init__(self, seconds: float = START) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        """Tell the time, in Unix seconds."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, undecided."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The gateway's or the service's error code."""
        body = self.json
        return str(body["Code"] if "Code" in body else body["code"])

    @property
    def rows(self) -> list[Any]:
        """The list of a successful page."""
        listed: list[Any] = self.json["data"]["list"]
        return listed


@dataclass(frozen=True, slots=True)
class Signing:
    """How a request is signed, for tests that sign it wrongly."""

    access_key_id: str = "simulator"
    secret: str = "simulator"
    signed_at: float | None = None
    leave_unsigned: str = ""


class SignedClient:
    """Ask one simulated cloud; each request has a new nonce unless a test gives one."""

    def __init__(self, session: aiohttp.ClientSession, url: str, clock: Clock) -> None:
        self._session = session
        self._url = url
        self._clock = clock
        self._nonces = itertools.count()

    async def ask(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        signing: Signing = Signing(),
    ) -> Answer:
        """Send one request; ``headers`` replace the right ones and are signed."""
        pairs = (query or {}).items()
        text = "&".join(f"{key}={quote(value, safe='~')}" for key, value in pairs)
        target = f"{path}?{text}" if text else path
        sent = self._headers(path, signing) | dict(headers or {})
        names = tuple(
            sorted(
                name
                for name in sent
                if name.startswith(("host", "x-acs-"))
                and name != signing.leave_unsigned
            )
        )
        canonical = canonical_request(Received(method, target, sent), names)
        sent.setdefault(
            "authorization",
            f"ACS3-HMAC-SHA256 Credential={signing.access_key_id},"
            f"SignedHeaders={';'.join(names)},"
            f"Signature={sign(signing.secret, string_to_sign(canonical))}",
        )
        url = yarl.URL(self._url + target, encoded=True)
        async with self._session.request(method, url, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())

    async def checkpoints(
        self, plan: int, item: int, instance: str, **query: str
    ) -> Answer:
        """Ask for the checkpoints of a route; plan 0, item 0 is the first."""
        path = f"/disaster_recovery/{1300000016 + plan}/items/{100070284 + item}"
        query = {"instanceId": instance, "pageSize": "100", **query}
        return await self.ask(f"{path}/checkpoints", query)

    def _headers(self, path: str, signing: Signing) -> dict[str, str]:
        found = route(path)
        at = self._clock() if signing.signed_at is None else signing.signed_at
        return {
            "host": urlsplit(self._url).netloc,
            "accept": "application/json",
            "x-acs-action": found[0] if found else "ListDisasterRecoveryPlans",
            "x-acs-version": "2022-08-01",
            "x-acs-content-sha256": EMPTY_SHA256,
            "x-acs-date": datetime.fromtimestamp(at, UTC).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            ),
            "x-acs-signature-nonce": f"nonce-{next(self._nonces)}",
        }


@asynccontextmanager
async def serving(
    world: World,
    *,
    clock: Clock | None = None,
    stats: Stats | None = None,
    latency_seconds: float = 0.0,
) -> AsyncIterator[SignedClient]:
    """Serve a world on a free port, and yield a client of it."""
    clock = Clock() if clock is None else clock
    async with (
        running(world, now=clock, stats=stats, latency_seconds=latency_seconds) as url,
        aiohttp.ClientSession() as session,
    ):
        yield SignedClient(session, url, clock)
