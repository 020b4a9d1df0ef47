"""A keeper of one lease in memory, that a test may cut off, slow down and look into.

It must not know who may lead: only that a record is replaced by its version.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from exporter.app.lease import Lease, LeaseError, LeaseTakenError

T = TypeVar("T")


@dataclass
class Keeper:
    """The record, and how often it was written."""

    lease: Lease | None = None
    writes: int = 0
    deleted_at: float = -math.inf

    def read(self) -> Lease | None:
        """Return what is on record."""
        return self.lease

    def create(self, lease: Lease) -> None:
        """Put the first record down, unless there is one."""
        if self.lease is not None:
            raise LeaseTakenError("there is one")
        self._write(lease)

    def replace(self, lease: Lease) -> None:
        """Put it in the place of the record whose version it names."""
        if self.lease is None or lease.version != self.lease.version:
            raise LeaseTakenError("another version")
        self._write(lease)

    def delete(self, now: float) -> None:
        """Lose the record, as an administrator may have it."""
        self.lease, self.deleted_at = None, now

    def missed_for(self, now: float, seconds: float) -> float:
        """Return what is left of so many seconds since it was deleted; 0: none is."""
        return max(0, self.deleted_at + seconds - now) if self.lease is None else 0

    def _write(self, lease: Lease) -> None:
        self.writes += 1
        self.lease = replace(lease, version=str(self.writes))


@dataclass
class Line:
    """One candidate's way to the keeper: `before` and `after` are seconds it takes.

    `is_cut` fails whatever is asked. While `running` is clear, the process stands
    still: it sends nothing and hears nothing. `loses` is how many answers get lost
    after what was asked has been done.
    """

    keeper: Keeper
    before: float = 0.0
    after: float = 0.0
    is_cut: bool = False
    loses: int = 0
    running: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Run at first."""
        self.running.set()

    async def read(self) -> Lease | None:
        """Return what is on record."""
        return await self._ask(self.keeper.read)

    async def create(self, lease: Lease) -> None:
        """Put the first record down."""
        await self._ask(lambda: self.keeper.create(lease))

    async def replace(self, lease: Lease) -> None:
        """Replace the record."""
        await self._ask(lambda: self.keeper.replace(lease))

    async def rehearse(self, lease: Lease) -> None:
        """Fail where it would be written; here everybody may write."""
        await self._ask(lambda: lease)

    async def _ask(self, ask: Callable[[], T]) -> T:
        await self.running.wait()
        await asyncio.sleep(self.before)
        if self.is_cut:
            raise LeaseError("cut off")
        answer = ask()
        await asyncio.sleep(self.after)
        await self.running.wait()
        if self.loses:
            self.loses -= 1
            raise LeaseError("the answer was lost")
        return answer
