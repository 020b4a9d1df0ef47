"""A terminal that tests run a program on, and what it is shown there.

It reads what is drawn as text; it is no emulator, so nothing is ever drawn over.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import struct
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from programs import exporter_command

PATIENCE_SECONDS = 300.0
CURSOR_HIDDEN, CURSOR_SHOWN = "\x1b[?25l", "\x1b[?25h"
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\r")


class Terminal:
    """One end of a pseudo-terminal; `process` has the other as stdout and stderr."""

    def __init__(self, process: asyncio.subprocess.Process, end: int) -> None:
        self.process = process
        self.raw = ""
        self._end = end
        self._arrived = asyncio.Event()
        self._closed = asyncio.Event()
        self._bytes = b""
        asyncio.get_running_loop().add_reader(end, self._read)

    @property
    def text(self) -> str:
        """All that was shown, without colours and movements."""
        return plain(self.raw)

    async def shows(self, text: str) -> None:
        """Wait until something has been shown."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while text not in self.text:
                self._arrived.clear()
                await self._arrived.wait()

    async def ended(self) -> int:
        """Wait until the program has ended, and return its exit status."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            status = await self.process.wait()
            await self._closed.wait()
        return status

    def close(self) -> None:
        """Read no more."""
        asyncio.get_running_loop().remove_reader(self._end)
        os.close(self._end)

    def _read(self) -> None:
        try:
            read = os.read(self._end, 65536)
        except OSError:  # Linux says so when the other end is closed
            read = b""
        if not read:
            asyncio.get_running_loop().remove_reader(self._end)
            self._closed.set()
        self._bytes += read
        self.raw = self._bytes.decode(errors="replace")
        self._arrived.set()


@asynccontextmanager
async def on_terminal(
    *arguments: str,
    env: dict[str, str],
    columns: int = 120,
    lines: int = 40,
    stdout: IO[bytes] | None = None,
) -> AsyncIterator[Terminal]:
    """Run a command of the exporter on a terminal of this size; end it at the end.

    With `stdout` that goes there, and stderr alone to the terminal.
    """
    ours, theirs = os.openpty()
    size = struct.pack("HHHH", lines, columns, 0, 0)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    kept = {name: env[name] for name in env if name not in {"COLUMNS", "LINES"}}
    process = await asyncio.create_subprocess_exec(
        *exporter_command(*arguments),
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        env={"TERM": "xterm-256color", **kept},
        # It is the terminal of the program alone, for Ctrl-C to reach nobody else.
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    terminal = Terminal(process, ours)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
        terminal.close()


def plain(raw: str) -> str:
    r"""Return what was drawn without colours and movements.

    >>> plain("\x1b[1;31m!\x1b[0m\r\n")
    '!\n'
    """
    return _CONTROL.sub("", raw)
