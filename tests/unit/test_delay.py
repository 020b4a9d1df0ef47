"""Delay, against an oracle that keeps every poll."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.delay import extended
from exporter.model.time_slicer import SLICE_ROWS
from exporter.model.types import UNKNOWN_DELAY_MS, UNKNOWN_MS, History

MINUTE = 60_000
KEEP_MS = 120 * MINUTE

Row = tuple[int, int]
"""Source and target of a checkpoint."""
Poll = Mapping[int, Row]
"""The rows of a poll by checkpoint id, in their order."""


class Oracle:
    """Reads the definition word by word, and forgets nothing."""

    def __init__(self) -> None:
        self._seen: dict[int, list[tuple[int, int]]] = {}

    def poll(self, at_ms: int, rows: Poll) -> dict[int, int | None]:
        """Return the delay of each checkpoint; None where it is unknown."""
        self._seen = {row: self._seen.get(row, []) for row in rows}
        return {
            checkpoint: self._delay(self._seen[checkpoint], at_ms, *row)
            for checkpoint, row in rows.items()
        }

    @staticmethod
    def _delay(
        seen: list[tuple[int, int]], now: int, source: int, target: int
    ) -> int | None:
        if source:
            seen[:] = [(at, min(then, source)) for at, then in seen]
            seen.append((now, source))
        if not source or not target:
            return None
        if source <= target:
            return 0
        return now - next(at for at, then in seen if then > target)


async def measured(
    history: History, at_ms: int, rows: Poll, keep_ms: int = KEEP_MS
) -> tuple[History, dict[int, int | None]]:
    """Poll, and return the new history with the delay of each checkpoint."""
    ids = array("q", rows)
    source = array("q", (row[0] for row in rows.values()))
    target = array("q", (row[1] for row in rows.values()))
    after = await extended(history, ids, source, target, at_ms=at_ms, keep_ms=keep_ms)
    return after, {
        checkpoint: None if delay == UNKNOWN_DELAY_MS else delay
        for checkpoint, delay in zip(rows, after.delay_ms, strict=True)
    }


async def delays_of(polls: Iterable[tuple[int, Row | None]]) -> list[int | None]:
    """Return the delays of one checkpoint, None where it is absent or unknown."""
    history, found = History(), []
    for at_ms, row in polls:
        rows = {} if row is None else {7: row}
        history, delays = await measured(history, at_ms, rows)
        found.append(delays.get(7))
    return found


# Positions so close together that every order of source and target comes up.
positions = st.one_of(st.just(UNKNOWN_MS), st.integers(1, 12))
ids = st.integers(1, 4)
random_polls = st.lists(
    st.dictionaries(ids, st.tuples(positions, positions), max_size=4),
    min_size=1,
    max_size=60,
)


@st.composite
def steady_polls(draw: st.DrawFn) -> Sequence[Poll]:
    """Draw polls in which both sides move on, stand still and are reset."""
    sides = dict.fromkeys(range(1, 4), (1, 1))
    polls = []
    for _ in range(draw(st.integers(1, 130))):
        for checkpoint, (source, target) in sides.items():
            match draw(st.integers(0, 9)):
                case 0:
                    sides[checkpoint] = max(1, source - draw(st.integers(1, 5))), target
                case 1 | 2 | 3 | 4:
                    sides[checkpoint] = source + draw(st.integers(1, 3)), target
                case 5 | 6:
                    sides[checkpoint] = source, target + draw(st.integers(0, 4))
                case 7:
                    sides[checkpoint] = source, source
        order = draw(st.permutations(sorted(sides)))
        unknown = draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 3]))
        polls.append(
            {
                each: (UNKNOWN_MS, sides[each][1]) if each == unknown else sides[each]
                for each in order
            }
        )
    return polls


@pytest.mark.parametrize("exact_start", [0, 999_999])
@given(polls=st.one_of(random_polls, steady_polls()))
def test_delay_is_never_over_the_truth_and_under_it_by_half_at_most(
    exact_start: int, polls: Sequence[Poll]
) -> None:
    """Sources and targets move, stand, jump back, vanish and change places."""

    async def check() -> None:
        oracle, history = Oracle(), History()
        for number, rows in enumerate(polls):
            at_ms = exact_start + number * MINUTE
            truth = oracle.poll(at_ms, rows)
            history, delays = await measured(history, at_ms, rows)
            for checkpoint, true in truth.items():
                delay = delays[checkpoint]
                assert (delay is None) == (true is None)
                if true is not None and delay is not None:
                    assert true / 2 <= delay <= true
                    assert (delay == 0) == (true == 0)

    asyncio.run(check())


async def test_the_table_of_the_definition_is_what_comes_out() -> None:
    """A sparse topic is never late: its lag is the gap between two messages."""
    polls = [
        (0, (1140, 1140)),
        (MINUTE, (1200, 1140)),
        (2 * MINUTE, (1200, 1200)),
        (3 * MINUTE, (1220, 1200)),
        (4 * MINUTE, (1220, 1200)),
    ]

    assert await delays_of(polls) == [0, 0, 0, 0, MINUTE]


async def test_a_target_that_stands_still_is_told_to_the_millisecond() -> None:
    """However long: what is kept of old polls makes no difference to it."""
    polls = [(n * MINUTE + 7, (n + 2, 1)) for n in range(1_000)]

    delays = await delays_of(polls)

    assert delays == [n * MINUTE for n in range(1_000)]


@pytest.mark.parametrize(
    ("back_to", "delays"),
    [
        # The target is in step with the new position, and falls behind a later one.
        (10, (0, 1, 2, 3, 4, 0, 0, 1)),
        # It has not come so far either.
        (50, (0, 1, 2, 3, 4, 5, 6, 7)),
        (103, (0, 1, 2, 3, 4, 5, 6, 7)),
    ],
)
async def test_a_source_that_jumps_back_was_never_further(
    back_to: int, delays: Sequence[int]
) -> None:
    """After a reset of offsets nobody waits for more; jitter is no reset."""
    polls = [(n * MINUTE, (100 + n, 10)) for n in range(5)]
    polls += [((5 + n) * MINUTE, (back_to + n, 10)) for n in range(3)]

    assert await delays_of(polls) == [n * MINUTE for n in delays]


async def test_what_is_kept_does_not_grow_with_the_polls() -> None:
    """Under 100 bytes a checkpoint: the last poll's columns are the snapshot's own."""
    history, most = History(), 0
    for number in range(2_000):
        history, _ = await measured(history, number * MINUTE, {1: (number + 2, 1)})
        kept = (history.delay_ms, *(poll.source_ms for poll in history.polls[1:]))
        most = max(most, sum(column.itemsize for column in kept))

    assert most < 100
    assert history.polls[-1].at_ms >= 1_999 * MINUTE - KEEP_MS


@pytest.mark.parametrize("order", [1, -1])
async def test_many_rows_are_the_same_in_slices(order: int) -> None:
    """Rows beyond a slice keep their own history, in any order."""
    count = 2 * SLICE_ROWS + 3
    history = History()
    for number in range(4):
        rows = {row: (1_000 + number, 10 + (row % 5) * 300) for row in range(count)}
        listed = dict(sorted(rows.items(), reverse=order**number < 0))
        history, delays = await measured(history, number, listed)

    assert delays == {row: 0 if row % 5 == 4 else 3 for row in range(count)}


async def test_a_history_is_not_changed_by_the_next_poll() -> None:
    """Its columns are a snapshot's, which others read."""
    rows = {row: (100 + row, 10) for row in range(3)}
    history, _ = await measured(History(), 0, rows)
    before = [list(poll.source_ms) for poll in history.polls]

    await measured(history, 1, dict.fromkeys(range(3), (50, 10)))

    assert [list(poll.source_ms) for poll in history.polls] == before
