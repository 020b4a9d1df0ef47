"""The command `poll`: finds the routes, polls each once, and prints the result."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from exporter.app import logs
from exporter.app.exporter import Exporter, opened
from exporter.app.report import as_json, show
from exporter.app.serve import stop_signal
from exporter.config.settings import LogSettings, Settings
from exporter.model.types import Route


async def poll(settings: Settings, output: str) -> bool | None:
    """Poll every route once, and print what was found.

    Return whether all of it succeeded, None if a signal came before the end.
    """
    async with opened(_never_stale(settings)) as exporter:
        return await _unless_stopped(_poll_and_print(exporter, settings, output))


async def _poll_and_print(exporter: Exporter, settings: Settings, output: str) -> bool:
    with drawn_progress(settings.log) as progress:
        bar = ProgressBar(progress)
        exporter.scheduler.on_page = bar.page
        is_whole = await poll_all(exporter, bar.begin, bar.polled)
    if output == "prometheus":
        sys.stdout.buffer.write(await exporter.exposition.textfile())
    elif output == "json":
        sys.stdout.write(f"{as_json(exporter.report())}\n")
    else:
        show(Console(), exporter.report())
    return is_whole


async def poll_all(
    exporter: Exporter,
    on_found: Callable[[int], None] = lambda _: None,
    on_polled: Callable[[Route], None] = lambda _: None,
) -> bool:
    """Discover, poll every route once; return whether all of it succeeded.

    `on_found` hears how many routes there are, `on_polled` of each after its poll.
    """
    is_found = await exporter.scheduler.discover()
    inventory = exporter.discovery.inventory
    on_found(len(inventory.routes))
    await exporter.scheduler.poll_each(on_polled)
    is_whole = is_found and not inventory.missing
    return is_whole and all(status.is_up for status in exporter.store.statuses())


class ProgressBar:
    """Fills by routes, and each route's share page by page.

    How many checkpoints a route has is known only while it is polled.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("Looking for routes", total=None, said="")
        self._routes = 0
        self._shares: dict[Route, float] = {}
        self._rows: dict[Route, int] = {}

    def begin(self, routes: int) -> None:
        """Begin with the polls of so many routes."""
        self._routes = routes
        self._progress.update(self._task, description="Polling", total=routes)
        self._draw()

    def page(self, route: Route, number: int, rows: int, total: int) -> None:
        """Take in a page of a poll; number 1 starts the poll again."""
        before = 0 if number == 1 else self._rows.get(route, 0)
        self._rows[route] = before + rows
        # Not full before the poll ends: its pages may not add up.
        self._shares[route] = min(0.99, self._rows[route] / max(1, total))
        self._draw()

    def polled(self, route: Route) -> None:
        """Take in that a poll ended, well or badly."""
        self._shares[route] = 1.0
        self._draw()

    def _draw(self) -> None:
        shares = self._shares.values()
        ended, rows = sum(each == 1.0 for each in shares), sum(self._rows.values())
        said = f"{ended:,} of {self._routes:,} routes, {rows:,} checkpoints"
        self._progress.update(self._task, completed=sum(shares), said=said)


@contextmanager
def drawn_progress(log: LogSettings) -> Iterator[Progress]:
    """Draw on stderr while the context is open, with the log lines above it.

    Nothing is drawn where stderr is no terminal that can be drawn over: FORCE_COLOR
    asks for colours in a pipe, and not for a cursor that moves there.
    """
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        disable=not (console.is_interactive and sys.stderr.isatty()),
    )
    try:
        with progress:
            # While it is drawn, stderr is a stream of rich's that prints above it.
            logs.configure(log.level, log.format)
            yield progress
    finally:
        logs.configure(log.level, log.format)


def _never_stale(settings: Settings) -> Settings:
    """Return settings by which nothing goes stale before it is printed."""
    poll = settings.poll.model_copy(update={"stale_after": timedelta.max})
    return settings.model_copy(update={"poll": poll})


async def _unless_stopped(work: Coroutine[None, None, bool]) -> bool | None:
    """Return the result of the work, None if a signal stopped it."""
    stop = stop_signal()
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        # It may still end with an error, which is raised like any other.
        await asyncio.wait({working})
    return None if working.cancelled() else working.result()
