"""The exporter as a process: it serves until a signal says stop, or polls once.

It builds nothing but what a process needs beside the parts of `app`.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from exporter import __version__
from exporter.app.exporter import Exporter, opened
from exporter.app.leader import Elector, election
from exporter.app.reloading import Reloader
from exporter.config import Loaded, Settings
from exporter.model.types import Route
from exporter.web.auth import web_security
from exporter.web.server import application, serving
from exporter.web.watch import checked

log = structlog.get_logger(__name__)


async def serve(
    settings: Settings,
    reread: Callable[[], Loaded],
    *,
    on_ready: Callable[[Exporter, tuple[str, ...]], None] = lambda *_: None,
) -> None:
    """Run the exporter until a signal says stop; `on_ready` hears of its first data.

    `reread` reads the configuration again: at SIGHUP, and where that is enabled at a
    request.

    Raises:
        ConfigurationError: the web configuration cannot be served, or the lease not
            be had.
        OSError: a listen address cannot be had; the text says which.
    """
    stop = stop_signal()
    hangup = signalled(signal.SIGHUP)
    # What was imported stays: looking through it takes the garbage collector tens of
    # milliseconds, in which no scrape is answered.
    gc.collect()
    gc.freeze()
    entrance = web_security(settings.web.config_file, asyncio.get_running_loop().time)
    async with opened(settings) as exporter:
        reloader = reloading(exporter, settings, reread)
        reload = reloader.reload if settings.web.enable_lifecycle else None
        site = replace(exporter.site(), reload=reload)
        app = application(site, entrance.middlewares)
        listen = settings.web.listen_address
        async with (
            serving(app, listen, entrance.ssl_context) as addresses,
            # Released once nothing polls any more, and before clients are let go.
            election(
                settings,
                on_change=exporter.elected,
                on_follow=exporter.ready.set,
            ) as elector,
            asyncio.TaskGroup() as group,
        ):
            log.info("started", version=__version__, addresses=",".join(addresses))
            running = group.create_task(poll_when_elected(exporter, elector))
            waiting = group.create_task(_when_ready(exporter, addresses, on_ready))
            reloads = group.create_task(reloader.reload_on(hangup))
            stopping = group.create_task(stop.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                # Whatever ended it: an exporter that does not poll must not look well.
                raise RuntimeError("polling has ended by itself")
            for task in (running, waiting, reloads):
                task.cancel()
    log.info("stopped")


def reloading(
    exporter: Exporter, settings: Settings, reread: Callable[[], Loaded]
) -> Reloader:
    """Return what puts the configuration in force that `reread` reads."""

    def report(is_good: bool) -> None:  # noqa: FBT001 - a callback
        exporter.telemetry.reloaded(ok=is_good, at=time.time())
        exporter.exposition.renew()

    def read() -> Loaded:
        loaded = reread()
        if loaded.settings.web.config_file is not None:
            # It follows its file by itself; but what `serve` would refuse is not good.
            checked(loaded.settings.web.config_file)
        return loaded

    return Reloader(settings, read, exporter.apply, report)


async def poll_when_elected(exporter: Exporter, elector: Elector | None) -> None:
    """Poll until cancelled; with an elector only while it leads."""
    if elector is None:
        await exporter.run()
    else:
        await elector.run(exporter.run)


async def _when_ready(
    exporter: Exporter,
    addresses: tuple[str, ...],
    on_ready: Callable[[Exporter, tuple[str, ...]], None],
) -> None:
    await exporter.ready.wait()
    statuses = exporter.store.statuses()
    log.info("ready", routes=len(statuses), up=sum(bool(s.is_up) for s in statuses))
    on_ready(exporter, addresses)


async def poll_all(exporter: Exporter) -> bool:
    """Discover, poll every route once; return whether all of it succeeded."""
    is_found = await exporter.discover()
    return await poll_routes(exporter) and is_found


async def poll_routes(
    exporter: Exporter, on_polled: Callable[[Route], None] = lambda _: None
) -> bool:
    """Poll every route that is known once; return whether all of it succeeded."""
    queue = list(reversed(exporter.discovery.inventory.routes))

    async def work() -> None:
        while queue:
            route = queue.pop()
            await exporter.poller.poll_once(route)
            on_polled(route)

    async with asyncio.TaskGroup() as group:
        for _ in range(exporter.workers):
            group.create_task(work())
    is_whole = not exporter.discovery.inventory.missing
    return is_whole and all(status.is_up for status in exporter.store.statuses())


def stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    return signalled(signal.SIGTERM, signal.SIGINT)


def signalled(*numbers: signal.Signals) -> asyncio.Event:
    """Return an event that these signals set, instead of what they do else."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, event.set)
    return event
