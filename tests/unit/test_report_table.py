"""What a terminal and a pipe show of findings."""

from __future__ import annotations

import io
import re
import time

import pytest
from core_cases import HERE, ROUTE, row
from report_cases import ESCAPES, LIMITS, NASTY, NOW, findings_of, found
from rich.cells import cell_len
from rich.console import Console
from terminals import plain

from exporter.app.report.plain import as_lines
from exporter.app.report.table import as_table
from exporter.model.types import Checkpoint
from exporter.polling.worst import findings


def drawn(*rows: Checkpoint, width: int = 150, is_cut: bool = False) -> str:
    """Return what a terminal is sent for these rows."""
    console = Console(
        file=io.StringIO(),
        width=width,
        height=50,
        force_terminal=True,
        color_system="standard",
    )
    table = as_table(findings_of(*rows), LIMITS, width=width, is_cut=is_cut)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def lines_of(*rows: Checkpoint) -> list[str]:
    """Return what a pipe is sent for these rows."""
    return list(as_lines(findings_of(*rows), LIMITS))


def test_the_table_is_for_people() -> None:
    """Lag and age read as one says them, beside the names."""
    text = plain(drawn(row(lag_ms=125_000)))

    for word in ("2m 5s", "12.5s", "ok", "orders", "topic", HERE):
        assert word in text


@pytest.mark.parametrize(
    ("lag_ms", "color", "words"),
    [
        (1_000, "32", "1s"),
        (299_000, "33", "4m 59s"),
        (301_000, "1;31", "5m 1s"),
        (-1_000, "36", "target_ahead"),
        (None, "1;31", "target_missing"),
    ],
)
def test_a_number_has_the_color_of_its_objective(
    lag_ms: int | None, color: str, words: str
) -> None:
    """Green within it, yellow near it, red beyond; problems are red."""
    (line,) = [line for line in drawn(row(lag_ms=lag_ms)).splitlines() if words in line]

    assert re.search(rf"\x1b\[{color}m *{words}", line)
    assert ("!" in plain(line)) is (color == "1;31")


def test_an_age_that_is_not_promised_has_no_color() -> None:
    """Where progress is not synced by itself it is no news."""
    old = drawn(row(last_sync_ms=1_000))
    unpromised = {"1": LIMITS["2"]}
    console = Console(file=io.StringIO(), width=150, height=50, force_terminal=True)
    with console.capture() as capture:
        rows = findings_of(row(last_sync_ms=1_000))
        console.print(as_table(rows, unpromised, width=150))

    assert "31m" in old
    assert "31m" not in capture.get()


@pytest.mark.parametrize("is_cut", [False, True])
@pytest.mark.parametrize("width", [40, 80, 100, 200])
@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
def test_no_name_breaks_the_table(name: str, width: int, *, is_cut: bool) -> None:
    """No line is wider than the terminal, and nothing but colours is a command."""
    raw = drawn(row(group=name), row(2, "well"), width=width, is_cut=is_cut)

    text = plain(raw)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert all(c.isprintable() or c in "\n\u200e" for c in text)
    assert len(text.splitlines()) == 6 or not is_cut
    if width >= 80:
        assert text.count(" 5s  12.5s  ok ") == 2


def test_a_folded_name_can_be_read_whole() -> None:
    """It goes on in the next line of its cell."""
    name = "".join(f"_{number:03}" for number in range(60))
    text = plain(drawn(row(group=name)))

    at = text.index("_000")
    column = at - text.rindex("\n", 0, at) - 1
    cells = [line[column:].split(" ")[0] for line in text.splitlines()]
    assert name in "".join(cells)


def test_a_name_that_is_cut_shows_that_it_is() -> None:
    """While watching each row is one line; what is missing is no guess."""
    assert "GG…" in drawn(row(group=NASTY["long"]), width=100, is_cut=True)
    assert "…" not in drawn(row(group=NASTY["long"]), width=100)


@pytest.mark.parametrize("is_cut", [False, True])
def test_numbers_are_whole_while_there_is_room(*, is_cut: bool) -> None:
    """It is the names that give way."""
    late = row(group=NASTY["long"], lag_ms=5_025_000, last_sync_ms=1)
    text = plain(drawn(late, width=70, is_cut=is_cut))

    assert " 1h 23m  20147d 6h  ok " in text


def test_a_narrow_terminal_has_the_columns_that_count() -> None:
    """The source instance goes first, then the item, then the plan."""
    heads = {
        width: plain(drawn(row(), width=width)).splitlines()[1].split()
        for width in (120, 100, 80, 60)
    }

    assert heads[120][-3:] == ["Item", "Source", "instance"]
    assert heads[100][-2:] == ["Plan", "Item"]
    assert heads[80] == ["Lag", "Age", "State", "Group", "Topic", "Plan"]
    assert heads[60] == heads[80][:-1]


def test_a_pipe_has_a_line_for_each_checkpoint() -> None:
    """With every column, aligned, and without a color or a trailing blank."""
    lines = lines_of(row(lag_ms=301_000), row(2, "a", lag_ms=None))

    assert lines == [
        "     Lag    Age  State           Group   Topic  Plan  Item  Source instance",
        "!  5m 1s  12.5s  ok              orders  topic  1     10    rmq-here",
        "!      -  12.5s  target_missing  a       topic  1     10    rmq-here",
    ]


def test_wide_letters_are_aligned_by_their_width() -> None:
    """Han letters take two columns each."""
    _, wide, narrow = lines_of(row(group="消费组"), row(2, "orders"))

    assert wide == "   5s  12.5s  ok     消费组  topic  1     10    rmq-here"
    assert narrow == "   5s  12.5s  ok     orders  topic  1     10    rmq-here"


def test_a_long_name_is_whole_in_a_pipe_and_moves_no_other_line() -> None:
    """Whoever greps for it finds it."""
    _, long, short = lines_of(row(group=NASTY["long"]), row(2, "b" * 40))

    assert NASTY["long"] in long
    assert short.endswith("b  topic  1     10    rmq-here")


@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
def test_no_name_commands_a_pipe(name: str) -> None:
    """A checkpoint stays one line, for the pipe may end in a terminal."""
    lines = lines_of(row(group=name), row(2))

    assert len(lines) == 3
    assert all(c.isprintable() or c == "\u200e" for line in lines for c in line)


def test_escapes_are_shown() -> None:
    """They are there to be found, and not obeyed."""
    shown = r"a\x1b]0;title\x07b\x9bc\nd\x1b[2J"

    assert shown in plain(drawn(row(group=ESCAPES)))
    assert any(shown in line for line in lines_of(row(group=ESCAPES)))


def test_a_hundred_thousand_lines_take_seconds() -> None:
    """Rich would take a minute and a half."""
    many = found(*(row(number, f"g{number}") for number in range(20_000)), route=ROUTE)
    began = time.process_time()

    lines = list(as_lines(findings([many], NOW), LIMITS))

    assert len(lines) == 20_001
    assert time.process_time() - began < 2
