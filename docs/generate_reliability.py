"""Writes docs/reliability.md from the fault matrix; with --check it only compares.

Exit 1 with --check when the page is not what the matrix says. The tests have to be on
the path: `PYTHONPATH=tests`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from fault_rows import MATRIX, Effect, Row
from reliability_proofs import BAD_INPUTS, LOADS, Proof

PAGE = Path(__file__).parent / "reliability.md"
TEST = "tests/test_fault_matrix.py"

INTRODUCTION = f"""\
# Reliability

Generated from `tests/fault_rows.py` and `tests/fault_shapes.py` by `make docs`; change
it there.

Each row is a test in `{TEST}`, by its name in brackets.
The whole exporter polls two routes over real sockets: one lies behind the fault, in
front of the simulated cloud, and the other is well. {{count}} faults are tried. Under
each of them:

- the other route's walks never fail, and none of its series ever has a gap;
- what is shown of the faulty route is the whole of its last complete walk, or nothing,
  and never anything after `poll.stale_after`;
- `/`, `/-/healthy` and `/-/ready` answer as ever;
- the log tells of a failure when it begins, changes or ends, and not at each walk;
- no answer is read beyond a bound, however long it is;
- key, secret, token, signatures, plan passwords and the API's own words, which repeat
  what was signed, appear in no log at `debug`, metric, page, `repr` or traceback;
- with the fault's end everything is back by itself, without a restart.

What no client can notice: a total that is too low by exactly the rows of the last
pages. Throttling slows all routes of the account down, since its quota is one.
"""

STALE = "the last walk's checkpoints, until `poll.stale_after`"
SERVED = {
    Effect.NOTHING: "everything; no walk fails",
    Effect.ROWS: "all other rows; the bad ones are counted as `malformed`",
    Effect.WALKS: STALE,
    Effect.DISCOVERY: "everything; the routes found before are walked on",
    Effect.ROUTE: "nothing of what is not there any more",
}
HEALS = {
    Effect.NOTHING: "there is nothing to heal",
    Effect.ROWS: "at the next walk",
    Effect.WALKS: "at the next walk",
    Effect.DISCOVERY: "at the next discovery",
    Effect.ROUTE: "at the next discovery",
}


def line(row: Row) -> str:
    """Return one row of the table."""
    reasons = " or ".join(f"`{reason}`" for reason in row.reasons)
    cells = (row.title, reasons or "none", SERVED[row.effect], HEALS[row.effect])
    return f"| {' | '.join((*cells, f'`[{row.title}]`'))} |\n"


def page() -> str:
    """Return the whole page."""
    heads = "| fault | reason | served meanwhile | heals | test |\n"
    table = heads + "| --- | --- | --- | --- | --- |\n" + "".join(map(line, MATRIX))
    return (
        f"{INTRODUCTION.format(count=len(MATRIX))}\n## Faults\n\n{table}"
        f"\n## Bad input\n\n{proven(BAD_INPUTS)}"
        f"\n## Load\n\n{proven(LOADS)}"
    )


def proven(proofs: Iterable[Proof]) -> str:
    """Return a table of what was tried, and the test that shows what came of it."""
    rows = (f"| {tried} | {outcome} | `{test}` |\n" for tried, outcome, test in proofs)
    return "| tried | what comes of it | test |\n| --- | --- | --- |\n" + "".join(rows)


def main(arguments: Sequence[str]) -> int:
    """Write or check the page."""
    if "--check" not in arguments:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print(
        "docs/reliability.md is not what the matrix says: run "
        "docs/generate_reliability.py"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
