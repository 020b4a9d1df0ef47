"""For how long each checkpoint of a route has been behind, as its past polls tell."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from operator import lt

from exporter.model.time_slicer import SLICE_ROWS, TimeSlicer
from exporter.model.types import UNKNOWN_DELAY_MS, UNKNOWN_MS, History, PastPoll


async def extended(
    history: History,
    ids: array[int],
    source_ms: array[int],
    target_ms: array[int],
    *,
    at_ms: int,
    keep_ms: int,
) -> History:
    """Return the history with one more poll, and without polls older than `keep_ms`.

    A checkpoint that the last poll did not have starts again. Where a source jumped
    back, what was seen beyond its new position counts no more. The columns given are
    kept, so they must not change any more.
    """
    slicer = TimeSlicer()
    if ids != history.ids:
        history = await _aligned(history, ids, slicer)
    seen, past = await _continued(source_ms, history.polls, slicer)
    delay_ms = array("q")
    last_seen = past[0].source_ms if past else array("q", [UNKNOWN_MS]) * len(ids)
    columns = source_ms, target_ms, history.target_ms, history.delay_ms, last_seen
    for first in range(0, len(ids), SLICE_ROWS):
        await slicer.pause()
        rows = slice(first, first + SLICE_ROWS)
        sliced = zip(*(column[rows] for column in columns), strict=True)
        delay_ms.extend(_delays(sliced, first, past, at_ms))
    polls = _thinned((PastPoll(at_ms, seen), *past), keep_ms)
    return History(ids, target_ms, delay_ms, tuple(polls))


async def _aligned(history: History, ids: array[int], slicer: TimeSlicer) -> History:
    """Return the history in the order of other ids; what is new in them is unknown."""
    places = {checkpoint: row for row, checkpoint in enumerate(history.ids)}
    order = [places.get(checkpoint, -1) for checkpoint in ids]

    async def moved(column: array[int], unknown: int) -> array[int]:
        await slicer.pause()
        # The place -1 is the last one.
        padded = column + array("q", [unknown])
        return array("q", map(padded.__getitem__, order))

    return History(
        ids,
        await moved(history.target_ms, UNKNOWN_MS),
        await moved(history.delay_ms, UNKNOWN_DELAY_MS),
        tuple(
            [
                PastPoll(poll.at_ms, await moved(poll.source_ms, UNKNOWN_MS))
                for poll in history.polls
            ]
        ),
    )


async def _continued(
    source_ms: array[int], polls: Sequence[PastPoll], slicer: TimeSlicer
) -> tuple[array[int], Sequence[PastPoll]]:
    """Return where each source was last seen, and the past polls as they count now.

    A source that is unknown now stays where it was. One that jumped back was reset, and
    counts as if it had never been further; a millisecond changes next to nothing.
    """
    if not polls:
        return source_ms, polls
    seen = source_ms
    for first in range(0, len(source_ms), SLICE_ROWS):
        await slicer.pause()
        rows = slice(first, first + SLICE_ROWS)
        before = polls[0].source_ms[rows]
        if not any(map(lt, source_ms[rows], before)):
            continue
        if seen is source_ms:
            # Copies, for others hold these columns.
            seen = source_ms[:]
            polls = [PastPoll(p.at_ms, p.source_ms[:]) for p in polls]
        for row, last in enumerate(before, first):
            if source_ms[row] == UNKNOWN_MS:
                seen[row] = last
            elif source_ms[row] < last:
                for poll in polls:
                    poll.source_ms[row] = min(poll.source_ms[row], source_ms[row])
    return seen, polls


def _delays(
    rows: Iterable[tuple[int, ...]], first: int, past: Sequence[PastPoll], now: int
) -> Iterator[int]:
    """Yield the delay of each row, from what this poll and the last one found."""
    for row, (source, target, old_target, old_delay, last_seen) in enumerate(
        rows, first
    ):
        if not source or not target:
            yield UNKNOWN_DELAY_MS
        elif source <= target or last_seen <= target:
            # In step, or seen beyond the target for the first time now.
            yield 0
        elif target == old_target and old_delay >= 0:
            # Exact, where polls that were thinned out would tell too little.
            yield old_delay + now - past[0].at_ms
        else:
            yield now - _earliest_beyond(target, row, past)


def _earliest_beyond(target: int, row: int, past: Sequence[PastPoll]) -> int:
    since = past[0].at_ms
    for poll in past[1:]:
        if poll.source_ms[row] <= target:
            break
        since = poll.at_ms
    return since


def _thinned(polls: Sequence[PastPoll], keep_ms: int) -> Iterator[PastPoll]:
    """Yield the polls to keep, so that of any two neighbours one is half as old.

    A delay that began at a poll between them is told half as long as it is, at worst.
    """
    now, last = polls[0].at_ms, polls[0]
    interval = now - polls[1].at_ms if len(polls) > 1 else 0
    for number, (poll, older) in enumerate(zip_longest(polls, polls[1:])):
        is_needed = (
            number <= 1
            or older is None
            or now - older.at_ms - interval > 2 * (now - last.at_ms)
        )
        if is_needed and now - poll.at_ms <= keep_ms:
            last = poll
            yield poll
