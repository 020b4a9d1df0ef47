"""Log lines beside what is drawn, and letters that stdout cannot write."""

from __future__ import annotations

import io
import sys

import pytest
import structlog
from rich.console import Console
from rich.live import Live

from exporter.app import logs
from exporter.app.terminal import is_live, logs_above, printing_whatever_comes
from exporter.config.settings import LogSettings

LOG = LogSettings(level="info", format="logfmt")


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.fixture
def tty(monkeypatch: pytest.MonkeyPatch) -> Tty:
    """Have stderr be a terminal."""
    stream = Tty()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure(LOG.level, LOG.format)
    return stream


def test_a_log_line_is_printed_above_what_is_drawn(tty: Tty) -> None:
    """Whole, however long, and once; afterwards lines go where they went."""
    console = Console(
        file=tty, width=40, force_terminal=True, color_system="standard", _environ={}
    )
    log = structlog.get_logger("x")
    text = "long " * 30
    live = Live("DRAWN", console=console, auto_refresh=False, redirect_stderr=False)
    with logs_above(console, LOG), live:
        log.warning("poll_failed", error=text)
    drawn = tty.getvalue()
    log.warning("afterwards")

    assert drawn.count(f'msg=poll_failed error="{text}"') == 1
    assert drawn.index("poll_failed") < drawn.rindex("DRAWN")
    assert "\x1b[0m" not in drawn
    assert "afterwards" in tty.getvalue()
    assert logs_go_to(tty)


def test_logs_stay_where_they_are_if_nothing_is_drawn(tty: Tty) -> None:
    """A console that is no terminal has nothing to keep clear of."""
    out = io.StringIO()
    with logs_above(Console(file=out), LOG):
        assert logs_go_to(tty)

    assert out.getvalue() == ""


def test_logs_that_go_to_a_file_stay_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`2> log` is not to be brought back to the screen."""
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    logs.configure(LOG.level, LOG.format)
    screen = Tty()

    with logs_above(Console(file=screen, force_terminal=True), LOG):
        assert logs_go_to(file)
    assert screen.getvalue() == ""


def logs_go_to(stream: io.StringIO) -> bool:
    """Return whether a line that is logged now arrives there."""
    before = len(stream.getvalue())
    structlog.get_logger("x").warning("probe")
    return "msg=probe" in stream.getvalue()[before:]


@pytest.mark.parametrize(
    ("stream", "term", "expected"),
    [
        (Tty(), "xterm", True),
        (Tty(), "dumb", False),
        (io.StringIO(), "xterm", False),
    ],
)
def test_only_a_terminal_is_drawn_on(
    stream: io.StringIO, term: str, *, expected: bool
) -> None:
    """A pipe is none, whatever FORCE_COLOR says, nor one that has no cursor."""
    environment = {"TERM": term, "FORCE_COLOR": "1"}
    console = Console(file=stream, _environ=environment)

    assert is_live(console) is expected


def test_letters_that_stdout_lacks_are_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Latin-1 terminal gets the table too."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stream)

    printing_whatever_comes()
    print("é 消")  # noqa: T201 - what is tested
    stream.flush()

    assert written.getvalue() == b"\xe9 \\u6d88\n"
