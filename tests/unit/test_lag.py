"""What lag, age and state mean, against a second reading of the contract."""

from __future__ import annotations

import pytest
from core_cases import row
from exposition_cases import columns_of
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.lag import (
    BUCKET_BOUNDS_MS,
    Times,
    merged,
    roll_up,
    rollup,
    state_of,
    sync_age_ms,
    sync_lag_ms,
)
from exporter.model.time_slicer import SLICE_ROWS
from exporter.model.types import UNKNOWN_DELAY_MS, UNKNOWN_MS, Limits, State

NOON = 1_740_724_080_000
Row = tuple[int, int, int, int]
# Unknown, or so near to one another that lags of every sign and bucket come up.
times = st.one_of(
    st.just(UNKNOWN_MS),
    st.integers(NOON - 10, NOON + 10),
    st.integers(NOON - 100_000_000, NOON + 100_000_000),
)
delays = st.one_of(st.just(UNKNOWN_DELAY_MS), st.integers(0, 700_000))
rows = st.lists(st.tuples(times, times, times, delays), max_size=20)
limits = st.builds(
    Limits,
    st.sampled_from([0.0, 300.0]),
    st.sampled_from([0.0, 0.005, 600.0]),
    is_auto_synced=st.booleans(),
)


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


@given(rows, limits)
def test_a_rollup_is_what_its_rows_come_to(
    checkpoints: list[Row], most: Limits
) -> None:
    """Counts, extremes and buckets are those of a naive loop."""
    lags = [s - t for s, t, *_ in checkpoints if s and t]
    synced = [last for _, _, last, _ in checkpoints if last]
    known = [delay for *_, delay in checkpoints if delay >= 0]

    found = rollup(_columns(checkpoints), most, NOON)

    states = [state_of(*row[:3]) for row in checkpoints]
    assert found.states == {state: states.count(state) for state in State}
    assert found.max_lag_ms == (max(lags) if lags else None)
    assert found.max_delay_ms == (max(known) if known else None)
    assert found.oldest_sync_ms == (min(synced) if synced else None)
    assert found.lag_buckets == tuple(
        sum(lag <= bound for lag in lags) for bound in BUCKET_BOUNDS_MS
    )
    assert (found.lag_count, found.lag_sum_ms) == (len(lags), sum(lags))


@given(rows, limits)
def test_a_checkpoint_is_ready_if_it_is_known_and_over_no_objective(
    checkpoints: list[Row], most: Limits
) -> None:
    """An objective of 0, or for age without automatic sync, counts nothing."""
    late = stalled = ready = 0
    for source, target, last, delay in checkpoints:
        is_late = most.lag > 0 and delay > most.lag * 1000
        counts_age = most.is_auto_synced and most.age > 0
        is_stalled = counts_age and last > 0 and NOON - last > most.age * 1000
        late, stalled = late + is_late, stalled + is_stalled
        ready += source > 0 and target > 0 and not is_late and not is_stalled

    found = rollup(_columns(checkpoints), most, NOON)

    assert found.ready == ready
    assert found.late == (late if most.lag else None)
    assert found.stalled == (stalled if most.is_auto_synced and most.age else None)


@given(rows, limits, st.integers(0, 20), st.integers(0, 20))
def test_parts_come_to_the_same_as_the_whole(
    checkpoints: list[Row], most: Limits, cut: int, second_cut: int
) -> None:
    """However a route is cut to be rolled up in slices."""
    first, second = sorted((cut, second_cut))
    cuts = checkpoints[:first], checkpoints[first:second], checkpoints[second:]

    parts = [rollup(_columns(part), most, NOON) for part in cuts]

    assert merged(parts) == rollup(_columns(checkpoints), most, NOON)


async def test_hidden_rows_are_left_out_of_every_slice() -> None:
    """Their indexes are those of the whole route."""
    rows = [row(n, lag_ms=n) for n in range(2 * SLICE_ROWS)]
    hidden = {0, 2 * SLICE_ROWS - 1}

    found = await roll_up(columns_of(rows), Limits(), NOON, hidden)

    assert found == await roll_up(columns_of(rows[1:-1]), Limits(), NOON)
    assert found.max_lag_ms == 2 * SLICE_ROWS - 2


def _columns(checkpoints: list[Row]) -> Times:
    source, target, last_sync, delay = (
        [row[place] for row in checkpoints] for place in range(4)
    )
    return source, target, last_sync, delay
