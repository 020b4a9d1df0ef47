"""Whether there is a terminal to draw on, and how log lines keep clear of a drawing.

It must not know what is drawn.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from exporter.app import logs
from exporter.config.settings import LogSettings


def is_live(console: Console) -> bool:
    """Return whether what was drawn can be drawn over.

    FORCE_COLOR asks for colours in a pipe, and not for a cursor that moves there.
    """
    return console.is_interactive and console.file.isatty()


def printing_whatever_comes() -> None:
    """Have letters that stdout's encoding lacks escaped, where they were a crash."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def logs_above(console: Console, log: LogSettings) -> Iterator[None]:
    """Print log lines above what is drawn, if they go to a terminal too."""
    if not (is_live(console) and sys.stderr.isatty()):
        yield
        return
    logs.configure(log.level, log.format, _Above(console))
    try:
        yield
    finally:
        logs.configure(log.level, log.format)


class _Above(io.StringIO):
    """A stream whose lines a console prints above what it draws."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def write(self, text: str) -> int:
        """Print lines as they are: neither wrapped nor coloured anew."""
        self._console.out(text, end="", highlight=False)
        return len(text)

    def isatty(self) -> bool:
        """Return True, for that is where the lines end."""
        return True
