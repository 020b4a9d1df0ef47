"""A short run of what `make fuzz` runs for long: the same inputs every time."""

from __future__ import annotations

import pytest
from fuzz import tried
from fuzzing import TARGETS, Target
from hypothesis import strategies as st


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_nothing_that_is_read_makes_the_reader_fail(target: Target) -> None:
    """Every input is taken, or refused in the way that is documented."""
    assert tried(target, examples=60, seed=1) >= 60


def test_a_failure_is_told_with_its_input() -> None:
    """Whoever finds one can try it again."""

    def check(number: int) -> None:
        assert number < 7

    target = Target("numbers", st.integers(0, 99), check)
    with pytest.raises(AssertionError) as caught:
        tried(target, examples=100, seed=1)
    assert "value=7" in "".join(caught.value.__notes__).replace(" ", "")
