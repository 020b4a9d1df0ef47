"""The bar that says how far the polls are.

It counts what it is told, and starts no poll.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from exporter.app.terminal import is_live
from exporter.model.types import Route

# Who waits less than this needs no bar.
PATIENCE_SECONDS = 1.0


class ProgressBar:
    """A bar over all routes, each filled page by page.

    It fills by routes, for how many checkpoints a route has is known only when it is
    polled.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            # Log lines are printed above it by `terminal.logs_above`.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self.progress.add_task("", total=None, said="")
        self._routes = 0
        self._shares: dict[Route, float] = {}
        self._rows: dict[Route, int] = {}

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Draw it while the context is open, on a terminal, once that takes long."""
        if not is_live(self._console):
            yield
            return
        loop = asyncio.get_running_loop()
        start = loop.call_later(PATIENCE_SECONDS, self.progress.start)
        try:
            yield
        finally:
            start.cancel()
            self.progress.stop()

    def looking(self) -> None:
        """Begin anew: it is not known yet what will be polled."""
        self.progress.reset(
            self._task, total=None, description="Looking for routes", said=""
        )

    def polling(self, routes: int) -> None:
        """Begin with the polls of so many routes."""
        self._routes = routes
        self._shares.clear()
        self._rows.clear()
        self.progress.reset(self._task, total=routes, description="Polling", said="")
        self._show()

    def page(self, route: Route, number: int, rows: int, total: int) -> None:
        """Take in a page of a poll; number 1 begins the poll anew."""
        before = 0 if number == 1 else self._rows.get(route, 0)
        self._rows[route] = before + rows
        # Not full before it is told: what was read may not add up.
        self._shares[route] = min(0.99, self._rows[route] / max(1, total))
        self._show()

    def polled(self, route: Route) -> None:
        """Take in that a poll ended, well or badly."""
        self._shares[route] = 1.0
        self._show()

    def _show(self) -> None:
        shares = self._shares.values()
        ended = sum(share == 1.0 for share in shares)
        rows = sum(self._rows.values())
        said = f"{ended:,} of {self._routes:,} routes, {rows:,} checkpoints"
        self.progress.update(self._task, completed=sum(shares), said=said)
