"""The frozen data: rows side by side, and single ones where they are wanted."""

from __future__ import annotations

from array import array
from dataclasses import FrozenInstanceError, fields
from typing import get_type_hints

import pytest
from core_cases import row
from exposition_cases import columns_of
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.types import Checkpoint, Columns, Kind

names = st.text(max_size=3)
of_type = {
    int: st.integers(0, 2**63 - 1),
    str: names,
    Kind: st.tuples(names, names, names, names),
}
checkpoints = st.builds(
    Checkpoint,
    **{name: of_type[kind] for name, kind in get_type_hints(Checkpoint).items()},
)


@given(st.lists(checkpoints, max_size=5), st.integers(0, 6))
def test_rows_and_the_first_of_them_come_out_of_columns_as_they_went_in(
    rows: list[Checkpoint], count: int
) -> None:
    """No column is mistaken for another; what is cut off keeps its numbers alone."""
    columns = columns_of(rows)
    cut = columns.first(count)

    assert list(columns.rows()) == rows
    assert list(cut.rows()) == rows[:count]
    for each in fields(Columns):
        column = getattr(cut, each.name)
        kept = len(rows) if isinstance(column, array) else len(cut)
        assert len(column) == kept, each.name


def test_what_a_poll_found_cannot_be_changed() -> None:
    """Readers share snapshots without copies."""
    with pytest.raises(FrozenInstanceError):
        row().group = "other"  # type: ignore[misc]  # that is what the test is about
