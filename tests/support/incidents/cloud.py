"""The simulated cloud without a socket: what aiohttp's session is to the exporter.

It must not decide what is true, a `ChangingWorld` does; its faults say how it fails.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from exporter.simulator import bodies
from exporter.simulator.actions import Service
from exporter.simulator.calls import Call, route
from exporter.simulator.gateway import ACCESS_KEY_PAIR, Gateway
from exporter.simulator.refusals import GatewayError, ServiceError
from exporter.simulator.signature import Received
from incidents.changing import ChangingWorld, Where

LATENCY_SECONDS = 0.05

Data = dict[str, Any]
Spoil = Callable[[Data], Data]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as aiohttp shows it, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Answer:
        """The body's stream."""
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield the body in one piece."""
        yield self.body


def _as_it_is(data: Data) -> Data:
    return data


@dataclass(frozen=True, slots=True)
class Fault:
    """How some calls fail: before they are answered, or in what is answered.

    One in `every` is hit; `action` is the end of its name, as in ``Checkpoints``.
    """

    where: Where
    action: str = ""
    every: int = 1
    error: Callable[[], Exception] | None = None
    delay_seconds: float = 0.0
    spoil: Spoil = _as_it_is

    def is_hit(self, call: Call, sequence: int) -> bool:
        """Tell whether a call fails."""
        return (
            call.action.endswith(self.action)
            and self.where.is_plan(call.plan_id)
            and self.where.is_item(call.item_id)
            and sequence % self.every == 0
        )


@dataclass
class Cloud:
    """One account's API; `now` is true time, in Unix seconds."""

    world: ChangingWorld
    now: Callable[[], float]
    faults: list[Fault] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=lambda: dict(ACCESS_KEY_PAIR))
    ahead_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._gateway = Gateway(keys=self.keys)
        self._service = Service(self.world)
        self._sequence = itertools.count()

    @asynccontextmanager
    async def get(
        self, url: URL, *, headers: Mapping[str, str], **_: object
    ) -> AsyncIterator[Answer]:
        """Answer as `aiohttp.ClientSession.get` would."""
        await asyncio.sleep(LATENCY_SECONDS)
        sequence = next(self._sequence)
        request_id = f"5D0C0DE5-0000-4000-8000-{sequence:012X}"
        try:
            data = await self._data(url, headers, sequence)
            answer = self._spoken(200, bodies.success(data, request_id))
        except GatewayError as error:
            body = bodies.gateway_refusal(error, request_id, url.host or "")
            answer = self._spoken(error.status, body, error.headers)
        except ServiceError as error:
            answer = self._spoken(
                error.status, bodies.service_refusal(error, request_id)
            )
        yield answer

    async def _data(self, url: URL, headers: Mapping[str, str], sequence: int) -> Data:
        now = self.now()
        call = _call(url, now)
        hit = [fault for fault in self.faults if fault.is_hit(call, sequence)]
        for fault in hit:
            await asyncio.sleep(fault.delay_seconds)
            if fault.error is not None:
                raise fault.error()
        lowered = {name.lower(): value for name, value in headers.items()}
        received = Received("GET", url.raw_path_qs, lowered)
        self._gateway.admit(received, now + self.ahead_seconds)
        data = self._service.answer(call)
        for fault in hit:
            data = fault.spoil(data)
        return data

    def _spoken(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Answer:
        date = formatdate(self.now() + self.ahead_seconds, usegmt=True)
        told = CIMultiDict({**(headers or {}), "Date": date})
        return Answer(status, told, body)


def _call(url: URL, now: float) -> Call:
    found = route(url.path)
    if found is None:
        raise GatewayError(404, "InvalidApi.NotFound", "Specified api is not found.")
    return Call(*found, url.query, now)
