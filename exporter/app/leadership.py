"""Which of several exporters polls: the one that holds a lease, and has to renew it.

It knows no Kubernetes and stops nothing by itself but the work that it is given.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Never

import structlog

from exporter.app.lease import (
    NOBODY,
    Lease,
    LeaseError,
    LeaseRefusedError,
    Leases,
    LeaseTakenError,
)

log = structlog.get_logger(__name__)

# Whoever says stop meanwhile has to be heard within seconds, be the lease ever so long.
START_SECONDS = 3.0
RESIGN_SECONDS = 1.0
RESIGN_PAUSE_SECONDS = 0.1
WATCH_SECONDS = 0.5
# Whoever held it may lead on until it notices, so it is believed as a holder's is.
DELETED = Lease("deleted", 0)


def steady() -> float:
    """Return seconds that pass also while the machine sleeps, where it can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Elector:
    """One candidate; `identity` is no other's.

    `duration` is for how many seconds others have to believe in a lease that they see
    no renewal of. `clock` is steady. `on_change` hears whether it leads, `on_follow`
    that another is seen to.
    """

    def __init__(
        self,
        leases: Leases,
        identity: str,
        *,
        duration: int,
        clock: Callable[[], float] = steady,
        on_change: Callable[[bool], None] = lambda _: None,
        on_follow: Callable[[], None] = lambda: None,
    ) -> None:
        self._leases = leases
        self.identity = identity
        self._duration = duration
        self._clock = clock
        self._on_change = on_change
        self._on_follow = on_follow
        self._retry = duration / 5
        self._attempt_within = duration * 0.3
        # What is left of the duration is for clocks of unequal speed.
        self._lead_within = duration * 0.7
        self._leads_until = -math.inf
        self._observed: Lease | None = None
        self._believed_until = -math.inf
        self._may_hold = False
        self._won = asyncio.Event()
        self._term: asyncio.Timeout | None = None
        self._term_until = -math.inf
        self._failure: str | None = None
        self._followed = NOBODY

    def is_leader(self) -> bool:
        """Return whether nobody else can lead at this moment, as far as clocks go."""
        return self._clock() < self._leads_until

    async def start(self) -> None:
        """Look at the lease for the first time, and take it if it is free.

        Raises:
            LeaseRefusedError: it may not be read or written; waiting will not help.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                # Who may not write has to know it now, not when it must.
                await self._leases.rehearse(self._mine(await self._leases.read()))
                await self._attempt()
        except LeaseRefusedError:
            raise
        except (LeaseError, TimeoutError):
            pass  # `run` tells of it, if it lasts

    async def run(self) -> Never:
        """Take the lease when it is free, and renew it, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            while True:
                started = self._clock()
                await self._try()
                await asyncio.sleep(self._pause(started))

    async def while_leading(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait until it leads, and do the work until it ends or leading does.

        The work is cancelled before another may lead.
        """
        while not self.is_leader():
            self._won.clear()
            await self._won.wait()
        self._on_change(True)  # noqa: FBT003 - a callback
        log.info("leading", identity=self.identity)
        try:
            async with asyncio.timeout(None) as term:
                self._term = term
                self._extend()
                await work()
        except TimeoutError:
            if not term.expired():
                raise
            # The timer may be ahead of our clock by a hair, which is no time to lead.
            if self._leads_until == self._term_until:
                self._leads_until = -math.inf
            log.warning("not_leading", identity=self.identity)
        finally:
            self._term = None
            self._on_change(False)  # noqa: FBT003 - a callback

    async def resign(self) -> None:
        """Give the lease back, so that another need not wait; no work may be left."""
        self._leads_until = -math.inf
        if not self._may_hold:
            return
        error: Exception | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESIGN_SECONDS):
                while True:
                    # Also what is taken: a renewal of ours, that was under way, is.
                    try:
                        await self._give_back()
                    except LeaseError as failure:
                        error = failure
                    else:
                        return
                    await asyncio.sleep(RESIGN_PAUSE_SECONDS)
        log.warning("lease_not_given_back", error=str(error or "no answer"))

    async def _give_back(self) -> None:
        lease = await self._leases.read()
        if lease is None or lease.holder != self.identity:
            return
        free = replace(lease, holder=NOBODY, duration=1, renewed_at=datetime.now(UTC))
        await self._leases.replace(free)

    async def _watch(self) -> Never:
        """End the term by our clock: timers stand still while the machine sleeps."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self._extend()

    async def _try(self) -> None:
        """Take or renew the lease if that is allowed; tell of a failure once."""
        try:
            async with asyncio.timeout(self._attempt_within):
                await self._attempt()
        except LeaseTakenError:
            failure = None
        except (LeaseError, TimeoutError) as error:
            failure = str(error) or f"no answer within {self._attempt_within:g} s"
        else:
            failure = None
        if failure is not None and failure != self._failure:
            log.warning("lease_failed", error=failure)
        elif failure is None and self._failure is not None:
            log.info("lease_recovered")
        self._failure = failure

    async def _attempt(self) -> None:
        lease = await self._leases.read()
        if lease is None:
            if self._observed is not None and not self.is_leader():
                self._observe(DELETED)
            if not self._is_another_believed():
                await self._take(self._leases.create, None)
            return
        self._observe(lease)
        if lease.holder not in {NOBODY, self.identity}:
            self._lose()
        if not self._is_another_believed():
            await self._take(self._leases.replace, lease)

    def _is_another_believed(self) -> bool:
        """Return whether the last record that was seen is another's, and still good."""
        seen = self._observed
        is_another = seen is not None and seen.holder not in {NOBODY, self.identity}
        return is_another and self._clock() < self._believed_until

    def _observe(self, lease: Lease) -> None:
        """Note when a record was first seen: its times are by other clocks."""
        if lease == self._observed:
            return
        before, self._observed = self._observed, lease
        self._believed_until = self._clock() + (lease.duration or self._duration)
        if before is None or lease.holder in {NOBODY, self.identity}:
            return
        if lease is DELETED:
            log.warning("lease_deleted")
            return
        # One that is seen to renew lives: a first sight may be of one long dead.
        if self._followed != lease.holder:
            log.info("following", leader=lease.holder)
            self._followed = lease.holder
        self._on_follow()

    async def _take(
        self, write: Callable[[Lease], Awaitable[None]], before: Lease | None
    ) -> None:
        # From before it is written: nobody can have seen it earlier.
        started = self._clock()
        # Also where no answer comes: what was asked may be done nevertheless.
        self._may_hold = True
        await write(self._mine(before))
        self._leads_until = started + self._lead_within
        self._extend()
        self._won.set()

    def _mine(self, before: Lease | None) -> Lease:
        now = datetime.now(UTC)
        lease = Lease(self.identity, self._duration, now, now)
        if before is None:
            return lease
        is_another = before.holder != self.identity
        return replace(
            lease,
            acquired_at=now if is_another else before.acquired_at,
            transitions=before.transitions + is_another,
            version=before.version,
        )

    def _extend(self) -> None:
        """Let the work go on until leading ends; what was cancelled stays so."""
        if self._term is not None and not self._term.expired():
            self._term_until = self._leads_until
            left = self._term_until - self._clock()
            self._term.reschedule(asyncio.get_running_loop().time() + left)

    def _lose(self) -> None:
        self._leads_until = -math.inf
        self._extend()

    def _pause(self, started: float) -> float:
        """Return for how long to wait: until a lease runs out, if that is sooner."""
        due = started + self._retry
        now = self._clock()
        if not self.is_leader() and self._believed_until > now:
            due = min(due, self._believed_until)
        return max(0.0, due - now)
