"""A short run of what `make fuzz` runs for long: the same inputs every time."""

from __future__ import annotations

import pytest
from fuzz import tried
from fuzzing import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_nothing_that_is_read_makes_the_reader_fail(target: Target) -> None:
    """Every input is taken, or refused in the way that is documented."""
    assert tried(target, examples=60, seed=1) >= 60
