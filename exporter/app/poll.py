"""The command `poll`: finds the routes, polls each once, and prints the result."""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from rich.console import Console
from rich.progress import Progress

from exporter.app import logs
from exporter.app.exporter import Exporter, opened
from exporter.app.report import MOST_ROWS, as_json, show, tell
from exporter.config.settings import LogSettings, NameFilter, Settings
from exporter.model.assessment import Assessment, StatusReport, assess
from exporter.model.lag import roll_up
from exporter.model.problems import many
from exporter.model.types import History, PastPoll, Route, RouteStatus

# As if a route had been polled for longer than any objective.
_LONG = History(polls=(PastPoll(sys.maxsize, array("q")), PastPoll(0, array("q"))))


async def poll(settings: Settings, arguments: argparse.Namespace) -> tuple[bool, bool]:
    """Poll every route once, and print what was found.

    Returns whether all succeeded, and whether every plan is ready to fail over.
    SIGTERM and SIGINT cancel it.
    """
    working = asyncio.ensure_future(_poll_and_print(settings, arguments))
    # Unlike asyncio's own handler of SIGINT, these never run in the middle of a step.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    return await working


async def _poll_and_print(
    settings: Settings, arguments: argparse.Namespace
) -> tuple[bool, bool]:
    async with opened(_narrowed(settings, arguments)) as exporter:
        exporter.discovery.only = frozenset(arguments.plan)
        with drawn_progress(settings.log) as progress:
            is_whole = await poll_all(exporter, progress)
            report = exporter.report()
            if arguments.fail_on_breach:
                report = await confirmed(exporter, arguments.confirm, progress)
        is_table = arguments.output == "table"
        usual = MOST_ROWS if is_table and Console().is_terminal else sys.maxsize
        found = _worst(report, arguments.sort, arguments.limit or usual)
        if is_table:
            show(Console(), found)
        elif arguments.output == "json":
            sys.stdout.write(f"{as_json(found)}\n")
        else:
            sys.stdout.buffer.write(await exporter.exposition.textfile())
        if not is_table:
            tell(found, has_verdicts=arguments.fail_on_breach)
        if arguments.group or arguments.topic:
            sys.stderr.write("Only the groups and topics asked for were judged.\n")
    is_whole = is_whole and all(status.is_up for status in report.statuses)
    return is_whole, bool(found.plans) and not any(p.blockers for p in found.plans)


def _worst(report: StatusReport, sort: str, most: int) -> Assessment:
    if sort == "lag":
        return assess(report, most)
    found = assess(report, sys.maxsize)
    rows = sorted(found.worst, key=lambda row: row.age.value or -1.0, reverse=True)
    return replace(found, worst=rows[:most])


async def poll_all(exporter: Exporter, progress: Progress) -> bool:
    """Discover, poll every route once; return whether all of it succeeded."""
    looking = progress.add_task("Looking for routes", total=None)
    is_found = await exporter.scheduler.discover()
    progress.remove_task(looking)
    inventory = exporter.discovery.inventory
    await _poll_each(exporter, inventory.routes, progress)
    # A plan that is configured in full is polled whether it can be looked up or not.
    plans = exporter.settings.plans
    is_found = is_found or bool(plans and all(plan.is_complete for plan in plans))
    return is_found and not inventory.missing


async def _poll_each(
    exporter: Exporter, routes: Sequence[Route], progress: Progress
) -> None:
    task = progress.add_task(f"Polling {many(len(routes), 'route')}", total=len(routes))
    await exporter.scheduler.poll_each(routes, lambda _: progress.advance(task))


async def confirmed(
    exporter: Exporter, after: timedelta, progress: Progress
) -> StatusReport:
    """Poll once more, after this time, the routes with a lag over the objective.

    Returns what is known then: what is still behind the position that its source was
    first seen at is as late as its lag; any other lag is one of a sparse topic.
    """
    first = assess(exporter.report(), 0)
    routes = [each.status.route for each in first.routes if each.may_be_late]
    if routes:
        progress.add_task("Waiting for --confirm", total=None)
        await asyncio.sleep(after.total_seconds())
        await _poll_each(exporter, routes, progress)
    report = exporter.report()
    statuses = [
        await _judged(each, report) if each.route in routes else each
        for each in report.statuses
    ]
    return replace(report, statuses=statuses)


async def _judged(status: RouteStatus, report: StatusReport) -> RouteStatus:
    """Return a status of two polls, with the lag of what is behind as its delay."""
    snapshot = status.snapshot
    if snapshot is None or not status.is_up:
        return status
    columns, limits = snapshot.columns, report.inventory.limits_of(status.route.plan_id)
    rows = zip(columns.delay_ms, columns.source_ms, columns.target_ms, strict=True)
    delay_ms = array(
        "q", (max(d, source - target) if d > 0 else d for d, source, target in rows)
    )
    columns = replace(columns, delay_ms=delay_ms)
    return replace(
        status,
        snapshot=replace(snapshot, columns=columns),
        history=_LONG,
        rollup=await roll_up(columns, limits, round(report.at * 1000), status.hidden),
    )


@contextmanager
def drawn_progress(log: LogSettings) -> Iterator[Progress]:
    """Draw a bar on stderr while the context is open, with the log lines above it.

    Nothing is drawn where stderr is no terminal that can be drawn over: FORCE_COLOR
    asks for colours in a pipe, and not for a cursor that moves there.
    """
    console = Console(stderr=True)
    is_drawn = console.is_interactive and sys.stderr.isatty()
    try:
        with Progress(
            console=console, transient=True, disable=not is_drawn
        ) as progress:
            # While it is drawn, stderr is a stream of rich's that prints above it.
            logs.configure(log.level, log.format)
            yield progress
    finally:
        logs.configure(log.level, log.format)


def _narrowed(settings: Settings, arguments: argparse.Namespace) -> Settings:
    """Return settings for the groups and topics asked for; nothing goes stale."""
    poll = settings.poll.model_copy(update={"stale_after": timedelta.max})
    names = {
        name: _only(wanted, getattr(settings, name))
        for name, wanted in (("groups", arguments.group), ("topics", arguments.topic))
        if wanted
    }
    return settings.model_copy(update={"poll": poll, **names})


def _only(names: Sequence[str], accepted: NameFilter) -> NameFilter:
    """Return a filter for these names, as far as they are accepted."""
    return NameFilter(include=tuple(re.escape(n) for n in names if accepted.accepts(n)))
