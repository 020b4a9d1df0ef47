"""What `poll` prints: table, lines, JSON, what is wrong; and its bar."""

from __future__ import annotations

import io
import json
import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from core_cases import HERE, OTHER, ROUTE, SYNCED_AT_MS, THERE, one_way
from hypothesis import given
from hypothesis import strategies as st
from report_cases import (
    ESCAPES,
    LIMITS,
    NASTY,
    assessed,
    failed,
    found,
    report_of,
    row,
)
from rich.cells import cell_len
from rich.console import Console
from rich.progress import Progress
from terminals import plain
from virtual_time import virtually

from exporter.app.exporter import Exporter
from exporter.app.poll import confirmed
from exporter.app.report import MOST_ROWS, as_json, as_lines, as_table, show, shown
from exporter.model.assessment import StatusReport, assess
from exporter.model.errors import Reason
from exporter.model.problems import verdict
from exporter.model.types import Checkpoint, Limits, Missing, Route, RouteStatus


def terminal(width: int = 150) -> Console:
    """Return a console that takes itself for a terminal."""
    return Console(
        file=io.StringIO(),
        width=width,
        height=50,
        force_terminal=True,
        color_system="standard",
        _environ={},
    )


def drawn(
    *rows: Checkpoint, width: int = 150, limits: Mapping[str, Limits] = LIMITS
) -> str:
    """Return what a terminal is sent for these rows."""
    console = terminal(width)
    with console.capture() as capture:
        console.print(as_table(assessed(found(*rows), limits=limits), width))
    return capture.get()


def lines_of(*rows: Checkpoint) -> list[str]:
    """Return the lines that a pipe is sent for these rows."""
    return list(as_lines(assessed(found(*rows))))


def on_terminal(of: StatusReport, most: int = MOST_ROWS) -> str:
    """Return what a terminal is sent."""
    console = terminal(120)
    with console.capture() as capture:
        show(console, assess(of, most))
    return capture.get()


def many(count: int) -> StatusReport:
    """Return a report of so many checkpoints, the last lagging most."""
    return report_of(found(*(row(n, f"g{n:06}", lag_ms=n) for n in range(count))))


def objects(*rows: Checkpoint) -> list[dict[str, object]]:
    """Return what is printed as JSON, read again."""
    read = json.loads(as_json(assess(report_of(found(*rows)), 300)))
    assert isinstance(read, list)
    return read


def test_json_has_the_labels_and_the_numbers() -> None:
    """Exactly the keys that the contract names; the source is the row's."""
    third = replace(row(7, lag_ms=-1_500), source_instance_id="rmq-third")

    assert objects(third) == [
        {
            "plan_id": "1",
            "item_id": "10",
            "source_instance_id": "rmq-third",
            "target_instance_id": THERE,
            "group": "orders",
            "topic": "topic",
            "checkpoint_id": 7,
            "sync_lag_seconds": -1.5,
            "sync_age_seconds": 12.5,
            "last_sync_timestamp_seconds": SYNCED_AT_MS / 1000,
            "state": "target_ahead",
        }
    ]


def test_json_says_null_where_a_number_is_unknown() -> None:
    """Neither 0 nor a missing key; and nothing at all is an empty list."""
    (unknown,) = objects(row(lag_ms=None, last_sync_ms=0))

    nulls = {name for name, value in unknown.items() if value is None}
    numbers = {"sync_lag", "sync_age", "last_sync_timestamp"}
    assert nulls == {f"{number}_seconds" for number in numbers}
    assert objects() == []


def test_json_has_all_checkpoints_the_worst_first() -> None:
    """Not only as many as a terminal shows, and names as they are."""
    listed = objects(*(row(n, 'say "消费"\n', lag_ms=n) for n in range(300)))

    assert [each["checkpoint_id"] for each in listed] == list(range(299, -1, -1))
    assert {each["group"] for each in listed} == {'say "消费"\n'}


@pytest.mark.parametrize(
    ("lag_ms", "delay_ms", "color", "words"),
    [
        (301_000, 0, "33", "5m 1s"),
        (302_000, 302_000, "1;31", "5m 2s"),
        (-1_000, 0, "36", "target_ahead"),
        (None, None, "1;31", "target_missing"),
    ],
)
def test_a_lag_has_the_color_of_the_objective(
    lag_ms: int | None, delay_ms: int | None, color: str, words: str
) -> None:
    """Yellow beyond it, red where a second poll has confirmed it. Problems are red."""
    lines = drawn(row(lag_ms=lag_ms, delay_ms=delay_ms)).splitlines()
    (line,) = [line for line in lines if words in line]

    assert re.search(rf"\x1b\[{color}m *{words}", line)
    assert ("!" in plain(line)) is (color == "1;31")
    assert HERE in line


def test_an_age_without_an_objective_has_no_color() -> None:
    """Where progress is not synced by itself it says nothing."""
    old = row(last_sync_ms=1_000)

    assert "31m" in drawn(old)
    assert "31m" not in drawn(old, limits={"1": LIMITS["2"]})


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
def test_no_name_breaks_the_table(name: str, width: int) -> None:
    """No line is wider than the terminal, and nothing but colours is a command."""
    raw = drawn(row(group=name), row(2, "well"), width=width)

    text = plain(raw)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "\x1b" not in text
    assert "well" in text
    assert not {"\x07", "\x9b", "\u202e", "\u2066", "\ud800"} & set(raw)


def test_a_narrow_terminal_keeps_what_matters() -> None:
    """Columns that need much room go first; numbers are never cut."""
    text = plain(drawn(row(group="G" * 60, lag_ms=5_025_000), width=60))

    assert "1h 23m" in text
    assert "Topic" in text
    assert "Plan" not in text
    assert HERE not in text


def test_a_pipe_has_one_line_for_each_checkpoint() -> None:
    """Nothing is cut or folded, columns stand under each other, no name commands."""
    long = "G" * 255
    head, *rows = lines_of(
        row(1, long, lag_ms=9), row(2, ESCAPES, lag_ms=8), row(3, "b", lag_ms=7)
    )

    columns = "Lag Age State Group Topic Plan Item Source instance"
    assert " ".join(head.split()) == columns
    assert len(rows) == 3
    assert long in rows[0]
    assert r"a\x1b]0;title\x07b\x9bc\nd\x1b[2J" in rows[1]
    assert head.index("Topic") == rows[1].index("topic") == rows[2].index("topic")
    assert all(line.isprintable() for line in rows)


@given(st.text(st.characters(), min_size=1, max_size=60))
def test_no_name_holds_what_a_terminal_would_obey(name: str) -> None:
    """No control, no format and no separator character is left; the rest is."""
    text = shown(name)

    bad = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not bad & {unicodedata.category(c) for c in text}
    assert (text == name) is name.isprintable()


def test_a_terminal_shows_the_worst_and_says_so() -> None:
    """A hundred thousand would scroll by for a minute and a half."""
    text = plain(on_terminal(many(MOST_ROWS + 1)))

    groups = re.findall(r"g000\d+", text)
    assert groups == [f"g{n:06}" for n in range(MOST_ROWS, 0, -1)]
    assert "The worst 100 of 101 are listed; see --limit." in text


@pytest.mark.parametrize(("most", "count"), [(200, MOST_ROWS + 1), (15, 15)])
def test_a_pipe_has_all_of_them_or_as_many_as_are_asked_for(
    most: int, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many as are asked for; an empty line ends them."""
    show(Console(file=io.StringIO()), assess(many(MOST_ROWS + 1), most))

    told = capsys.readouterr()
    assert told.out.count("g000") == count
    promised = "objectives lag 5m, age 10m"
    assert told.out.endswith(f"\n\n1 ({promised}): ready to fail over\n")
    counted = "101 checkpoints on 1 route.\n"
    assert told.err.startswith(counted)
    assert ("The worst 15 of 101 are listed; see --limit" in told.err) is (most == 15)


def test_trouble_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """What, where and what to do; marked without colour, and with it."""
    routes = [
        failed(Route("1", str(n), HERE, "r"), Reason.TIMEOUT) for n in range(1003)
    ]
    bad = report_of(*routes, found(row(lag_ms=301_000)))

    show(Console(file=io.StringIO()), assess(bad, 9))

    counted, failing, late = capsys.readouterr().err.splitlines()
    assert counted == "1 checkpoint on 1 route."
    assert failing == (
        "! 1,003 routes could not be polled: failed (plan 1 item 0 rmq-here,"
        " plan 1 item 1 rmq-here, plan 1 item 2 rmq-here and 1,000 more):"
        " raise api.timeout or poll.timeout, or look at the network."
    )
    assert late.startswith("! 1 plan with late checkpoints (1): see that")
    assert "\x1b[1;31m! \x1b[0m1,003 routes could not be polled" in on_terminal(bad)


def test_each_plan_has_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """By its name, on stdout, below all else; in colour on a terminal."""
    named = replace(one_way("1", "A\x9b"), name="dr_trade\x9b")
    report = report_of(found(row()), found(row(), route=OTHER), plans=[named])

    show(Console(file=io.StringIO()), assess(report, 9))
    shown_last = on_terminal(report).splitlines()[-2:]

    lines = [
        r"dr_trade\x9b (1, objectives lag 5m, age 10m): not ready – the plan is A\x9b",
        "2 (objectives lag 1m): ready to fail over",
    ]
    assert capsys.readouterr().out.splitlines()[-3:] == ["", *lines]
    assert [plain(line) for line in shown_last] == lines
    assert re.search(r"\x1b\[1;31mnot ready", shown_last[0])
    assert "\x1b[32mready" in shown_last[1]


def test_no_id_from_upstream_commands_the_terminal() -> None:
    """Neither by an escape nor by what looks like markup."""
    route = Route("[red]1[/red]", "10", ESCAPES, "r")
    bad = report_of(
        failed(route, Reason.TIMEOUT),
        found(row(group=ESCAPES)),
        missing=[Missing("plan", ESCAPES)],
    )

    raw = on_terminal(bad)

    assert "plan [red]1[/red] item 10" in " ".join(plain(raw).split())
    for command in ("\x1b]", "\x07", "\x9b", "\x1b[2J"):
        assert command not in raw


def test_letters_that_stdout_lacks_are_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Latin-1 terminal gets the table too."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stream)

    show(Console(file=io.StringIO()), assessed(found(row(group="é消"))))

    assert b"\xe9\\u6d88" in written.getvalue()


class FakeExporter:
    """An exporter that knows a status, and another after the next poll."""

    def __init__(self, *statuses: RouteStatus) -> None:
        self.statuses = list(statuses)
        self.polled: list[Route] = []
        self.scheduler = self

    def report(self) -> StatusReport:
        """Return what is known at present."""
        return report_of(self.statuses[0])

    async def poll_each(self, routes: Sequence[Route], _: object) -> None:
        """Poll."""
        self.polled += routes
        del self.statuses[0]


async def judged_again(*statuses: RouteStatus) -> tuple[list[Route], str]:
    """Return what is polled once more, and the verdict after it."""
    exporter = FakeExporter(*statuses)
    report = await confirmed(
        cast("Exporter", exporter), timedelta(seconds=30), Progress(disable=True)
    )
    (plan,) = assess(report, 0).plans
    return exporter.polled, verdict(plan)


@pytest.mark.parametrize(
    ("lag_ms", "delay_ms", "told"),
    [
        (400_000, 30_000, "not ready – 1 of 1 checkpoint late (6m 40s, objective 5m)"),
        # The source went on, and the target is where the source was first seen.
        (400_000, 0, "ready to fail over"),
        (200_000, 30_000, "ready to fail over"),
    ],
)
@virtually
async def test_a_lag_counts_once_it_is_confirmed(
    lag_ms: int, delay_ms: int, told: str
) -> None:
    """It has to be over the objective, and behind the position first seen."""
    first = found(row(lag_ms=301_000, delay_ms=0))
    second = found(row(lag_ms=lag_ms, delay_ms=delay_ms))

    assert await judged_again(first, second) == ([ROUTE], told)


@virtually
async def test_only_what_is_over_its_objective_is_polled_once_more() -> None:
    """Nobody waits for what is well."""
    well = found(row(lag_ms=300_000, delay_ms=0))

    assert await judged_again(well) == ([], "ready to fail over")


@virtually
async def test_a_second_poll_that_fails_leaves_the_doubt() -> None:
    """Nothing is confirmed, and nothing refuted."""
    first = found(row(lag_ms=301_000, delay_ms=0))
    second = replace(first, is_up=False)

    _, told = await judged_again(first, second)

    assert told == "ready to fail over, as far as one poll can tell"
