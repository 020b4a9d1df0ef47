"""How an assessment is printed: a table, lines or JSON, and what is wrong."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.model.assessment import (
    Assessment,
    CheckpointStanding,
    Grade,
    PlanStanding,
    count_of,
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
NUMBERS = ("Lag", "Age")
NAMES = ("Group", "Topic", "Plan", "Item", "Source instance")
HEAD = ("", *NUMBERS, "State", *NAMES)
STYLES: Mapping[Grade, str] = {
    Grade.GOOD: "green",
    Grade.WARNING: "yellow",
    Grade.BAD: "bold red",
    Grade.UNKNOWN: "",
}
# From how wide a terminal on a column is worth its room; JSON has all labels.
_NEEDS_WIDTH = {"Source instance": 120, "Item": 90, "Plan": 70, "Topic": 50}
_GAP = "  "


def show(console: Console, found: Assessment) -> None:
    """Print the worst checkpoints, what is wrong, and each plan's verdict last.

    Where there is no terminal they are printed one a line, the verdicts after an empty
    line, and what is wrong goes to stderr.
    """
    _escape_what_stdout_lacks()
    if console.is_terminal:
        table = [as_table(found, console.width)] if found.worst else []
        console.print(*table, *_notes(found), *_verdicts(found), sep="\n")
        return
    verdicts = [line.plain for line in _verdicts(found)]
    lines = chain(as_lines(found), ["", *verdicts] if found.worst else verdicts)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    # A reader that has gone is noticed here, and not at the interpreter's end.
    sys.stdout.flush()
    sys.stderr.writelines(f"{note.plain}\n" for note in _notes(found))


def tell(found: Assessment, *, has_verdicts: bool) -> None:
    """Print on stderr what failed, and the verdicts if they are wanted."""
    failed = [_line(problem) for problem in problems(found) if problem.is_failure]
    told = (*failed, *_verdicts(found)) if has_verdicts else failed
    sys.stderr.writelines(f"{line.plain}\n" for line in told)


def as_json(found: Assessment) -> str:
    """Return the worst checkpoints as a list of objects; unknown numbers are null."""
    return json.dumps([_object(each) for each in found.worst], indent=2)


def as_table(found: Assessment, width: int) -> Table:
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
    plans = _names(found)
    for row in found.worst:
        styles, cells = _styles(row), zip(HEAD, _cells(row, plans), strict=True)
        # Text, because a name from upstream may look like markup.
        texts = [Text(cell, styles.get(name, "")) for name, cell in cells]
        table.add_row(*texts[: len(table.columns)])
    return table


def as_lines(found: Assessment) -> Iterator[str]:
    """Yield the head and a line for each row: nothing is cut, and nothing coloured.

    Rich would take a minute and a half for a hundred thousand rows.
    """
    if not found.worst:
        return
    plans = _names(found)
    lines = [HEAD, *(_cells(row, plans) for row in found.worst)]
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


def _names(found: Assessment) -> Mapping[str, str]:
    return {plan.plan_id: plan.name for plan in found.plans}


def _cells(row: CheckpointStanding, plans: Mapping[str, str]) -> tuple[str, ...]:
    """Return a row in the order of `HEAD`; what is bad is marked without colour."""
    return (
        MARK if row.is_bad else "",
        brief_duration(row.lag.value),
        brief_duration(row.age.value),
        row.state.value,
        shown(row.checkpoint.group),
        shown(row.checkpoint.topic),
        shown(plans.get(row.route.plan_id, row.route.plan_id)),
        shown(row.route.item_id),
        shown(row.checkpoint.source_instance_id),
    )


def _styles(row: CheckpointStanding) -> Mapping[str, str]:
    bad, is_ahead = STYLES[Grade.BAD], row.state is State.TARGET_AHEAD
    is_over = replace(row.lag, objective=row.delay.objective).grade is Grade.BAD
    lag = Grade.WARNING if is_over else Grade.UNKNOWN
    return {
        "": bad,
        # Only a second poll tells whether it is late.
        "Lag": bad if row.delay.grade is Grade.BAD else STYLES[lag],
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
        yield Text.assemble(f"{_title(plan)}: ", (shown(verdict(plan)), style))


def _title(plan: PlanStanding) -> str:
    """Return a plan's name, its id, and what it promises."""
    promises = {"lag": plan.limits.most_delay, "age": plan.limits.most_age}
    told = [f"{name} {brief_duration(most)}" for name, most in promises.items() if most]
    ids = [shown(plan.plan_id)] if plan.name != plan.plan_id else []
    beside = ", ".join([*ids, *(["objectives " + ", ".join(told)] if told else [])])
    return shown(plan.name) + (f" ({beside})" if beside else "")


def _notes(found: Assessment) -> Iterator[Text]:
    """Yield a line for how much there is, and one for each thing that is wrong."""
    wrong = list(problems(found))
    if checkpoints := count_of(found.rollup):
        routes = many(sum(it.rollup is not None for it in found.routes), "route")
        yield Text(f"{many(checkpoints, 'checkpoint')} on {routes}.")
    if found.more:
        listed, all_of = len(found.worst), len(found.worst) + found.more
        yield Text(f"The worst {listed:,} of {all_of:,} are listed; see --limit.")
    yield from map(_line, wrong)


def _line(problem: Problem) -> Text:
    listed = ", ".join(map(shown, problem.subjects[:NAMED]))
    more = len(problem.subjects) - NAMED
    where = f" ({listed}{f' and {more:,} more' if more > 0 else ''})" if listed else ""
    sentence = f"{problem.what}{where}: {problem.remedy}."
    # Text, because a name from upstream may look like markup.
    return Text.assemble((f"{MARK} ", STYLES[problem.grade]), shown(sentence))


def _escape_what_stdout_lacks() -> None:
    """Have letters that stdout's encoding lacks escaped instead of raising."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
