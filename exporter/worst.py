"""Which checkpoints are the worst, and what is said of one to a person. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter.lag import state_of, sync_age_ms, sync_lag_ms
from exporter.model import UNKNOWN_MS, Checkpoint, Route, State
from exporter.store import RouteStatus


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
    for status, index, _ in _rows(statuses):
        if status.snapshot is not None:
            yield _finding(status.route, status.snapshot.columns.row(index), now)


def worst(statuses: Iterable[RouteStatus], now: float, count: int) -> list[Finding]:
    """Return the `count` checkpoints with the largest lag, the unknown ones last."""
    rows = heapq.nsmallest(count, _rows(statuses), key=lambda row: row[2])
    return [
        _finding(status.route, status.snapshot.columns.row(index), now)
        for status, index, _ in rows
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


def _rows(
    statuses: Iterable[RouteStatus],
) -> Iterator[tuple[RouteStatus, int, float]]:
    """Yield status, row and rank of each checkpoint that is shown."""
    for status in statuses:
        if status.snapshot is None:
            continue
        columns = status.snapshot.columns
        sides = zip(columns.source_ms, columns.target_ms, strict=True)
        for index, (source, target) in enumerate(sides):
            if index in status.hidden:
                continue
            lag = sync_lag_ms(source, target)
            yield status, index, float("inf") if lag is None else -lag


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
