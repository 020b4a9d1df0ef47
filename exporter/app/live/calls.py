"""How the calls of one region went, each as a verdict.

It chooses no call; `region` does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

import structlog

from exporter.app.live.verdicts import Outcome, Verdict, failure, named
from exporter.model.errors import CloudError, Reason, capture_error

T = TypeVar("T")

NO_IDS: Mapping[str, str] = MappingProxyType({})
# What one call of a region meets, the next would meet too, and after as long a wait.
SAME_FOR_ALL = frozenset(
    {
        Reason.CREDENTIALS,
        Reason.CLOCK,
        Reason.THROTTLED,
        Reason.TIMEOUT,
        Reason.UNAVAILABLE,
    }
)

log = structlog.get_logger(__name__)


class HopelessError(Exception):
    """No other call of this region would go better."""


class Calls:
    """Makes the calls of a region and keeps the verdicts, in their order."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._told: set[str] = set()
        self.verdicts: list[Verdict] = []

    async def make(
        self,
        action: str,
        ids: Mapping[str, str],
        call: Awaitable[T],
        tell: Callable[[T], str],
    ) -> T | CloudError:
        """Make a call about these ids, and return what it gave or met.

        Raises:
            HopelessError: it met what any other call would meet.
        """
        self._told.add(action)
        found = await capture_error(call)
        if not isinstance(found, CloudError):
            self.note(Outcome.OK, _subject(action, ids), tell(found))
            return found
        tell_bug(found)
        self.note(Outcome.FAILED, _subject(action, ids), failure(action, found, ids))
        if found.reason in SAME_FOR_ALL:
            raise HopelessError
        return found

    def skip(self, actions: Iterable[str], why: str, ids: Mapping[str, str]) -> None:
        """Note actions that could not be tried, and why."""
        for action in actions:
            self._told.add(action)
            self.note(Outcome.SKIPPED, _subject(action, ids), f"not tried: {why}")

    def skip_rest(self, actions: Iterable[str], why: str) -> None:
        """Skip those of the actions of which nothing was told yet."""
        self.skip([one for one in actions if one not in self._told], why, NO_IDS)

    def note(self, outcome: Outcome, what: str, detail: str) -> None:
        """Keep a verdict on something in this region."""
        self.verdicts.append(Verdict(outcome, f"{self._region} {what}", detail))


def tell_bug(error: CloudError) -> None:
    """Log the traceback of an error that is a bug of ours."""
    if error.bug is not None:
        log.error("check_failed", error=str(error), exc_info=error.bug)


def _subject(action: str, ids: Mapping[str, str]) -> str:
    return action + (f" ({named(ids)})" if ids else "")
