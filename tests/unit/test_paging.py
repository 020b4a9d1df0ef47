"""Whether a list is read whole, however its pages are cut and whatever moves in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import run_virtually, virtually

from exporter.cloud.paging import PASSES, read_all
from exporter.cloud.retry import Deadline
from exporter.cloud.wire import Page, PlanRow
from exporter.model.errors import IncompleteError, NotFoundError

Fetch = Callable[[int], Awaitable[Page[PlanRow]]]


def paged(total: int, size: int, ids: Iterable[int]) -> Page[PlanRow]:
    """Return a page of rows with these ids."""
    return Page(total, size, [PlanRow(row_id) for row_id in ids])


class Listed:
    """A list that is served in pages, and may change before any of them is read.

    `changes` are made one by one, the n-th before the n-th request: a number above 0
    comes in at that place, one below 0 goes away from it, 0 changes nothing.
    """

    def __init__(
        self, ids: Sequence[int], size: int, changes: Sequence[int] = ()
    ) -> None:
        self.ids = list(ids)
        self.size = size
        self.asked: list[int] = []
        self._changes = list(changes)
        self._next_id = 10_000

    async def fetch(self, number: int) -> Page[PlanRow]:
        """Answer one page, as the list is now."""
        self._change()
        self.asked.append(number)
        cut = self.ids[(number - 1) * self.size : number * self.size]
        return paged(len(self.ids), self.size, cut)

    def _change(self) -> None:
        change = self._changes.pop(0) if self._changes else 0
        if change > 0:
            self._next_id += 1
            self.ids.insert(min(change - 1, len(self.ids)), self._next_id)
        elif change < 0 and self.ids:
            del self.ids[min(-change - 1, len(self.ids) - 1)]


async def read(fetch: Fetch, workers: int = 1) -> list[int]:
    """Return the ids of a list that added up."""
    rows, _ = await read_all(fetch, list[PlanRow], Deadline(10**6), workers)
    return [row.id for row in rows]


@pytest.mark.parametrize("workers", [1, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 95, 100])
@virtually
async def test_each_page_is_asked_for_exactly_once(count: int, workers: int) -> None:
    """And the rows come in the order of the list, however they were fetched."""
    listed = Listed(range(count), 10)

    assert await read(listed.fetch, workers) == list(range(count))
    assert sorted(listed.asked) == list(range(1, max(1, -(-count // 10)) + 1))


@pytest.mark.parametrize(("size", "at_once"), [(10, 3), (1_000, 3), (9_000, 1)])
@virtually
async def test_pages_after_the_first_are_read_at_once_by_the_workers_alone(
    size: int, at_once: int
) -> None:
    """Page one tells how many there are; no more are under way than fit in memory."""
    listed = Listed(range(10 * size), size)
    under_way: set[int] = set()
    most = 0

    async def fetch(number: int) -> Page[PlanRow]:
        nonlocal most
        under_way.add(number)
        most = max(most, len(under_way))
        await asyncio.sleep(1)
        under_way.remove(number)
        return await listed.fetch(number)

    await read(fetch, workers=3)

    assert most == at_once
    assert asyncio.get_running_loop().time() == 1 + 9 / at_once


@virtually
async def test_rows_are_taken_in_their_order_though_pages_come_in_another() -> None:
    """Which of two duplicates is kept must not depend on the network."""
    listed = Listed(range(50), 10)

    async def fetch(number: int) -> Page[PlanRow]:
        await asyncio.sleep(60 / number)
        return await listed.fetch(number)

    assert await read(fetch, workers=5) == list(range(50))
    assert listed.asked == [1, 5, 4, 3, 2]


@pytest.mark.parametrize(
    "pages",
    [
        [paged(25, 0, cut) for cut in (range(10), range(10, 20), range(20, 25))],
        [paged(25, 10, range(25))],
        [paged(19, 10, range(9)), paged(19, 10, range(9, 19))],
        [paged(25, 99, cut) for cut in (range(10), range(10, 20), range(20, 25))],
        [paged(25, 20, cut) for cut in (range(10), range(10, 20), range(20, 25))],
        [paged(25, 1, cut) for cut in (range(10), range(10, 20), range(20, 25))],
        [paged(25, 5, cut) for cut in (range(10), range(10, 15), range(15, 25))],
    ],
    ids=[
        "page one shows the size",
        "the server cuts no pages",
        "page one is short",
        "the server states what it was asked for",
        "it states twice its size",
        "it states too small a size",
        "page one is long",
    ],
)
@virtually
async def test_pages_are_counted_as_the_server_cuts_them(
    pages: list[Page[PlanRow]],
) -> None:
    """By the size that it states, else by what it sends."""
    asked: list[int] = []

    async def fetch(number: int) -> Page[PlanRow]:
        asked.append(number)
        return pages[number - 1]

    assert await read(fetch) == list(range(pages[0].total))
    assert asked == list(range(1, len(pages) + 1))


@pytest.mark.parametrize(
    ("changes", "ids", "asked"),
    [
        ([0, 1], [10_001, *range(20)], [1, 2, 3, 1, 2, 3]),
        ([0, 21], [*range(20), 10_001], [1, 2, 3]),
        ([0, -1], [*range(1, 20)], [1, 2, 1, 2]),
        ([-1] * 50, None, [1, 2] * PASSES),
    ],
    ids=["one comes in behind", "one comes in ahead", "one goes away", "never still"],
)
@virtually
async def test_a_list_that_changes_is_read_again_until_it_adds_up(
    changes: list[int], ids: list[int] | None, asked: list[int]
) -> None:
    """With a row that went away counted in another's place the sum would be right."""
    listed = Listed(range(20), 10, changes)

    if ids is None:
        with pytest.raises(IncompleteError):
            await read(listed.fetch)
    else:
        assert await read(listed.fetch) == ids
    assert listed.asked == asked


@pytest.mark.parametrize(
    "second",
    [
        paged(30, 10, range(10)),
        paged(30, 10, []),
        paged(29, 10, range(10, 20)),
        paged(0, 0, []),
        paged(31, 10, range(10, 19)),
    ],
    ids=["repeated", "empty", "shrunk", "nothing", "too few"],
)
@pytest.mark.parametrize("workers", [1, 2])
@virtually
async def test_pages_that_do_not_add_up_are_no_list(
    second: Page[PlanRow], workers: int
) -> None:
    """Nothing of them is handed out, and they are given up after a few passes."""
    asked: list[int] = []

    async def fetch(number: int) -> Page[PlanRow]:
        asked.append(number)
        if number == 2:
            return second
        cut = list(range((number - 1) * 10, number * 10))
        return paged(30, 10, cut)

    with pytest.raises(IncompleteError):
        await read(fetch, workers)

    assert asked.count(1) == PASSES
    assert len(asked) <= 3 * PASSES + 3


@virtually
async def test_one_failing_page_cancels_the_others() -> None:
    """Their answers could not be used, and the error comes out as it is."""
    error = NotFoundError("gone")
    listed = Listed(range(60), 10)
    cancelled: list[int] = []

    async def fetch(number: int) -> Page[PlanRow]:
        if number == 3:
            await asyncio.sleep(1)
            raise error
        if number > 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(number)
                raise
        return await listed.fetch(number)

    with pytest.raises(NotFoundError) as caught:
        await read(fetch, workers=4)

    assert caught.value is error
    assert sorted(cancelled) == [4, 5, 6]
    assert asyncio.get_running_loop().time() == 1


@given(
    count=st.integers(0, 40),
    size=st.integers(1, 12),
    workers=st.integers(1, 4),
    places=st.lists(st.integers(0, 41), max_size=8),
    is_growing=st.booleans(),
)
def test_a_list_that_only_grows_or_only_shrinks_is_read_right_or_not_at_all(
    *, count: int, size: int, workers: int, places: list[int], is_growing: bool
) -> None:
    """What is handed out is the list as it was when its last page was read."""
    listed = Listed(range(count), size, places if is_growing else [-p for p in places])

    with suppress(IncompleteError):
        ids = run_virtually(read(listed.fetch, workers))
        assert sorted(ids) == sorted(listed.ids)


@given(
    cuts=st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=6),
    total=st.integers(0, 12),
    size=st.integers(0, 4),
    workers=st.integers(1, 3),
)
def test_pages_are_a_list_only_if_they_add_up(
    cuts: list[list[int]], total: int, size: int, workers: int
) -> None:
    """Checked against sets, for any rows in any pages under any total."""

    async def fetch(number: int) -> Page[PlanRow]:
        cut = cuts[number - 1] if number <= len(cuts) else []
        return paged(total, size, cut)

    wanted = -(-total // (size or len(cuts[0]) or 1))
    first = set(cuts[0])
    rows = first if len(first) >= total else first.union(*cuts[:wanted])
    is_new = [
        bool(set(cut).difference(*cuts[:page])) for page, cut in enumerate(cuts) if page
    ]
    is_list = len(rows) == total and (
        len(first) == total
        or (wanted <= len(cuts) and bool(first) and all(is_new[: wanted - 1]))
    )

    try:
        ids = run_virtually(read(fetch, workers))
    except IncompleteError:
        assert not is_list
    else:
        assert is_list
        assert set(ids) == rows


@pytest.mark.parametrize("steps", range(8))
@virtually
async def test_a_cancellation_while_a_pass_is_torn_down_is_obeyed(steps: int) -> None:
    """Whatever the loop is at: no other pass is begun."""
    asked: list[int] = []

    async def fetch(number: int) -> Page[PlanRow]:
        asked.append(number)
        if number == 3:
            try:
                await asyncio.sleep(3600)
            finally:
                for _ in range(4):
                    await asyncio.sleep(0)
        await asyncio.sleep(1)
        return paged(30, 10, range(10))

    task = asyncio.create_task(read(fetch, workers=2))
    await asyncio.sleep(2)
    for _ in range(steps):
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert asked[3:] in ([], [1])


@virtually
async def test_malformed_rows_count_as_read_and_once_each() -> None:
    """A row without an id cannot be known again, so each of those counts."""
    pages = [
        Page(7, 3, [PlanRow(1), PlanRow(2)], [3, None]),
        Page(7, 4, [PlanRow(2), PlanRow(4)], [3, None, 1]),
        Page(7, 4, [PlanRow(5)]),
    ]

    async def fetch(number: int) -> Page[PlanRow]:
        return pages[number - 1]

    rows, malformed = await read_all(fetch, list[PlanRow], Deadline(9), 1)

    assert [row.id for row in rows] == [1, 2, 4, 5]
    assert malformed == 3


@virtually
async def test_a_huge_total_is_not_believed_page_after_page() -> None:
    """The first page without a new row ends the pass."""
    asked = 0

    async def fetch(_: int) -> Page[PlanRow]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(1)
        assert asked <= PASSES * 10
        return paged(2**63 - 1, 1, [1])

    with pytest.raises(IncompleteError, match="no row that is new"):
        await read(fetch, workers=5)
