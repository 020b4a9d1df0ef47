"""Which checkpoints are the worst, and how numbers read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_cases import OTHER, ROUTE, SIBLING, SYNCED_AT_MS, row
from exposition_cases import snapshot_of, status_of
from hypothesis import given
from hypothesis import strategies as st
from landing_cases import large

from exporter.model.types import Checkpoint, RouteStatus, State
from exporter.polling.worst import (
    ROWS_BETWEEN_PAUSES,
    findings,
    searched,
    seconds,
    worst,
)

NOW = SYNCED_AT_MS / 1000 + 12.5
lags = st.lists(st.none() | st.integers(-3_000, 3_000), max_size=12)


def found(*rows: Checkpoint, hidden: frozenset[int] = frozenset()) -> RouteStatus:
    """Return the status of a route that shows these rows but the hidden ones."""
    return status_of(snapshot_of(ROUTE, *rows), hidden=hidden)


def test_a_finding_is_in_seconds_and_says_the_state() -> None:
    """Lag, age and last sync, each from the checkpoint's milliseconds."""
    (finding,) = findings([found(row(lag_ms=1_250))], NOW)

    assert (finding.route, finding.checkpoint) == (ROUTE, row(lag_ms=1_250))
    assert finding.sync_lag_seconds == 1.25
    assert finding.sync_age_seconds == 12.5
    assert finding.last_sync_timestamp_seconds == SYNCED_AT_MS / 1000
    assert finding.state is State.OK


def test_what_is_unknown_stays_unknown() -> None:
    """None, and never 0."""
    (finding,) = findings([found(row(lag_ms=None, last_sync_ms=0))], NOW)

    assert finding.sync_lag_seconds is None
    assert finding.sync_age_seconds is None
    assert finding.last_sync_timestamp_seconds is None
    assert finding.state is State.NEVER_SYNCED


def test_only_what_is_shown_is_found() -> None:
    """No hidden row, and nothing of a route without a snapshot."""
    shown = found(row(1, "a"), row(2, "b"), hidden=frozenset({0}))
    statuses = [shown, RouteStatus(SIBLING)]

    assert [f.checkpoint.group for f in findings(statuses, NOW)] == ["b"]
    assert [f.checkpoint.group for f in worst(statuses, NOW, 10)] == ["b"]


@given(lags, lags, st.integers(0, 30))
def test_the_worst_lag_most_and_the_unknown_come_last(
    here: list[int | None], there: list[int | None], count: int
) -> None:
    """Over all routes, and the order among equals is that of the rows."""
    rows = [row(number, lag_ms=lag) for number, lag in enumerate(here)]
    more = [row(100 + number, lag_ms=lag) for number, lag in enumerate(there)]
    statuses = [found(*rows), status_of(snapshot_of(OTHER, *more))]

    listed = worst(statuses, NOW, count)

    everything = list(findings(statuses, NOW))
    known = [f for f in everything if f.sync_lag_seconds is not None]
    known.sort(key=lambda f: f.sync_lag_seconds or 0.0, reverse=True)
    unknown = [f for f in everything if f.sync_lag_seconds is None]
    assert listed == (known + unknown)[:count]


def test_the_worst_of_many_rows_are_found_between_pauses() -> None:
    """Those of every part that is looked at, and no part is left out."""
    statuses = [large(ROUTE, 2 * ROWS_BETWEEN_PAUSES + 2), large(OTHER, 3)]
    everything = sorted(
        findings(statuses, NOW), key=lambda f: f.sync_lag_seconds or 0.0, reverse=True
    )

    pauses = 0
    searching = searched(statuses, NOW, 50)
    while True:
        try:
            next(searching)
        except StopIteration as end:
            listed = end.value
            break
        pauses += 1

    assert listed == everything[:50]
    assert pauses == 3 + 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0s"),
        (0.25, "0.25s"),
        (-0.25, "-0.25s"),
        (59.94, "59.9s"),
        (59.96, "1m"),
        (60.4, "1m"),
        (-61.0, "-1m 1s"),
        (3_599.6, "1h"),
        (90_061.0, "1d 1h 1m 1s"),
        (86_400.0, "1d"),
    ],
)
def test_seconds_read_as_a_person_says_them(value: float | None, text: str) -> None:
    """Three digits below a minute, whole seconds above, and the sign is kept."""
    assert seconds(value) == text


def test_findings_keep_the_order_of_routes_and_rows() -> None:
    """Two runs of `poll` can be compared line by line."""
    first = found(row(1, "b", lag_ms=1), row(2, "a", lag_ms=9))
    second = status_of(snapshot_of(OTHER, replace(row(3, "c"), topic="t")))

    listed = [f.checkpoint.checkpoint_id for f in findings([first, second], NOW)]

    assert listed == [1, 2, 3]
