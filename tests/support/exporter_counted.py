"""A program: the exporter as it is, in a process that tells how many tasks it has.

Its first argument is the file that holds the latest count; the rest is the exporter's.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from exporter.app.cli import main

EVERY_SECONDS = 0.25


class Counted(asyncio.DefaultEventLoopPolicy):
    """Makes loops that write the number of their tasks, without a task of its own."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return a loop that begins to tell as it begins to run."""
        loop = super().new_event_loop()
        loop.call_soon(self._tell, loop)
        return loop

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(str(len(asyncio.all_tasks(loop))))
        new.replace(self._file)
        loop.call_later(EVERY_SECONDS, self._tell, loop)


if __name__ == "__main__":
    asyncio.set_event_loop_policy(Counted(Path(sys.argv.pop(1))))
    sys.exit(main())
