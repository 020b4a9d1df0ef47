"""The simulated cloud that an incident changes, without a socket.

A `ChangingWorld` says what is true; the faults of a `Cloud` say how it fails.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from fnmatch import fnmatchcase
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from exporter.simulator import bodies
from exporter.simulator.faults import GatewayError, RefusedError
from exporter.simulator.gateway import ACCESS_KEY_PAIR, Gateway, Received
from exporter.simulator.motion import Progress
from exporter.simulator.service import Call, Service, route
from exporter.simulator.world import Item, Plan, Row, World


@dataclass(frozen=True, slots=True)
class Moment:
    """How a checkpoint stands if well, and stood when the move began."""

    now: Progress
    then: Progress
    elapsed_ms: int


Move = Callable[[Moment], Progress]


def stalled(at: Moment) -> Progress:
    """Sync no more: lag and age grow by a second each second."""
    return at.now._replace(
        last_sync_ms=at.then.last_sync_ms, target_ms=at.then.target_ms
    )


def idle(at: Moment) -> Progress:
    """Consume nothing more, for nothing is sent; what there is stays in sync."""
    return at.now._replace(source_ms=at.then.target_ms, target_ms=at.then.target_ms)


def never_synced(at: Moment) -> Progress:
    """Be a group that was never synced."""
    return at.now._replace(last_sync_ms=None, target_ms=None)


def target_missing(at: Moment) -> Progress:
    """Be synced, though nothing is known of the target."""
    return at.now._replace(target_ms=None)


def failed_over(at: Moment) -> Progress:
    """Be consumed on the target alone, and synced no more."""
    return at.now._replace(
        last_sync_ms=at.then.last_sync_ms, source_ms=at.then.source_ms
    )


def by_hand(at: Moment) -> Progress:
    """Sync no more, while the target's own consumers keep up."""
    return at.now._replace(last_sync_ms=at.then.last_sync_ms)


def trailing(by_seconds: float, change_per_second: float) -> Move:
    """Return what syncs, and leaves a backlog that grows or shrinks from the first."""

    def move(at: Moment) -> Progress:
        backlog = round(by_seconds * 1000 + change_per_second * at.elapsed_ms)
        target = at.now.target_ms
        moved = None if target is None else target - max(backlog, 0)
        return at.now._replace(target_ms=moved)

    return move


@dataclass(frozen=True, slots=True)
class Where:
    """Which checkpoints: patterns of plan id, item id and group, as in a shell."""

    plan: str = "*"
    item: str = "*"
    group: str = "*"

    def is_plan(self, plan_id: str) -> bool:
        """Tell whether the plan is meant."""
        return fnmatchcase(plan_id, self.plan)

    def is_item(self, item_id: str) -> bool:
        """Tell whether the item is meant."""
        return fnmatchcase(item_id, self.item)


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that took hold of a checkpoint."""

    move: Move
    since: float


@dataclass
class Changes:
    """What is otherwise than the world was laid out; ids are unique among all kinds."""

    moved: dict[str, Moved] = field(default_factory=dict)
    edited: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    called: dict[str, str] = field(default_factory=dict)
    two_way: set[str] = field(default_factory=set)

    def edit(self, identity: str, fields: dict[str, Any]) -> None:
        """Have a plan or an item say this from now on."""
        self.edited[identity] = self.edited.get(identity, {}) | fields


@dataclass(frozen=True)
class ChangingWorld(World):
    """A world under `changes`; equal in all else, it is laid out the same."""

    changes: Changes = field(default_factory=Changes, compare=False, repr=False)

    def list_plans(self) -> tuple[Plan, ...]:
        """List the plans as they are changed."""
        twins = zip(super().list_plans(), self._two_way().list_plans(), strict=True)
        plans = (
            two_way if one_way.plan_id in self.changes.two_way else one_way
            for one_way, two_way in twins
        )
        return tuple(
            replace(plan, **self.changes.edited.get(plan.plan_id, {}))
            for plan in plans
            if plan.plan_id not in self.changes.gone
        )

    def list_items(self, plan_id: str) -> tuple[Item, ...]:
        """List the items of a plan as they are changed."""
        return tuple(
            replace(item, **self.changes.edited.get(item.item_id, {}))
            for item in super().list_items(plan_id)
            if item.item_id not in self.changes.gone
        )

    def list_rows(
        self, plan_id: str, item_id: str, instance_id: str, now: float
    ) -> tuple[Row, ...]:
        """List what is left on a route, by the names that groups have now."""
        return tuple(
            row._replace(group=self.changes.called.get(row.group, row.group))
            for row in self._laid_out(plan_id, item_id, instance_id)
            if row.checkpoint_id not in self.changes.gone
        )

    def progress(self, row: Row, now: float) -> Progress:
        """Say how far a row is, or would be without a move that took hold of it."""
        well = super().progress(row, now)
        moved = self.changes.moved.get(row.checkpoint_id)
        if moved is None:
            return well
        then = super().progress(row, moved.since)
        return moved.move(Moment(well, then, round((now - moved.since) * 1000)))

    def select(self, where: Where) -> list[str]:
        """Return the ids of checkpoints, gone ones included."""
        return [
            row.checkpoint_id
            for plan in World.list_plans(self)
            if where.is_plan(plan.plan_id)
            for item in World.list_items(self, plan.plan_id)
            if where.is_item(item.item_id)
            for instance in plan.instances
            for row in self._laid_out(plan.plan_id, item.item_id, instance.instance_id)
            if fnmatchcase(row.group, where.group)
        ]

    def _two_way(self) -> World:
        return World(
            "two_way", self.plans, self.items, self.groups, self.seed, self.started_at
        )

    def _laid_out(self, plan_id: str, item_id: str, instance: str) -> tuple[Row, ...]:
        now = self.started_at
        if plan_id in self.changes.two_way:
            return self._two_way().list_rows(plan_id, item_id, instance, now)
        return super().list_rows(plan_id, item_id, instance, now)


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
        except RefusedError as error:
            body = bodies.refusal(error, request_id, url.host or "")
            answer = self._spoken(error.status, body, error.headers)
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
