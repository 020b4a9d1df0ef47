"""How a paged list is read whole: all of its pages, adding up, or not at all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from exporter.cloud.collector import CheckpointCollector
from exporter.cloud.retry import Deadline
from exporter.cloud.wire import Page
from exporter.model.errors import IncompleteError

C = TypeVar("C", bound=CheckpointCollector | list[Any])
"""What keeps the rows of a list, in their order and each of them once."""

Fetch = Callable[[int], Awaitable[Page[Any]]]
"""Reads the page of a number; the first is 1."""

# A list that changes while it is read is read again, so often in all.
PASSES = 3
# So many rows at most are read before their turn, or one page: they take up memory.
ROWS_AHEAD = 5_000


async def read_all(
    fetch: Fetch, collector: Callable[[], C], deadline: Deadline, workers: int
) -> tuple[C, int]:
    """Return a collector with every good row, and the number of malformed rows.

    After the first page up to `workers` are read at a time. A list that does not add up
    is read again, with a new collector; if time cuts that, it is incomplete.

    Raises:
        IncompleteError: no pass added up.
        CloudError: whatever `fetch` raised; the rest of the pass is cancelled.
    """
    for _ in range(PASSES - 1):
        try:
            return await _Pass(fetch, collector()).run(workers)
        except IncompleteError as error:
            deadline.latest = error
    return await _Pass(fetch, collector()).run(workers)


class _Pass(Generic[C]):
    """One reading of the list, from the first page to the last."""

    def __init__(self, fetch: Fetch, collector: C) -> None:
        self._fetch = fetch
        self._collector = collector
        self._total = 0
        self._taken = 0
        self._ids: set[int] = set()  # below 0 where a malformed row has none
        self._malformed = 0

    async def run(self, workers: int) -> tuple[C, int]:
        first = await self._read(1)
        self._take(first)
        # A server may state no page size, or a wrong one, and shows it by what it
        # sends. One that cuts no pages has said it all, whatever size it states.
        for size in sorted({first.size, first.count}, reverse=True):
            if size > 0 and len(self._ids) < self._total:
                await self._read_on(size, workers)
        if len(self._ids) != self._total:
            raise IncompleteError(
                f"the pages hold {len(self._ids)} rows of {self._total}"
            )
        return self._collector, self._malformed

    async def _read_on(self, size: int, workers: int) -> None:
        """Read the other pages of a size side by side, and take them in their order."""
        reading: deque[asyncio.Task[Page[Any]]] = deque()
        begun = self._taken
        ahead = min(workers, ROWS_AHEAD // size) or 1
        try:
            while self._taken < -(-self._total // size):
                while begun < -(-self._total // size) and len(reading) < ahead:
                    begun += 1
                    reading.append(asyncio.create_task(self._read(begun)))
                self._take(await reading[0])
                reading.popleft()
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def _read(self, number: int) -> Page[Any]:
        page = await self._fetch(number)
        if page.total < self._total:
            # What moved up into a page that was read before is not read any more, and
            # with the row that went away counted in its place the sum would be right.
            raise IncompleteError(f"rows went away before page {number} was read")
        # It may grow: rows that move down are met again, and known by their ids.
        self._total = page.total
        return page

    def _take(self, page: Page[Any]) -> None:
        self._taken += 1
        before = len(self._ids)
        new = {row.id: row for row in page.rows if row.id not in self._ids}
        self._ids.update(new)
        self._collector.extend(new.values())
        good = len(self._ids)
        for row_id in page.malformed:
            self._ids.add(~len(self._ids) if row_id is None else row_id)
        self._malformed += len(self._ids) - good
        if page.total and len(self._ids) == before:
            # An endless or repeated list would be read for ever.
            raise IncompleteError(f"page {self._taken} holds no row that is new")
