"""Which checkpoints are the worst, and what is said of one to a person. Pure."""

from __future__ import annotations

import heapq
import math
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

from exporter.model.lag import state_of, sync_age_ms, sync_lag_ms
from exporter.model.types import UNKNOWN_MS, Checkpoint, Route, RouteStatus, State

DAY_SECONDS, HOUR_SECONDS = 86_400, 3_600
# Looking at so many takes about a millisecond.
ROWS_BETWEEN_PAUSES = 8192

Ranked = tuple[float, RouteStatus, int]
"""A row that is shown, and its lag in milliseconds: -inf where that is unknown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One checkpoint with what was computed of it; seconds, None where unknown."""

    route: Route
    checkpoint: Checkpoint
    sync_lag_seconds: float | None
    sync_age_seconds: float | None
    last_sync_timestamp_seconds: float | None
    state: State


def findings(statuses: Iterable[RouteStatus], now: float) -> Iterator[Finding]:
    """Yield every checkpoint that is shown; `now` is Unix seconds."""
    for status in statuses:
        if status.snapshot is not None:
            for index, row in enumerate(status.snapshot.columns.rows()):
                if index not in status.hidden:
                    yield _finding(status.route, row, now)


def worst(statuses: Iterable[RouteStatus], now: float, count: int) -> list[Finding]:
    """Return the `count` checkpoints with the largest lag, the unknown ones last.

    Equals stay in the order of the rows.
    """
    searching = searched(statuses, now, count)
    while True:
        try:
            next(searching)
        except StopIteration as end:
            found: list[Finding] = end.value
            return found


def searched(
    statuses: Iterable[RouteStatus], now: float, count: int
) -> Generator[None, None, list[Finding]]:
    """Return what `worst` does; yield where whoever must not be held up may pause.

    At most `ROWS_BETWEEN_PAUSES` rows are looked at in between.
    """
    found: list[Ranked] = []
    floor: float | None = None
    for status in statuses:
        for start in range(0, len(status.snapshot or ()), ROWS_BETWEEN_PAUSES):
            found += _rows(status, start, floor)
            if len(found) > 2 * count:
                found = heapq.nsmallest(count, found, key=_rank)
                # Whatever comes has to be worse than the last of these.
                floor = found[-1][0] if found else math.inf
            yield
    return [
        _finding(status.route, status.snapshot.columns.row(index), now)
        for _, status, index in heapq.nsmallest(count, found, key=_rank)
        if status.snapshot is not None
    ]


def seconds(value: float | None) -> str:
    """Return seconds as a person reads them; what is unknown is a dash.

    >>> seconds(5025.0), seconds(-1.5), seconds(59.97), seconds(None)
    ('1h 23m 45s', '-1.5s', '1m', '-')
    """
    if value is None:
        return "-"
    sign, value = ("-", -value) if value < 0 else ("", value)
    if round(value, 1) < 60:  # noqa: PLR2004 - a minute
        return f"{sign}{value:.3g}s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s"))
    return sign + " ".join(f"{count}{unit}" for count, unit in parts if count)


def brief(value: float | None) -> str:
    """Return seconds in their two largest units: who reads days counts no minutes.

    >>> brief(12.5), brief(5025.0), brief(-90_061.0), brief(None)
    ('12.5s', '1h 23m', '-1d 1h', '-')
    """
    if value is not None and abs(value) >= DAY_SECONDS:
        value = round(value / HOUR_SECONDS) * HOUR_SECONDS
    return " ".join(seconds(value).split()[:2])


def _rows(status: RouteStatus, start: int, floor: float | None) -> Iterator[Ranked]:
    """Yield some rows from `start` on, with `floor` only those with a larger lag."""
    if status.snapshot is None:
        return
    columns, stop = status.snapshot.columns, start + ROWS_BETWEEN_PAUSES
    sides = zip(
        columns.source_ms[start:stop], columns.target_ms[start:stop], strict=True
    )
    for index, (source, target) in enumerate(sides, start):
        # What is unknown is 0, and so false; a call of `sync_lag_ms` would cost most.
        lag = source - target if source and target else -math.inf
        if (floor is None or lag > floor) and index not in status.hidden:
            yield lag, status, index


def _rank(row: Ranked) -> float:
    return -row[0]


def _finding(route: Route, checkpoint: Checkpoint, now: float) -> Finding:
    last_sync_ms = checkpoint.last_sync_ms
    source_ms, target_ms = checkpoint.source_ms, checkpoint.target_ms
    return Finding(
        route=route,
        checkpoint=checkpoint,
        sync_lag_seconds=_seconds(sync_lag_ms(source_ms, target_ms)),
        sync_age_seconds=_seconds(sync_age_ms(int(now * 1000), last_sync_ms)),
        last_sync_timestamp_seconds=_seconds(
            None if last_sync_ms == UNKNOWN_MS else last_sync_ms
        ),
        state=state_of(source_ms, target_ms, last_sync_ms),
    )


def _seconds(millis: int | None) -> float | None:
    return None if millis is None else millis / 1000
