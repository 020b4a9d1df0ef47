"""How an assessment is printed: a table, lines or JSON, and what is wrong."""

from __future__ import annotations

import io
import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.model.assessment import (
    Assessment,
    CheckpointStanding,
    Grade,
    StatusReport,
    assess,
    worst,
)
from exporter.model.durations import brief_duration
from exporter.model.problems import Problem, many, problems
from exporter.model.types import State

# More than anybody reads on a screen; rich takes a millisecond for each.
MOST_ROWS = 100
# In a pipe one long name must not push all the others apart.
WIDEST = 40
NAMED = 3
MARK = "!"
HEAD = (
    "",
    "Lag",
    "Age",
    "State",
    "Group",
    "Topic",
    "Plan",
    "Item",
    "Source instance",
)
NUMBERS = ("Lag", "Age")
STYLES: Mapping[Grade, str] = {
    Grade.GOOD: "green",
    Grade.WARNING: "yellow",
    Grade.BAD: "bold red",
    Grade.UNKNOWN: "",
}
_ALWAYS_WHOLE = ("", *NUMBERS, "State")
# From how wide a terminal on a column is worth its room; JSON has all labels.
_NEEDS_WIDTH = {"Source instance": 120, "Item": 90, "Plan": 70}
_GAP = "  "
_LEFT_TO_RIGHT_MARK = "\u200e"


def show(console: Console, report: StatusReport, most: int | None = None) -> None:
    """Print the worst checkpoints, `most` of them, and what is wrong.

    Where there is no terminal all are printed by default, one a line, and what is
    wrong goes to stderr: the lines of stdout are checkpoints and nothing else.
    """
    _escape_what_stdout_lacks()
    is_terminal = console.is_terminal
    found = assess(report, most or (MOST_ROWS if is_terminal else sys.maxsize))
    if is_terminal:
        console.print(as_table(found.worst, console.width), *_notes(found), sep="\n")
        return
    sys.stdout.writelines(f"{line}\n" for line in as_lines(found.worst))
    # A reader that has gone is noticed here, and not at the interpreter's end.
    sys.stdout.flush()
    sys.stderr.writelines(f"{note.plain}\n" for note in _notes(found))


def as_json(report: StatusReport) -> str:
    """Return all checkpoints as a list of objects; unknown numbers are null."""
    return json.dumps([_object(each) for each in worst(report, sys.maxsize)], indent=2)


def as_table(rows: Sequence[CheckpointStanding], width: int) -> Table:
    """Return the table for a terminal of this width; long names are folded."""
    names = [name for name in HEAD if _NEEDS_WIDTH.get(name, 0) <= width]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(
            name,
            justify="right" if name in NUMBERS else "left",
            no_wrap=name in _ALWAYS_WHOLE,
            overflow="fold",
        )
    for row in rows:
        styles = _styles(row)
        # Text, because a name from upstream may look like markup.
        cells = zip(HEAD, _cells(row), strict=True)
        texts = (Text(cell, styles.get(name, "")) for name, cell in cells)
        table.add_row(*list(texts)[: len(names)])
    return table


def as_lines(rows: Sequence[CheckpointStanding]) -> Iterator[str]:
    """Yield the head and a line for each row: nothing is cut, and nothing coloured.

    Rich would take a minute and a half for a hundred thousand rows.
    """
    lines = [HEAD, *map(_cells, rows)]
    lengths = [[_width(cell) for cell in column] for column in zip(*lines, strict=True)]
    widths = [max(n for n in (*column, 0) if n <= WIDEST) for column in lengths]
    for line in lines:
        padded = (
            " " * (width - _width(cell)) + cell
            if name in NUMBERS
            else cell + " " * (width - _width(cell))
            for name, cell, width in zip(HEAD, line, widths, strict=True)
        )
        yield _GAP.join(padded).rstrip(" ")


def shown(name: str) -> str:
    r"""Return a name that commands no terminal and moves nothing beside it.

    Control characters, those that turn the direction of a line included, are escaped. A
    name in a right-to-left script ends in a mark without width: it would change places
    with what stands beside it otherwise.

    >>> shown("GID_orders"), shown("a\x1b[2J\u202e"), shown("")
    ('GID_orders', 'a\\x1b[2J\\u202e', '-')
    """
    if name.isascii() and name.isprintable():
        return name or "-"
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    is_turned = any(unicodedata.bidirectional(c) in {"R", "AL", "AN"} for c in text)
    return text + _LEFT_TO_RIGHT_MARK if is_turned else text


def _cells(row: CheckpointStanding) -> tuple[str, ...]:
    """Return a row in the order of `HEAD`; what is bad is marked without colour."""
    return (
        MARK if row.is_bad else "",
        brief_duration(row.lag.value),
        brief_duration(row.age.value),
        row.state.value,
        shown(row.checkpoint.group),
        shown(row.checkpoint.topic),
        shown(row.route.plan_id),
        shown(row.route.item_id),
        shown(row.checkpoint.source_instance_id),
    )


def _styles(row: CheckpointStanding) -> Mapping[str, str]:
    is_ahead = row.state is State.TARGET_AHEAD
    return {
        "": STYLES[Grade.BAD],
        "Lag": STYLES[row.lag.grade],
        "Age": STYLES[row.age.grade],
        "State": STYLES[Grade.BAD] if row.is_problem else "cyan" if is_ahead else "",
    }


def _object(row: CheckpointStanding) -> dict[str, object]:
    return {
        "plan_id": row.route.plan_id,
        "item_id": row.route.item_id,
        "source_instance_id": row.checkpoint.source_instance_id,
        "target_instance_id": row.checkpoint.target_instance_id,
        "group": row.checkpoint.group,
        "topic": row.checkpoint.topic,
        "checkpoint_id": row.checkpoint.checkpoint_id,
        "sync_lag_seconds": row.lag.value,
        "sync_age_seconds": row.age.value,
        "last_sync_timestamp_seconds": row.last_sync,
        "state": row.state.value,
    }


def _notes(found: Assessment) -> Iterator[Text]:
    """Yield a line for how much there is, and one for each thing that is wrong."""
    wrong = list(problems(found))
    if total := found.checkpoints:
        routes = sum(route.status.rollup is not None for route in found.routes)
        counted = f"{many(total, 'checkpoint')} on {many(routes, 'route')}"
        yield Text(counted + ("." if wrong else ": all within their objectives."))
    if found.more:
        yield Text(
            f"The worst {len(found.worst):,} are shown; `poll` shows all in a pipe"
            " (poll | less -S), and with --output=json."
        )
    for problem in wrong:
        # Text, because a name from upstream may look like markup.
        yield Text.assemble((f"{MARK} ", STYLES[problem.grade]), _sentence(problem))


def _sentence(problem: Problem) -> str:
    listed = ", ".join(map(shown, problem.subjects[:NAMED]))
    more = len(problem.subjects) - NAMED
    where = f" ({listed}{f' and {more:,} more' if more > 0 else ''})" if listed else ""
    return f"{problem.what}{where}: {problem.remedy}."


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _escape_what_stdout_lacks() -> None:
    """Have letters that stdout's encoding lacks escaped instead of raising."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
