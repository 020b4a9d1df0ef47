"""The command `poll`: polls every route, once or again and again, and prints it.

It must not decide what is worth saying; `report` does.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Coroutine
from datetime import timedelta

from rich.console import Console
from rich.live import Live

from exporter.app.exporter import Exporter, opened
from exporter.app.progress import ProgressBar
from exporter.app.report.grades import Limits
from exporter.app.report.objects import as_json
from exporter.app.report.survey import Survey, still_true
from exporter.app.rounds import keep_polling
from exporter.app.screen import Watched, show
from exporter.app.serve import poll_routes, stop_signal
from exporter.app.terminal import is_live, logs_above, printing_whatever_comes
from exporter.config import Settings
from exporter.model.durations import format_duration
from exporter.polling.worst import findings

REFRESHES_PER_SECOND = 4


async def poll(settings: Settings, output: str) -> bool | None:
    """Poll every route once, and print what was found.

    Return whether all of it succeeded, None if a signal came before the end.
    """
    async with opened(_never_stale(settings)) as exporter:
        return await _unless_stopped(_poll_once(exporter, settings, output))


async def watch(settings: Settings, interval: timedelta) -> bool | None:
    """Poll every route again and again until a signal comes, and show each round.

    Return whether all of the last round succeeded, None if none came to its end.
    """
    async with opened(_never_stale(settings)) as exporter:
        watching = _Watching(exporter, settings, interval)
        await _unless_stopped(watching.run())
        return watching.is_whole


def surveyed(
    exporter: Exporter, settings: Settings, at: float, stale_after: float = math.inf
) -> Survey:
    """Return what the exporter knows at present; `stale_after` is seconds."""
    inventory = exporter.discovery.inventory
    statuses = still_true(exporter.store.statuses(), at, stale_after)
    synced = {plan.plan_id for plan in inventory.plans if plan.is_auto_synced}
    limits = {}
    for plan_id in {status.route.plan_id for status in statuses}:
        promised = settings.objectives_for(plan_id)
        # Where nobody syncs progress by itself, its age says nothing.
        age = promised.age_seconds if plan_id in synced else None
        limits[plan_id] = Limits(promised.lag_seconds, age)
    return Survey(statuses, inventory, limits, at, exporter.discovery.failing)


async def _poll_once(exporter: Exporter, settings: Settings, output: str) -> bool:
    console = Console(stderr=True)
    bar = ProgressBar(console)
    with logs_above(console, settings.log), bar.drawn():
        is_found = await _look(exporter, bar)
        is_whole = await _poll(exporter, bar) and is_found
    await _print(exporter, settings, output)
    return is_whole


async def _print(exporter: Exporter, settings: Settings, output: str) -> None:
    if output == "prometheus":
        sys.stdout.buffer.write(await exporter.exposition.textfile())
    elif output == "json":
        found = findings(exporter.store.statuses(), time.time())
        sys.stdout.write(f"{as_json(found)}\n")
    else:
        printing_whatever_comes()
        show(Console(), surveyed(exporter, settings, time.time()))


async def _look(exporter: Exporter, bar: ProgressBar) -> bool:
    bar.looking()
    return await exporter.discover()


async def _poll(exporter: Exporter, bar: ProgressBar) -> bool:
    exporter.on_page = bar.page
    bar.polling(len(exporter.discovery.inventory.routes))
    return await poll_routes(exporter, bar.polled)


class _Watching:
    """Rounds of polls, and where each is shown."""

    def __init__(
        self, exporter: Exporter, settings: Settings, interval: timedelta
    ) -> None:
        self.is_whole: bool | None = None
        self._exporter = exporter
        self._settings = settings
        self._interval = interval
        self._console = Console()
        self._bar = ProgressBar(self._console)
        self._watched = Watched()

    async def run(self) -> None:
        """Poll and show until cancelled."""
        printing_whatever_comes()
        if not is_live(self._console):
            await self._keep_polling()
            return
        live = Live(
            get_renderable=lambda: self._watched,
            console=self._console,
            refresh_per_second=REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        with logs_above(self._console, self._settings.log), live:
            try:
                await self._keep_polling()
            finally:
                self._watched.below = ""

    async def _keep_polling(self) -> None:
        await keep_polling(
            self._look,
            self._poll,
            self._show,
            interval=self._interval.total_seconds(),
            look_every=self._settings.poll.discovery_interval.total_seconds(),
        )

    async def _look(self) -> bool:
        self._watched.below = self._bar.progress
        return await _look(self._exporter, self._bar)

    async def _poll(self) -> bool:
        self._watched.below = self._bar.progress
        return await _poll(self._exporter, self._bar)

    def _show(self, is_whole: bool) -> None:  # noqa: FBT001 - a callback
        self.is_whole = is_whole
        stale_after = self._settings.poll.stale_after.total_seconds()
        survey = surveyed(self._exporter, self._settings, time.time(), stale_after)
        every = format_duration(self._interval)
        self._watched.below = ""
        if is_live(self._console):
            self._watched.renew(survey, f"polled every {every}. Ctrl-C ends it.")
            return
        at = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(survey.at))
        sys.stdout.write(f"As of {at}, polled every {every}.\n")
        show(self._console, survey)
        sys.stdout.write("\n")


def _never_stale(settings: Settings) -> Settings:
    """Return settings by which nothing goes stale before it is printed."""
    poll = settings.poll.model_copy(update={"stale_after": timedelta.max})
    return settings.model_copy(update={"poll": poll})


async def _unless_stopped(work: Coroutine[None, None, bool | None]) -> bool | None:
    """Return the result of the work, None if a signal stopped it."""
    stop = stop_signal()
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        return working.result()
    working.cancel()
    # It may have ended badly meanwhile, which is told as ever.
    await asyncio.wait({working})
    return None if working.cancelled() else working.result()
