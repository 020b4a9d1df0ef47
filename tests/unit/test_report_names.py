"""Names from upstream commands no terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_cases import NASTY

from exporter.app.report.names import shown


@given(st.text(st.characters(), min_size=1, max_size=60))
def test_no_name_holds_what_a_terminal_would_obey(name: str) -> None:
    """No control, no format and no separator character is left but the one mark."""
    text = shown(name).removesuffix("\u200e")

    bad = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not bad & {unicodedata.category(c) for c in text}


@pytest.mark.parametrize("name", ["GID_orders", "消费组", "o\u0308", "a b", "[b]"])
def test_a_harmless_name_is_shown_as_it_is(name: str) -> None:
    """In any script."""
    assert shown(name) == name


@pytest.mark.parametrize("name", [NASTY["hebrew"], NASTY["arabic"], "a\u0661"])
def test_a_right_to_left_name_ends_in_a_mark(name: str) -> None:
    """What stands beside it keeps its place."""
    assert shown(name) == f"{name}\u200e"


def test_a_name_that_turns_the_line_is_escaped() -> None:
    """Overrides and isolates are shown, and turn nothing."""
    assert shown(NASTY["override"]) == r"a\u202eb\u2066c"


def test_an_unsaid_name_is_a_dash() -> None:
    """An empty cell would shift the columns for whoever splits at spaces."""
    assert shown("") == "-"
