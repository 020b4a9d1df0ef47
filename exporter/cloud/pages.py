"""How a paged list is read whole: all of its pages, adding up, or not at all.

It neither knows what is in a page nor how one is fetched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from exporter.model.errors import IncompleteError

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
C = TypeVar("C", bound="Collector[Any]")

# A list that changes while it is read is read again, so often in all.
PASSES = 3


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page as the server cut it; `size` is the server's, 0 if it did not say."""

    total: int
    size: int
    count: int
    content: T


class Collector(Protocol[T_contra]):
    """Takes the rows of a list in their order."""

    @property
    def seen(self) -> int:
        """Return how many different rows were taken, rejected ones included."""

    def take(self, content: T_contra) -> None:
        """Take the rows of one page."""


class Reading(Protocol):
    """How much of a list is read: `read_all`, or `read_first` for a diagnosis."""

    async def __call__(
        self,
        fetch: Callable[[int], Awaitable[Page[T]]],
        collector: Callable[[], C],
        *,
        workers: int,
        on_incomplete: Callable[[IncompleteError], None] = ...,
    ) -> C:
        """Return a collector that has taken what was read."""
        ...


async def read_all(
    fetch: Callable[[int], Awaitable[Page[T]]],
    collector: Callable[[], C],
    *,
    workers: int,
    on_incomplete: Callable[[IncompleteError], None] = lambda _: None,
) -> C:
    """Return a collector that has taken every row, once the pages add up.

    `fetch` is called with page numbers from 1, by `workers` at a time after the first.
    A list that does not add up is read anew, with a new collector; `on_incomplete`
    hears why.

    Raises:
        IncompleteError: no pass added up.
        CloudError: whatever `fetch` raised; the rest of the pass is cancelled.
    """
    cancellations = _cancellations()
    for more_passes in reversed(range(PASSES)):
        reading = _Pass(fetch, collector()).run(workers)
        try:
            # In a task of its own: before Python 3.13 a task group that fails leaves
            # its task half cancelled, and a deadline could not cut the next pass.
            return await asyncio.create_task(reading)
        except IncompleteError as error:
            if not more_passes:
                raise
            on_incomplete(error)
        if _cancellations() > cancellations:
            # It came while the failed pass was torn down, which swallowed it.
            raise asyncio.CancelledError
    raise AssertionError("the last pass returns or raises")


async def read_first(
    fetch: Callable[[int], Awaitable[Page[T]]],
    collector: Callable[[], C],
    *,
    workers: int,
    on_incomplete: Callable[[IncompleteError], None] = lambda _: None,
) -> C:
    """Return a collector that has taken the first page alone, whatever follows it.

    For a diagnosis; what is published is read by `read_all`.

    Raises:
        CloudError: whatever `fetch` raised.
    """
    del workers, on_incomplete
    taken = collector()
    taken.take((await fetch(1)).content)
    return taken


class _Pass(Generic[T, C]):
    """One reading of the list, from the first page to the last."""

    def __init__(
        self, fetch: Callable[[int], Awaitable[Page[T]]], collector: C
    ) -> None:
        self._fetch = fetch
        self._collector = collector
        self._early: dict[int, Page[T]] = {}
        self._next_to_fetch = 2
        self._next_to_take = 1
        self._total = 0
        self._size = 0

    async def run(self, workers: int) -> C:
        first = await self._fetch(1)
        # A server that does not state its page size shows it by what it sends.
        self._size = first.size or first.count or 1
        self._take(1, first)
        # A server that cuts no pages has said it all, whatever size it states.
        if self._collector.seen < self._total:
            await self._read_on(workers)
        if self._collector.seen != self._total:
            raise IncompleteError(
                f"the pages hold {self._collector.seen} rows of {self._total}"
            )
        return self._collector

    async def _read_on(self, workers: int) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(workers, self._last_page() - 1)):
                    group.create_task(self._work())
        except BaseExceptionGroup as errors:
            # Not `except*`: Debian's Python 3.11.2 wraps again what is raised from it.
            raise _first(errors) from None

    async def _work(self) -> None:
        while self._next_to_fetch <= self._last_page():
            number = self._next_to_fetch
            self._next_to_fetch += 1
            self._take(number, await self._fetch(number))

    def _last_page(self) -> int:
        return -(-self._total // self._size)

    def _take(self, number: int, page: Page[T]) -> None:
        if page.total < self._total:
            # What moved up into a page that was read before is not read any more, and
            # with the row that went away counted in its place the sum would be right.
            raise IncompleteError(f"rows went away before page {number} was read")
        # It may grow: rows that move down are met again, and known by their ids.
        self._total = page.total
        self._early[number] = page
        while (ready := self._early.pop(self._next_to_take, None)) is not None:
            self._take_in_order(self._next_to_take, ready)
            self._next_to_take += 1

    def _take_in_order(self, number: int, page: Page[T]) -> None:
        before = self._collector.seen
        self._collector.take(page.content)
        if page.total and self._collector.seen == before:
            # An endless or repeated list would be read for ever.
            raise IncompleteError(f"page {number} holds no row that is new")


def _cancellations() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _first(errors: BaseException) -> BaseException:
    """Return the first error of those that ended a pass together."""
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
