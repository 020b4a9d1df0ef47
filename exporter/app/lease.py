"""A lease as it stands on record, and whoever keeps it.

It decides nothing: who may lead by it is a matter of `leadership`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

NOBODY = ""


class LeaseError(Exception):
    """The lease could not be asked for, or written, this time."""


class LeaseTakenError(LeaseError):
    """Somebody else wrote the lease since it was read."""


class LeaseRefusedError(LeaseError):
    """Whoever keeps the lease refuses us, and will again; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What is on record: `holder` promised to renew it within `duration` seconds.

    The times are by the clock of whoever wrote them, and so for people alone. `version`
    names this very record: a replacement of another is refused.
    """

    holder: str
    duration: int
    acquired_at: datetime | None = None
    renewed_at: datetime | None = None
    transitions: int = 0
    version: str = field(default="", compare=False)


class Leases(Protocol):
    """Whoever keeps the lease; all of it raises LeaseError."""

    async def read(self) -> Lease | None:
        """Return what is on record, None where nothing is."""

    async def create(self, lease: Lease) -> None:
        """Put the first record down, unless there is one."""

    async def replace(self, lease: Lease) -> None:
        """Put it in the place of the record whose version it names."""

    async def rehearse(self, lease: Lease) -> None:
        """Fail where a first record or a replacement would, and write nothing.

        That there is another record, or none, is no failure.
        """
