"""The command `poll`: finds the routes, polls each once, and prints the result."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from exporter.app import logs
from exporter.app.exporter import Exporter, opened
from exporter.app.report import as_json, show
from exporter.config.settings import LogSettings, Settings
from exporter.model.types import Route


async def poll(settings: Settings, output: str) -> bool:
    """Poll every route once, print what was found, and return whether all succeeded.

    SIGTERM and SIGINT cancel it.
    """
    working = asyncio.ensure_future(_poll_and_print(settings, output))
    # Unlike asyncio's own handler of SIGINT, these never run in the middle of a step.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    return await working


async def _poll_and_print(settings: Settings, output: str) -> bool:
    async with opened(_never_stale(settings)) as exporter:
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

    `on_found` is called with the number of routes, `on_polled` after each poll.
    """
    is_found = await exporter.scheduler.discover()
    inventory = exporter.discovery.inventory
    on_found(len(inventory.routes))
    await exporter.scheduler.poll_each(on_polled)
    # A plan that is configured in full is polled whether it can be looked up or not.
    plans = exporter.settings.plans
    is_found = is_found or bool(plans and all(plan.is_complete for plan in plans))
    is_whole = is_found and not inventory.missing
    return is_whole and all(status.is_up for status in exporter.store.statuses())


class ProgressBar:
    """Fills route by route, and counts the checkpoints page by page."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("Looking for routes", total=None, rows=0)
        self._rows: dict[Route, int] = {}

    def begin(self, routes: int) -> None:
        """Begin with the polls of so many routes."""
        self._progress.update(self._task, description="Polling", total=routes)

    def page(self, route: Route, number: int, rows: int, _total: int) -> None:
        """Count a page of a poll; number 1 starts the poll again."""
        before = 0 if number == 1 else self._rows.get(route, 0)
        self._rows[route] = before + rows
        self._progress.update(self._task, rows=sum(self._rows.values()))

    def polled(self, _route: Route) -> None:
        """Count a poll that ended, well or badly."""
        self._progress.advance(self._task)


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
        MofNCompleteColumn(),
        TextColumn("routes, {task.fields[rows]:,} checkpoints"),
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
