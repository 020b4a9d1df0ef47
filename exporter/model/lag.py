"""Lag, age and state of a checkpoint, and the totals of many checkpoints.

Milliseconds in, milliseconds out; `UNKNOWN_MS` in, None out, and never a zero.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from itertools import accumulate, compress

from exporter.model.time_slicer import SLICE_ROWS, TimeSlicer
from exporter.model.types import UNKNOWN_MS, Columns, Rollup, State

_BOUNDS_SECONDS = (
    *(-60, 0, 1, 5, 10, 30),  # seconds
    *(60, 120, 300, 600, 1_800),  # minutes
    *(3_600, 21_600, 86_400),  # hours
)
BUCKET_BOUNDS_MS = tuple(seconds * 1000 for seconds in _BOUNDS_SECONDS)
"""Upper bounds of the lag distribution; the negative one lets its sum be negative."""


def sync_lag_ms(source_ms: int, target_ms: int) -> int | None:
    """Return how far the target trails the source, None if either is unknown.

    Below 0 the target is ahead: the sides are read moments apart, and in a two-way plan
    it may really be so. A recording rule can clamp it.

    >>> sync_lag_ms(1740724080343, 1740724075343)
    5000
    >>> sync_lag_ms(1740724080343, UNKNOWN_MS) is None
    True
    """
    if UNKNOWN_MS in (source_ms, target_ms):
        return None
    return source_ms - target_ms


def sync_age_ms(now_ms: int, last_sync_ms: int) -> int | None:
    """Return how long ago progress was last synced, None if that is unknown."""
    return None if last_sync_ms == UNKNOWN_MS else now_ms - last_sync_ms


def state_of(source_ms: int, target_ms: int, last_sync_ms: int) -> State:
    """Return the first state that fits."""
    if source_ms == UNKNOWN_MS:
        return State.SOURCE_MISSING
    if target_ms == UNKNOWN_MS:
        is_synced = last_sync_ms != UNKNOWN_MS
        return State.TARGET_MISSING if is_synced else State.NEVER_SYNCED
    return State.TARGET_AHEAD if source_ms < target_ms else State.OK


def merged(parts: Sequence[Rollup]) -> Rollup:
    """Return the totals of several parts, at least one."""
    lags = [part.max_lag_ms for part in parts if part.max_lag_ms is not None]
    syncs = [part.oldest_sync_ms for part in parts if part.oldest_sync_ms is not None]
    buckets = zip(*(part.lag_buckets for part in parts), strict=True)
    return Rollup(
        states={state: sum(part.states[state] for part in parts) for state in State},
        max_lag_ms=max(lags, default=None),
        oldest_sync_ms=min(syncs, default=None),
        lag_buckets=tuple(map(sum, buckets)),
        lag_count=sum(part.lag_count for part in parts),
        lag_sum_ms=sum(part.lag_sum_ms for part in parts),
    )


def rollup(
    source_ms: Sequence[int], target_ms: Sequence[int], last_sync_ms: Sequence[int]
) -> Rollup:
    """Return the totals of columns of checkpoints."""
    states = dict.fromkeys(State, 0)
    for row in zip(source_ms, target_ms, last_sync_ms, strict=True):
        states[state_of(*row)] += 1
    # What is unknown is 0, and so false.
    lags = [s - t for s, t in zip(source_ms, target_ms, strict=True) if s and t]
    counts = [0] * (len(BUCKET_BOUNDS_MS) + 1)
    for lag in lags:
        counts[bisect_left(BUCKET_BOUNDS_MS, lag)] += 1
    return Rollup(
        states=states,
        max_lag_ms=max(lags, default=None),
        oldest_sync_ms=min((ms for ms in last_sync_ms if ms), default=None),
        lag_buckets=tuple(accumulate(counts[:-1])),
        lag_count=len(lags),
        lag_sum_ms=sum(lags),
    )


async def roll_up(columns: Columns, hidden: Collection[int] = ()) -> Rollup:
    """Return the totals of the rows that are not hidden, computed in slices."""
    parts = [rollup((), (), ())]
    slicer = TimeSlicer()
    times = columns.source_ms, columns.target_ms, columns.last_sync_ms
    for first in range(0, len(columns), SLICE_ROWS):
        await slicer.pause()
        rows = range(first, min(first + SLICE_ROWS, len(columns)))
        sliced: list[Sequence[int]] = [column[first : rows.stop] for column in times]
        if hidden:
            is_visible = [row not in hidden for row in rows]
            sliced = [list(compress(column, is_visible)) for column in sliced]
        parts.append(rollup(*sliced))
    return merged(parts)
