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


def test_it_counts_routes_and_checkpoints() -> None:
    """Page by page; a list that is read again is not counted twice."""
    progress = Progress(console=Console(file=io.StringIO()))
    bar = ProgressBar(progress)
    (task,) = progress.tasks

    bar.begin(2)
    counted = []
    for route, page in ((ROUTE, 1), (ROUTE, 2), (OTHER, 1), (ROUTE, 1)):
        bar.page(route, page, 1_000, 3_000)
        counted.append((task.completed, task.fields["rows"]))
    bar.polled(ROUTE)

    assert counted == [(0, 1_000), (0, 2_000), (0, 3_000), (0, 2_000)]
    assert (task.completed, task.total) == (1, 2)


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
