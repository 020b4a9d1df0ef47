"""What `poll` and `demo` print: table and notes, for a terminal or a pipe.

It asks nobody: what it shows is a survey.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from exporter.app.report.grades import Grade
from exporter.app.report.notes import Note, notes
from exporter.app.report.plain import as_lines
from exporter.app.report.survey import Survey
from exporter.app.report.table import STYLES, as_table
from exporter.polling.worst import Finding, worst

# More than anybody reads on a screen; rich takes a millisecond for each.
MOST_ROWS = 100
# Title, head and the line under it, three blank ones, and the bar.
_LINES_AROUND = 7
_MARK = "! "


def show(console: Console, survey: Survey, most: int | None = None) -> None:
    """Print the worst checkpoints, and the notes.

    Where there is no terminal it is all of them, unless `most` says how many, and the
    notes go to stderr: whoever counts lines counts checkpoints.
    """
    if console.is_terminal:
        found = worst(survey.statuses, survey.at, most or MOST_ROWS)
        said = notes(survey, len(found))
        console.print(_drawn(survey, found, said, width=console.width))
        return
    found = worst(survey.statuses, survey.at, most or sys.maxsize)
    said = notes(survey, len(found))
    below = (f"{_MARK if note.is_trouble else ''}{note.text}" for note in said)
    sys.stdout.writelines(f"{line}\n" for line in as_lines(found, survey.limits))
    # Here it is told when whoever read has gone, and not at the interpreter's end.
    sys.stdout.flush()
    sys.stderr.writelines(f"{line}\n" for line in below)


class Watched:
    """What a survey comes to, as much of it as a terminal has lines for.

    `below` is what stands under it: how far the next polls are, for one.
    """

    def __init__(self) -> None:
        self.below: RenderableType = ""
        self._renew("", None)

    def renew(self, survey: Survey, words: str) -> None:
        """Show another survey from now on; `words` say when the next one is due."""
        at = time.strftime("%H:%M:%S", time.localtime(survey.at))
        self._renew(f"As of {at}, {words}", survey)

    def _renew(self, title: str, survey: Survey | None) -> None:
        # In one piece, for it is drawn by a thread of rich's.
        self._shown = title, survey, _Choice(survey) if survey else None

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        title, survey, choice = self._shown
        if survey is not None and choice is not None:
            width = options.max_width
            found, said = choice.fitting(console, options)
            yield Text(title, "bold")
            yield _drawn(survey, found, said, width=width, is_cut=True)
        yield self.below


class _Choice:
    """Which checkpoints and notes of one survey there is room for."""

    def __init__(self, survey: Survey) -> None:
        self._found = worst(survey.statuses, survey.at, MOST_ROWS)
        self._notes = lru_cache(maxsize=2)(partial(notes, survey))

    def fitting(
        self, console: Console, options: ConsoleOptions
    ) -> tuple[Sequence[Finding], Sequence[Note]]:
        """Return what fits, with one checkpoint at least."""
        longest = console.render_lines(_written(self._notes(0)), options)
        rows = max(1, console.height - len(longest) - _LINES_AROUND)
        found = self._found[:rows]
        return found, self._notes(len(found))


def _drawn(
    survey: Survey,
    found: Iterable[Finding],
    said: Iterable[Note],
    *,
    width: int,
    is_cut: bool = False,
) -> Group:
    table = as_table(found, survey.limits, width=width, is_cut=is_cut)
    return Group(table, _written(said))


def _written(said: Iterable[Note]) -> Text:
    """Return notes a line each; Text, for a name in one may look like markup."""
    lines = [
        Text.assemble((_MARK, STYLES[Grade.OVER]), note.text)
        if note.is_trouble
        else Text(note.text)
        for note in said
    ]
    return Text("\n").join(lines)
