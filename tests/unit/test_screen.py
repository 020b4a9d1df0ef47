"""What is printed of a survey: on a terminal, in a pipe, and while watching."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pytest
from core_cases import ROUTE, row
from report_cases import ESCAPES, NASTY, failed, found, survey
from rich.cells import cell_len
from rich.console import Console
from terminals import plain

from exporter.app.report.survey import Survey
from exporter.app.screen import MOST_ROWS, Watched, show
from exporter.model.errors import Reason
from exporter.model.types import Route


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the local time be UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def many(count: int) -> Survey:
    """Return a survey of so many checkpoints, the last lagging most."""
    return survey(found(*(row(n, f"g{n:06}", lag_ms=n) for n in range(count))))


def on_terminal(of: Survey, most: int | None = None) -> str:
    """Return what a terminal shows."""
    console = Console(file=io.StringIO(), width=120, height=50, force_terminal=True)
    with console.capture() as capture:
        show(console, of, most)
    return plain(capture.get())


def in_pipe(
    of: Survey, capsys: pytest.CaptureFixture[str], most: int | None = None
) -> str:
    """Return what a pipe is given, and then what stderr is."""
    show(Console(file=io.StringIO()), of, most)
    told = capsys.readouterr()
    return f"{told.out}--\n{told.err}"


def watched(of: Survey | None, *, height: int, width: int = 120) -> list[str]:
    """Return the lines of the watched screen."""
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True
    )
    screen = Watched()
    if of is not None:
        screen.renew(of, "polled every 30s.")
    screen.below = "the bar"
    with console.capture() as capture:
        console.print(screen)
    return plain(capture.get()).splitlines()


def test_a_terminal_shows_the_worst_and_says_so() -> None:
    """A hundred thousand would scroll by for a minute and a half."""
    text = on_terminal(many(MOST_ROWS + 1))

    assert text.count("g000") == MOST_ROWS
    assert "g000000" not in text
    assert text.index("g000100") < text.index("g000001")
    assert "The worst 100 are shown" in text


def test_a_pipe_has_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever greps must not miss one, nor count a note among them."""
    text = in_pipe(many(MOST_ROWS + 1), capsys)

    assert text.count("g000") == MOST_ROWS + 1
    assert text.splitlines()[-2:] == [
        "--",
        "101 checkpoints on 1 route: all within their objectives.",
    ]


def test_as_many_as_are_asked_for_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a terminal and in a pipe, as the demo has it."""
    assert on_terminal(many(20), 15).count("g0000") == 15
    assert in_pipe(many(20), capsys, 15).count("g0000") == 15


def test_trouble_is_marked_without_color(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal and in a pipe."""
    bad = survey(failed(ROUTE, Reason.TIMEOUT))

    assert "\n! 1 route could not be polled, timeout" in on_terminal(bad)
    assert "\n! 1 route could not be polled, timeout" in in_pipe(bad, capsys)


def test_a_note_that_looks_like_markup_is_shown_as_it_is() -> None:
    """Ids come from upstream, and square brackets are no style."""
    route = Route("[red]1[/red]", "10", "x", "r")

    text = on_terminal(survey(failed(route, Reason.TIMEOUT)))
    assert "plan [red]1[/red] item 10" in " ".join(text.split())


@pytest.mark.parametrize("height", [8, 24, 60])
@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
def test_a_watched_screen_fits_the_terminal(height: int, name: str) -> None:
    """Whatever the names are, each checkpoint is one line, and one at least is seen."""
    rows = (row(n, name, lag_ms=400_000) for n in range(200))

    lines = watched(survey(found(*rows)), height=height, width=90)

    assert len(lines) < max(height, 11)
    assert len(lines) >= min(height, MOST_ROWS) - 2
    assert all(cell_len(line) <= 90 for line in lines)
    assert sum(line.startswith(("!", " !")) for line in lines) >= 2
    assert lines[-1].strip() == "the bar"


def test_a_watched_screen_says_of_when_it_is() -> None:
    """An age that stands still must not look like the present one."""
    assert watched(many(1), height=24)[0].strip() == (
        "As of 06:28:12, polled every 30s."
    )


def test_a_watched_screen_says_how_many_are_not_shown() -> None:
    """By the room that there is now."""
    lines = watched(many(200), height=24)

    shown = sum("g000" in line for line in lines)
    assert any(line.startswith(f"The worst {shown} are shown") for line in lines)


def test_before_the_first_round_there_is_the_bar_alone() -> None:
    """Nothing is shown of what is not known."""
    assert [line.strip() for line in watched(None, height=24)] == ["the bar"]


def test_no_screen_holds_a_command_of_upstreams() -> None:
    """Raw, as the terminal gets it."""
    console = Console(file=io.StringIO(), width=120, height=50, force_terminal=True)
    with console.capture() as capture:
        show(console, survey(found(row(group=ESCAPES))))

    for command in ("\x1b]", "\x07", "\x9b", "\x1b[2J"):
        assert command not in capture.get()
