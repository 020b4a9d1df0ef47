"""The frozen data: rows side by side, and single ones where they are wanted."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import pytest
from core_cases import ROUTE, SIBLING, row
from exposition_cases import columns_of, snapshot_of
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.types import (
    PROBLEMS,
    Checkpoint,
    Columns,
    Route,
    State,
)

names = st.text(max_size=3)
numbers = st.integers(0, 2**63 - 1)
checkpoints = st.builds(
    Checkpoint,
    checkpoint_id=numbers,
    group=names,
    topic=names,
    source_instance_id=names,
    target_instance_id=names,
    last_sync_ms=numbers,
    source_ms=numbers,
    target_ms=numbers,
    source_fetch_ms=numbers,
    target_fetch_ms=numbers,
    target_group=names,
    target_topic=names,
    kind=st.tuples(names, names, names, names),
)


@given(st.lists(checkpoints, max_size=5))
def test_rows_come_out_of_columns_as_they_went_in(rows: list[Checkpoint]) -> None:
    """No column is mistaken for another, whatever stands in it."""
    columns = columns_of(rows)

    assert list(columns.rows()) == rows
    assert len(columns) == len(rows)


@given(st.lists(checkpoints, max_size=5), st.integers(0, 6))
def test_the_first_rows_are_cut_from_every_column(
    rows: list[Checkpoint], count: int
) -> None:
    """What is cut off leaves no trace in any column."""
    cut = columns_of(rows).first(count)

    assert list(cut.rows()) == rows[:count]
    assert {len(getattr(cut, field.name)) for field in fields(Columns)} == {len(cut)}


def test_a_snapshot_is_as_long_as_its_columns() -> None:
    """Dropped checkpoints have no row, and are not counted as if they had."""
    assert len(snapshot_of(ROUTE, row(1), row(2), dropped=7)) == 2


def test_what_a_poll_found_cannot_be_changed() -> None:
    """Readers share snapshots without copies."""
    with pytest.raises(FrozenInstanceError):
        row().group = "other"  # type: ignore[misc]  # that is what the test is about


def test_routes_sort_by_plan_item_and_instance() -> None:
    """Their order is the order of everything that is shown."""
    second = replace(ROUTE, item_id="11")

    assert sorted([second, SIBLING, ROUTE]) == [ROUTE, SIBLING, second]


def test_a_route_knows_nothing_but_how_it_is_polled() -> None:
    """Equal ids are the same route, and a filter makes another poll of it."""
    assert Route("1", "10", ROUTE.source_instance_id, ROUTE.region) == ROUTE
    assert replace(ROUTE, filter="orders") != ROUTE


def test_a_target_ahead_is_no_problem() -> None:
    """In a two-way plan it may be so in truth."""
    assert set(State) - set(PROBLEMS) == {State.OK, State.TARGET_AHEAD}
