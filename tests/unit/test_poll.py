"""The bar of `poll`, and the log lines beside it."""

from __future__ import annotations

import io
import sys

import pytest
import structlog
from core_cases import OTHER, ROUTE
from rich.console import Console
from rich.progress import Progress

from exporter.app import logs
from exporter.app.poll import ProgressBar, drawn_progress
from exporter.config.settings import LogSettings

LOG = LogSettings(level="info", format="logfmt")
PLAIN_TERMINAL = {"TERM": "xterm", "COLUMNS": "60"}


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def replaced_stderr(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, **environment: str
) -> io.StringIO:
    """Have stderr be this stream, and the log go there.

    No fixture, for pytest puts its own stderr in place between set-up and test.
    """
    monkeypatch.setattr(sys, "stderr", stream)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**PLAIN_TERMINAL, **environment}.items():
        monkeypatch.setenv(name, value)
    logs.configure(LOG.level, LOG.format)
    return stream


def bar() -> tuple[ProgressBar, Progress]:
    """Return a bar of two routes, none polled yet."""
    progress = Progress(console=Console(file=io.StringIO()))
    it = ProgressBar(progress)
    it.begin(2)
    return it, progress


def drawn(progress: Progress) -> tuple[float, str]:
    """Return how many of the two routes it is filled by, and what it says."""
    (task,) = progress.tasks
    assert task.total == 2
    return round(task.completed, 3), task.fields["said"]


def test_it_fills_page_by_page() -> None:
    """A single long route moves it too."""
    it, progress = bar()

    filled = [drawn(progress)[0]]
    for number in (1, 2, 3):
        it.page(ROUTE, number, 100, 400)
        filled.append(drawn(progress)[0])

    assert filled == [0, 0.25, 0.5, 0.75]
    assert drawn(progress)[1] == "0 of 2 routes, 300 checkpoints"


def test_a_poll_that_ends_fills_its_share() -> None:
    """Well or badly: it is over."""
    it, progress = bar()
    it.page(ROUTE, 1, 1_500, 3_000)
    it.polled(ROUTE)
    it.polled(OTHER)

    assert drawn(progress) == (2, "2 of 2 routes, 1,500 checkpoints")


def test_a_list_that_is_read_again_starts_from_the_beginning() -> None:
    """What was read in vain is not counted twice."""
    it, progress = bar()
    it.page(ROUTE, 1, 100, 200)
    it.page(ROUTE, 2, 100, 200)
    it.page(ROUTE, 1, 100, 200)

    assert drawn(progress) == (0.5, "0 of 2 routes, 100 checkpoints")


def test_nothing_overfills_it() -> None:
    """Neither an empty list nor a total that is too low."""
    it, progress = bar()
    it.page(ROUTE, 1, 0, 0)
    it.page(OTHER, 1, 500, 100)

    assert drawn(progress) == (0.99, "0 of 2 routes, 500 checkpoints")


def test_a_log_line_is_printed_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, with all its words; the next goes where it went before."""
    stderr = replaced_stderr(monkeypatch, Tty())
    log = structlog.get_logger("x")
    words = [f"word{number}" for number in range(30)]
    with drawn_progress(LOG) as progress:
        ProgressBar(progress)
        progress.refresh()
        log.warning("poll_failed", error=" ".join(words))
    above = stderr.getvalue()
    log.warning("afterwards", error=" ".join(words))

    assert above.count("msg=poll_failed") == 1
    assert " ".join(words) in " ".join(above.split())
    assert above.index("poll_failed") < above.rindex("Looking for routes")
    (afterwards,) = stderr.getvalue()[len(above) :].splitlines()
    assert f'msg=afterwards error="{" ".join(words)}"' in afterwards


def test_nothing_is_drawn_where_no_terminal_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even if colours are forced; log lines stay whole."""
    stderr = replaced_stderr(monkeypatch, io.StringIO(), FORCE_COLOR="1")
    with drawn_progress(LOG) as progress:
        ProgressBar(progress)
        structlog.get_logger("x").warning("told", error="long " * 30)

    (line,) = stderr.getvalue().splitlines()
    assert "msg=told" in line


def test_a_terminal_without_a_cursor_is_not_drawn_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says so by its name."""
    stderr = replaced_stderr(monkeypatch, Tty(), TERM="dumb")
    with drawn_progress(LOG) as progress:
        ProgressBar(progress)
        progress.refresh()

    assert stderr.getvalue() == ""
