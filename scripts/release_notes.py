"""Prints the notes of a release: its section of CHANGELOG.md.

Usage: python -m scripts.release_notes [TAG]. With a tag, which must be that of the
exporter's version, the section of the version; without one, the unreleased changes.
"""

import re
import sys
from pathlib import Path

from exporter import __version__

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
UNRELEASED = "Unreleased"

_HEADING = re.compile(r"^## \[([^\]]+)\].*$", re.MULTILINE)


def notes(changelog: str, version: str) -> str:
    r"""Return a version's section, without its heading.

    Links into the repository become their text: the page of a release has no files.

    >>> notes("# Changelog\n\n## [1.0]\n\n- See [this](docs/a.md).\n", "1.0")
    '- See this.\n'

    Raises:
        ValueError: there is no such section, or it is empty.
    """
    headings = list(_HEADING.finditer(changelog))
    for place, heading in enumerate(headings):
        if heading[1] == version:
            ends = [each.start() for each in headings[place + 1 :]]
            text = changelog[heading.end() : ends[0] if ends else None].strip()
            if not text and version == UNRELEASED:
                return "Nothing yet.\n"
            if not text:
                raise ValueError(f"CHANGELOG.md says nothing of {version}")
            return re.sub(r"\[([^\]]+)\]\((?!https?://)[^)]+\)", r"\1", text) + "\n"
    raise ValueError(f"CHANGELOG.md has no section [{version}]")


def released(tag: str | None) -> str:
    """Return the heading in the changelog of this release.

    Raises:
        ValueError: the tag is that of another version.
    """
    if tag is None:
        return UNRELEASED
    if tag != f"v{__version__}":
        raise ValueError(f"the tag is {tag}, the version {__version__}")
    return __version__


def main(tag: str | None) -> None:
    """Print the notes."""
    print(notes(CHANGELOG.read_text(encoding="utf-8"), released(tag)), end="")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if sys.argv[1:] else None)
    except ValueError as error:
        sys.exit(str(error))
