"""How an assessment is printed: a table, lines or JSON, and what is wrong."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.model.assessment import (
    Assessment,
    CheckpointStanding,
    Grade,
    StatusReport,
    assess,
    count_of,
    worst,
)
from exporter.model.durations import brief_duration
from exporter.model.problems import Problem, many, problems, verdict
from exporter.model.types import State

# More than anybody reads on a screen; rich takes a millisecond for each.
MOST_ROWS = 100
# In a pipe one long name must not push all the others apart.
WIDEST = 40
NAMED = 3
MARK = "!"
NUMBERS = ("Delay", "Lag", "Age")
NAMES = ("Group", "Topic", "Plan", "Item", "Source instance")
HEAD = ("", *NUMBERS, "State", *NAMES)
STYLES: Mapping[Grade, str] = {
    Grade.GOOD: "green",
    Grade.WARNING: "yellow",
    Grade.BAD: "bold red",
    Grade.UNKNOWN: "",
}
# From how wide a terminal on a column is worth its room; JSON has all labels.
_NEEDS_WIDTH = {"Source instance": 120, "Item": 90, "Plan": 70}
_GAP = "  "


def show(console: Console, report: StatusReport, most: int | None = None) -> None:
    """Print the worst checkpoints, `most` of them, what is wrong, each plan's verdict.

    Where there is no terminal all checkpoints are printed by default, one a line, and
    the verdicts after an empty line. What is wrong goes to stderr.
    """
    _escape_what_stdout_lacks()
    is_terminal = console.is_terminal
    found = assess(report, most or (MOST_ROWS if is_terminal else sys.maxsize))
    if is_terminal:
        table = as_table(found.worst, console.width)
        console.print(table, *_notes(found), *_verdicts(found), sep="\n")
        return
    verdicts = [line.plain for line in _verdicts(found)]
    lines = chain(as_lines(found.worst), ["", *verdicts] if verdicts else [])
    sys.stdout.writelines(f"{line}\n" for line in lines)
    # A reader that has gone is noticed here, and not at the interpreter's end.
    sys.stdout.flush()
    sys.stderr.writelines(f"{note.plain}\n" for note in _notes(found))


def as_json(report: StatusReport) -> str:
    """Return all checkpoints as a list of objects; unknown numbers are null."""
    return json.dumps([_object(each) for each in worst(report, sys.maxsize)], indent=2)


def as_table(rows: Sequence[CheckpointStanding], width: int) -> Table:
    """Return the table for a terminal of this width; long names are folded."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in HEAD:
        if _NEEDS_WIDTH.get(name, 0) <= width:
            table.add_column(
                name,
                justify="right" if name in NUMBERS else "left",
                no_wrap=name not in NAMES,
                overflow="fold",
            )
    for row in rows:
        styles, cells = _styles(row), zip(HEAD, _cells(row), strict=True)
        # Text, because a name from upstream may look like markup.
        texts = [Text(cell, styles.get(name, "")) for name, cell in cells]
        table.add_row(*texts[: len(table.columns)])
    return table


def as_lines(rows: Sequence[CheckpointStanding]) -> Iterator[str]:
    """Yield the head and a line for each row: nothing is cut, and nothing coloured.

    Rich would take a minute and a half for a hundred thousand rows.
    """
    lines = [HEAD, *map(_cells, rows)]
    lengths = (map(len, column) for column in zip(*lines, strict=True))
    widths = [max(n for n in (*column, 0) if n <= WIDEST) for column in lengths]
    for line in lines:
        padded = (
            cell.rjust(width) if name in NUMBERS else cell.ljust(width)
            for name, cell, width in zip(HEAD, line, widths, strict=True)
        )
        yield _GAP.join(padded).rstrip(" ")


def shown(name: str) -> str:
    r"""Return a name with control characters escaped, so that no terminal obeys it.

    >>> shown("GID_orders"), shown("a\x1b[2J\u202e"), shown("")
    ('GID_orders', 'a\\x1b[2J\\u202e', '-')
    """
    if name.isprintable():
        return name or "-"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def _cells(row: CheckpointStanding) -> tuple[str, ...]:
    """Return a row in the order of `HEAD`; what is bad is marked without colour."""
    return (
        MARK if row.is_bad else "",
        brief_duration(row.delay.value),
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
    bad, is_ahead = STYLES[Grade.BAD], row.state is State.TARGET_AHEAD
    return {
        "": bad,
        "Delay": STYLES[row.delay.grade],
        "Age": STYLES[row.age.grade],
        "State": bad if row.is_problem else "cyan" if is_ahead else "",
    }


def _object(row: CheckpointStanding) -> dict[str, object]:
    last_sync_ms = row.checkpoint.last_sync_ms
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
        "last_sync_timestamp_seconds": last_sync_ms / 1000 if last_sync_ms else None,
        "state": row.state.value,
    }


def _verdicts(found: Assessment) -> Iterator[Text]:
    """Yield a line for each plan: ready to fail over, or why not."""
    for plan in found.plans:
        style = STYLES[Grade.BAD if plan.blockers else Grade.GOOD]
        yield Text.assemble(f"{shown(plan.name)}: ", (shown(verdict(plan)), style))


def _notes(found: Assessment) -> Iterator[Text]:
    """Yield a line for how much there is, and one for each thing that is wrong."""
    wrong = list(problems(found))
    if checkpoints := count_of(found.rollup):
        routes = many(sum(it.rollup is not None for it in found.routes), "route")
        counted = f"{many(checkpoints, 'checkpoint')} on {routes}"
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


def _escape_what_stdout_lacks() -> None:
    """Have letters that stdout's encoding lacks escaped instead of raising."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
