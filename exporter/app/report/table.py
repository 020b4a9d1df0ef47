"""The table for a terminal: coloured against what each plan promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich import box
from rich.console import OverflowMethod
from rich.table import Table
from rich.text import Text

from exporter.app.report.grades import Grade, Limits, grade
from exporter.app.report.rows import HEAD, NUMBERS, cells
from exporter.model.types import PROBLEMS, State
from exporter.polling.worst import Finding

STYLES: Mapping[Grade, str] = {
    Grade.GOOD: "green",
    Grade.NEAR: "yellow",
    Grade.OVER: "bold red",
    Grade.NONE: "",
}
_ALWAYS_WHOLE = ("", *NUMBERS, "State")
# From how wide a terminal on a column is worth its room; JSON has all labels.
_NEEDS_WIDTH = {"Source instance": 120, "Item": 90, "Plan": 70}


def as_table(
    findings: Iterable[Finding],
    limits: Mapping[str, Limits],
    *,
    width: int,
    is_cut: bool = False,
) -> Table:
    """Return the table, in the order of the findings, for a terminal of this width.

    A name that does not fit is folded, or cut so that each row is one line.
    """
    names = [name for name in HEAD if _NEEDS_WIDTH.get(name, 0) <= width]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(
            _cell(name, "", is_cut=is_cut),
            justify="right" if name in NUMBERS else "left",
            no_wrap=name in _ALWAYS_WHOLE,
            overflow="fold",
        )
    for finding in findings:
        own = limits[finding.route.plan_id]
        styles = _styles(finding, own)
        row = [
            _cell(cell, styles.get(name, ""), is_cut=is_cut)
            for name, cell in zip(HEAD, cells(finding, own), strict=True)
        ]
        table.add_row(*row[: len(names)])
    return table


def _cell(text: str, style: str, *, is_cut: bool) -> Text:
    # Text, because a name from upstream may look like markup. It is the cell that says
    # that it is not wrapped: of such columns rich shrinks all alike, numbers too.
    overflow: OverflowMethod = "ellipsis" if is_cut else "fold"
    return Text(text, style, no_wrap=is_cut or None, overflow=overflow)


def _styles(finding: Finding, limits: Limits) -> Mapping[str, str]:
    return {
        "": STYLES[Grade.OVER],
        "Lag": STYLES[grade(finding.sync_lag_seconds, limits.lag)],
        "Age": STYLES[grade(finding.sync_age_seconds, limits.age)],
        "State": _state_style(finding.state),
    }


def _state_style(state: State) -> str:
    if state in PROBLEMS:
        return STYLES[Grade.OVER]
    return "cyan" if state is State.TARGET_AHEAD else ""
