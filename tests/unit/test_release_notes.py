"""The notes of a release are its section of the changelog, and never another's."""

import pytest

from exporter import __version__
from scripts.release_notes import CHANGELOG, main, notes, released

TEXT = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-03-01

## [1.1.0] - 2026-02-01

### Added

- A page, [docs/a.md](docs/a.md), after
  [theirs](https://example.com/b).

## [1.0.0] - 2026-01-01

- The first.
"""


def test_a_section_ends_where_the_next_begins() -> None:
    """With its sub-headings, but without its own."""
    assert notes(TEXT, "1.1.0") == (
        "### Added\n\n- A page, docs/a.md, after\n  [theirs](https://example.com/b).\n"
    )


def test_the_last_section_ends_with_the_file() -> None:
    """Nothing follows it."""
    assert notes(TEXT, "1.0.0") == "- The first.\n"


def test_nothing_may_have_changed_since_the_last_release() -> None:
    """A build between two releases is no fault."""
    assert notes(TEXT, "Unreleased") == "Nothing yet.\n"


@pytest.mark.parametrize(
    ("version", "complaint"),
    [("1.2.0", "says nothing of"), ("1.0", "has no section"), ("1", "no section")],
)
def test_what_is_not_told_is_not_released(version: str, complaint: str) -> None:
    """An empty section and none at all are faults, not empty notes."""
    with pytest.raises(ValueError, match=complaint):
        notes(TEXT, version)


def test_a_tag_must_be_that_of_the_version() -> None:
    """The wheel would be called otherwise than the release."""
    assert released(f"v{__version__}") == __version__
    assert released(None) == "Unreleased"
    for wrong in (__version__, "v9.9.9", ""):
        with pytest.raises(ValueError, match="the tag is"):
            released(wrong)


def test_without_a_tag_the_notes_are_of_what_is_unreleased(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They are printed as they are."""
    main(None)

    out = capsys.readouterr().out
    assert out == notes(CHANGELOG.read_text(encoding="utf-8"), "Unreleased")
