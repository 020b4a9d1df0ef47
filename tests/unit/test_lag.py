"""What lag, age and state mean, against a second reading of the contract."""

from __future__ import annotations

import pytest
from core_cases import row
from exposition_cases import columns_of
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.lag import (
    BUCKET_BOUNDS_MS,
    merged,
    roll_up,
    rollup,
    state_of,
    sync_age_ms,
    sync_lag_ms,
)
from exporter.model.time_slicer import SLICE_ROWS
from exporter.model.types import UNKNOWN_MS, State

NOON = 1_740_724_080_000
# Unknown, or so near to one another that lags of every sign and bucket come up.
times = st.one_of(
    st.just(UNKNOWN_MS),
    st.integers(NOON - 10, NOON + 10),
    st.integers(NOON - 100_000_000, NOON + 100_000_000),
)
rows = st.lists(st.tuples(times, times, times), max_size=20)


@given(times, times)
def test_lag_and_age_are_known_only_where_their_times_are(one: int, other: int) -> None:
    """The lag is signed; what is unknown is neither 0 nor the time since 1970."""
    assert sync_lag_ms(one, other) == (one - other if one and other else None)
    assert sync_age_ms(NOON, one) == (NOON - one if one else None)


@pytest.mark.parametrize(
    ("source", "target", "last_sync", "state"),
    [
        (0, 0, 0, State.SOURCE_MISSING),
        (0, NOON, NOON, State.SOURCE_MISSING),
        (0, 0, NOON, State.SOURCE_MISSING),
        (NOON, 0, 0, State.NEVER_SYNCED),
        (NOON, 0, NOON, State.TARGET_MISSING),
        (NOON, NOON + 1, NOON, State.TARGET_AHEAD),
        (NOON, NOON + 1, 0, State.TARGET_AHEAD),
        (NOON, NOON, NOON, State.OK),
        (NOON, NOON - 1, 0, State.OK),
    ],
)
def test_the_first_state_that_fits_is_the_state(
    source: int, target: int, last_sync: int, state: State
) -> None:
    """What fits several states has the one that the contract names first."""
    assert state_of(source, target, last_sync) is state


@given(rows)
def test_a_rollup_is_what_its_rows_come_to(rows: list[tuple[int, int, int]]) -> None:
    """Counts, maxima and buckets are those of a naive loop."""
    lags = [s - t for s, t, _ in rows if s and t]
    synced = [last for *_, last in rows if last]

    found = rollup([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])

    states = [state_of(*row) for row in rows]
    assert found.states == {state: states.count(state) for state in State}
    assert found.max_lag_ms == (max(lags) if lags else None)
    assert found.oldest_sync_ms == (min(synced) if synced else None)
    assert found.lag_buckets == tuple(
        sum(lag <= bound for lag in lags) for bound in BUCKET_BOUNDS_MS
    )
    assert (found.lag_count, found.lag_sum_ms) == (len(lags), sum(lags))


@given(rows, st.integers(0, 20), st.integers(0, 20))
def test_parts_come_to_the_same_as_the_whole(
    checkpoints: list[tuple[int, int, int]], cut: int, second_cut: int
) -> None:
    """However a route is cut to be rolled up in slices."""
    first, second = sorted((cut, second_cut))
    cuts = checkpoints[:first], checkpoints[first:second], checkpoints[second:]

    parts = [rollup(*_columns(part)) for part in cuts]

    assert merged(parts) == rollup(*_columns(checkpoints))


async def test_hidden_rows_are_left_out_of_every_slice() -> None:
    """Their indexes are those of the whole route."""
    rows = [row(n, lag_ms=n) for n in range(2 * SLICE_ROWS)]
    hidden = {0, 2 * SLICE_ROWS - 1}

    found = await roll_up(columns_of(rows), hidden)

    assert found == await roll_up(columns_of(rows[1:-1]))
    assert found.max_lag_ms == 2 * SLICE_ROWS - 2


def _columns(checkpoints: list[tuple[int, int, int]]) -> list[list[int]]:
    return [[row[place] for row in checkpoints] for place in range(3)]
