"""The simulated cloud that an incident changes, without a socket.

A `ChangingWorld` says what is true; the faults of a `Cloud` say how it fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from yarl import URL

from exporter.simulator import server
from exporter.simulator.bodies import Json
from exporter.simulator.gateway import ACCESS_KEY_PAIR, Call, route
from exporter.simulator.motion import Progress
from exporter.simulator.world import Item, Plan, Row, World


@dataclass(frozen=True, slots=True)
class Moment:
    """How a checkpoint stands if well, and stood when the move began."""

    now: Progress
    then: Progress
    elapsed_ms: int


Move = Callable[[Moment], Progress]


def stalled(at: Moment) -> Progress:
    """No longer sync: lag and age grow by a second each second."""
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
    """Be consumed on the target alone, and no longer synced."""
    return at.now._replace(
        last_sync_ms=at.then.last_sync_ms, source_ms=at.then.source_ms
    )


def trailing(by_seconds: float, change_per_second: float) -> Move:
    """Return what syncs, and leaves a backlog that grows or shrinks from the first."""

    def move(at: Moment) -> Progress:
        backlog = round(by_seconds * 1000 + change_per_second * at.elapsed_ms)
        target = at.now.target_ms
        moved = None if target is None else target - max(backlog, 0)
        return at.now._replace(target_ms=moved)

    return move


def sparse(
    every_seconds: float, synced_after_seconds: float, stuck_after_seconds: float = 0.0
) -> Move:
    """Return what is sent one message at a time, each group at its own moments.

    A group that gets stuck has a message at that moment, and syncs no more.
    """
    every, after = round(every_seconds * 1000), round(synced_after_seconds * 1000)
    stuck_after = round(stuck_after_seconds * 1000)

    def move(at: Moment) -> Progress:
        now, began = at.now.source_fetch_ms, at.then.source_fetch_ms
        stuck_at = began + stuck_after
        phase = -stuck_at if stuck_after else began * 7919
        synced = min(now - after, stuck_at - 1) if stuck_after else now - after
        return at.now._replace(
            source_ms=now - (now + phase) % every,
            target_ms=synced - (synced + phase) % every,
        )

    return move


def restamped(at: Moment) -> Progress:
    """Be copied with a time of the target's own, three seconds later."""
    source = at.now.source_ms
    return at.now._replace(target_ms=None if source is None else source + 3000)


def reset(trailing_seconds: float) -> Move:
    """Return what consumes the last hour again, ten times as fast, and syncs nothing.

    The target stands so far behind where the source was.
    """

    def move(at: Moment) -> Progress:
        source, target = at.then.source_ms, at.then.target_ms
        assert source is not None
        assert target is not None
        assert at.now.source_ms is not None
        again = source - 3_600_000 + 10 * at.elapsed_ms
        return at.now._replace(
            source_ms=min(again, at.now.source_ms),
            target_ms=target - round(trailing_seconds * 1000),
        )

    return move


@dataclass(frozen=True, slots=True)
class Where:
    """Which checkpoints: patterns of plan id, item id and group, as in a shell."""

    plan: str = "*"
    item: str = "*"
    group: str = "*"

    def is_met(self, plan: str, item: str, group: str = "") -> bool:
        """Tell whether these are meant."""
        return (
            fnmatchcase(plan, self.plan)
            and fnmatchcase(item, self.item)
            and fnmatchcase(group, self.group)
        )


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
            for item in World.list_items(self, plan.plan_id)
            for instance in plan.instances
            for row in self._laid_out(plan.plan_id, item.item_id, instance.instance_id)
            if where.is_met(plan.plan_id, item.item_id, row.group)
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


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as aiohttp's client shows it, whole."""

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
    spoil: Callable[[Json], Json] = dict

    def is_about(self, action: str, plan_id: str, item_id: str) -> bool:
        """Tell whether it hits these calls."""
        return action.endswith(self.action) and self.where.is_met(plan_id, item_id)


class Cloud(server.Cloud):
    """One account's API, of which some calls fail; `now` is true time."""

    def __init__(self, world: World, now: Callable[[], float]) -> None:
        self.faults: list[Fault] = []
        self.keys = dict(ACCESS_KEY_PAIR)
        self.ahead_seconds = 0.0
        super().__init__(world, lambda: now() + self.ahead_seconds, self.keys)

    @asynccontextmanager
    async def get(
        self, url: URL, *, headers: Mapping[str, str], **_: object
    ) -> AsyncIterator[Answer]:
        """Answer as `aiohttp.ClientSession.get` would."""
        slow = (f.delay_seconds for f in self.faults if f.is_about(*route(url.path)))
        await asyncio.sleep(LATENCY_SECONDS + sum(slow))
        answer = self.answer(url.raw_path_qs, headers)
        assert isinstance(answer.body, bytes)
        yield Answer(answer.status, answer.headers, answer.body)

    def data(self, call: Call, sequence: int) -> Json:
        """Return the data for an accepted call, unless a fault hits it."""
        hits = [
            fault
            for fault in self.faults
            if fault.is_about(call.action, call.plan_id, call.item_id)
            and sequence % fault.every == 0
        ]
        for fault in hits:
            if fault.error is not None:
                raise fault.error()
        data = super().data(call, sequence)
        for fault in hits:
            data = fault.spoil(data)
        return data
