"""Lag, age and state of a checkpoint, and the totals of many checkpoints.

Milliseconds in, milliseconds out; `UNKNOWN_MS` in, None out, and never a zero.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from itertools import compress

from exporter.model.time_slicer import SLICE_ROWS, TimeSlicer
from exporter.model.types import UNKNOWN_MS, Columns, Limits, Rollup, State

Times = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]
"""Of each checkpoint the source, the target, the last sync and the delay."""

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
    """Return what the parts of a route, at least one, come to together."""
    buckets = zip(*(part.lag_buckets for part in parts), strict=True)
    return Rollup(
        states={state: sum(part.states[state] for part in parts) for state in State},
        max_lag_ms=max(_known(part.max_lag_ms for part in parts), default=None),
        max_delay_ms=max(_known(part.max_delay_ms for part in parts), default=None),
        oldest_sync_ms=min(_known(part.oldest_sync_ms for part in parts), default=None),
        late=_sum(part.late for part in parts),
        stalled=_sum(part.stalled for part in parts),
        ready=sum(part.ready for part in parts),
        lag_buckets=tuple(map(sum, buckets)),
        lag_count=sum(part.lag_count for part in parts),
        lag_sum_ms=sum(part.lag_sum_ms for part in parts),
    )


def rollup(times: Times, limits: Limits, now_ms: int) -> Rollup:
    """Return what checkpoints come to that keep these limits or not at `now_ms`."""
    source_ms, target_ms, last_sync_ms, delay_ms = times
    # What is unknown is 0, and so false.
    lags = [s - t for s, t in zip(source_ms, target_ms, strict=True) if s and t]
    lags.sort()
    ahead = bisect_left(lags, 0)
    states = {**dict.fromkeys(State, 0), State.OK: len(lags) - ahead}
    states[State.TARGET_AHEAD] = ahead
    most_delay, most_age = limits.most_delay, limits.most_age
    late_after = math.inf if most_delay is None else most_delay * 1000
    stalled_before = 0 if most_age is None else now_ms - most_age * 1000
    late = stalled = ready = 0
    for source, target, synced, delay in zip(*times, strict=True):
        is_late, is_stalled = delay > late_after, 0 < synced < stalled_before
        late += is_late
        stalled += is_stalled
        if source and target:
            ready += not (is_late or is_stalled)
        else:
            states[state_of(source, target, synced)] += 1
    return Rollup(
        states=states,
        max_lag_ms=lags[-1] if lags else None,
        max_delay_ms=max((d for d in delay_ms if d >= 0), default=None),
        oldest_sync_ms=min(filter(None, last_sync_ms), default=None),
        late=None if most_delay is None else late,
        stalled=None if most_age is None else stalled,
        ready=ready,
        lag_buckets=tuple(bisect_right(lags, bound) for bound in BUCKET_BOUNDS_MS),
        lag_count=len(lags),
        lag_sum_ms=sum(lags),
    )


async def roll_up(
    columns: Columns, limits: Limits, now_ms: int, hidden: Collection[int] = ()
) -> Rollup:
    """Return what columns come to without their hidden rows, worked out in slices."""
    parts = [rollup(((), (), (), ()), limits, now_ms)]
    slicer = TimeSlicer()
    times = (
        *(columns.source_ms, columns.target_ms),
        *(columns.last_sync_ms, columns.delay_ms),
    )
    for first in range(0, len(columns.checkpoint_ids), SLICE_ROWS):
        await slicer.pause()
        sliced: list[Sequence[int]] = [
            column[first : first + SLICE_ROWS] for column in times
        ]
        if hidden:
            rows = range(first, first + len(sliced[0]))
            is_visible = [row not in hidden for row in rows]
            sliced = [list(compress(column, is_visible)) for column in sliced]
        source, target, last_sync, delay = sliced
        parts.append(rollup((source, target, last_sync, delay), limits, now_ms))
    return merged(parts)


def _known(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value is not None]


def _sum(values: Iterable[int | None]) -> int | None:
    known = _known(values)
    return sum(known) if known else None
