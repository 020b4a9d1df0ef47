"""The simulated cloud as tests read it: its truth, and a client that signs."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
import yarl
from recording import Stats

from exporter.simulator.gateway import (
    EMPTY_SHA256,
    canonical_request,
    route,
    sign,
)
from exporter.simulator.motion import Progress
from exporter.simulator.server import running
from exporter.simulator.world import Item, Plan, Row, World

START = 1_740_724_080.0


class Seen(NamedTuple):
    """A checkpoint as it is listed at a moment."""

    plan: Plan
    item: Item
    row: Row
    at: Progress

    @property
    def lag(self) -> float | None:
        """Seconds between source and target; None where one is unknown."""
        if self.at.source_ms is None or self.at.target_ms is None:
            return None
        return (self.at.source_ms - self.at.target_ms) / 1000


def listed(world: World, now: float) -> Iterator[Seen]:
    """Yield the checkpoints of each route, those twice that two routes list."""
    for plan in world.list_plans():
        for item in world.list_items(plan.plan_id):
            for instance in plan.instances:
                ids = plan.plan_id, item.item_id, instance.instance_id
                for row in world.list_rows(*ids, now):
                    yield Seen(plan, item, row, world.progress(row, now))


def everything(world: World, now: float) -> list[Seen]:
    """List every checkpoint once."""
    return list({seen.row.checkpoint_id: seen for seen in listed(world, now)}.values())


class Clock:
    """A time that stands until a test moves it."""

    def __init__(self, seconds: float = START) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        """Tell the time, in Unix seconds."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

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
        found: list[Any] = self.json["data"]["list"]
        return found


@dataclass(frozen=True, slots=True)
class Signing:
    """How a request is signed, for tests that sign it wrongly."""

    access_key_id: str = "simulator"
    secret: str = "simulator"
    signed_at: float | None = None
    leave_unsigned: str = ""


@dataclass
class SignedClient:
    """Ask one simulated cloud; each request has a new nonce unless a test gives one."""

    session: aiohttp.ClientSession
    url: str
    clock: Clock

    def __post_init__(self) -> None:
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
        must_sign = {name for name in sent if name.startswith(("host", "x-acs-"))}
        names = sorted(must_sign - {signing.leave_unsigned})
        canonical = canonical_request(method, target, sent, names)
        sent.setdefault(
            "authorization",
            f"ACS3-HMAC-SHA256 Credential={signing.access_key_id},"
            f"SignedHeaders={';'.join(names)},"
            f"Signature={sign(signing.secret, canonical)}",
        )
        url = yarl.URL(self.url + target, encoded=True)
        async with self.session.request(method, url, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())

    async def checkpoints(
        self, plan: int, item: int, instance: str, **query: str
    ) -> Answer:
        """Ask for the checkpoints of a route; plan 0, item 0 is the first."""
        path = f"/disaster_recovery/{1300000016 + plan}/items/{100070284 + item}"
        query = {"instanceId": instance, "pageSize": "100", **query}
        return await self.ask(f"{path}/checkpoints", query)

    def _headers(self, path: str, signing: Signing) -> dict[str, str]:
        at = self.clock() if signing.signed_at is None else signing.signed_at
        date = datetime.fromtimestamp(at, UTC)
        return {
            "host": urlsplit(self.url).netloc,
            "accept": "application/json",
            "x-acs-action": route(path)[0] or "ListDisasterRecoveryPlans",
            "x-acs-version": "2022-08-01",
            "x-acs-content-sha256": EMPTY_SHA256,
            "x-acs-date": date.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": f"nonce-{next(self._nonces)}",
        }


@asynccontextmanager
async def serving(
    world: World, *, clock: Clock | None = None, stats: Stats | None = None
) -> AsyncIterator[SignedClient]:
    """Serve a world on a free port, and yield a client of it."""
    clock, stats = clock or Clock(), stats or Stats()
    async with (
        running(world, now=clock, middlewares=stats.middlewares) as url,
        aiohttp.ClientSession() as session,
    ):
        yield SignedClient(session, url, clock)
