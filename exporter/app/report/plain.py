"""The table for pipes and files: one line a checkpoint, nothing cut, no colour.

Not rich's: it takes a minute and a half for a hundred thousand rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len

from exporter.app.report.grades import Limits
from exporter.app.report.rows import HEAD, NUMBERS, cells
from exporter.polling.worst import Finding

# One long name must not push all the others apart.
WIDEST = 40
_GAP = "  "


def as_lines(
    findings: Iterable[Finding], limits: Mapping[str, Limits]
) -> Iterator[str]:
    """Yield the head and a line for each finding, in their order."""
    rows = [HEAD, *(cells(each, limits[each.route.plan_id]) for each in findings)]
    lengths = [[_width(cell) for cell in column] for column in zip(*rows, strict=True)]
    widths = [max(n for n in (*column, 0) if n <= WIDEST) for column in lengths]
    for row in rows:
        yield _line(row, widths)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        " " * (width - _width(cell)) + cell
        if name in NUMBERS
        else cell + " " * (width - _width(cell))
        for name, cell, width in zip(HEAD, row, widths, strict=True)
    )
    return _GAP.join(padded).rstrip(" ")


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)
