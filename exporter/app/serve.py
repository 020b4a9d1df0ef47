"""The exporter as a process: it serves until a signal says stop, and reloads."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from operator import attrgetter

import structlog

from exporter import __version__, revision
from exporter.app import logs
from exporter.app.exporter import Exporter, opened
from exporter.app.leader import election
from exporter.cloud.credentials import in_daemon_thread
from exporter.config.catalogue import setting_specs
from exporter.config.load import ConfigurationError
from exporter.config.settings import Settings
from exporter.model.assessment import assess
from exporter.model.errors import CloudError, capture_error
from exporter.model.problems import problems
from exporter.web.auth import web_security
from exporter.web.server import application, serving
from exporter.web.watch import WatchedConfig

UNEXPECTED = "the configuration could not be put in force: a bug, which is in the log"

OnReady = Callable[[Exporter, Sequence[str]], None]
"""Is called with the exporter and the addresses at which a browser finds it."""

log = structlog.get_logger(__name__)


async def serve(
    settings: Settings,
    reread: Callable[[], Settings],
    *,
    facts: Mapping[str, str],
    on_ready: OnReady = lambda *_: None,
) -> None:
    """Run the exporter until a signal says stop; call `on_ready` with its first data.

    `facts` are what is in force, for the log.
    `reread` reads the configuration again: at SIGHUP, and at a request where that is
    enabled.

    Raises:
        ConfigurationError: the web configuration or the Lease cannot be used.
        OSError: a listen address cannot be used; the text says which.
    """
    stop = signalled(signal.SIGTERM, signal.SIGINT)
    hangup = signalled(signal.SIGHUP)
    # What was imported stays: looking through it takes the garbage collector tens of
    # milliseconds, in which no scrape is answered.
    gc.collect()
    gc.freeze()
    middlewares, ssl_context = web_security(
        settings.web.config_file, asyncio.get_running_loop().time
    )
    async with opened(settings) as exporter:
        reloader = Reloader(exporter, reread)
        site = exporter.site(reloader.reload)
        app = application(site, middlewares)
        listen = settings.web.listen_address
        async with (
            serving(app, listen, ssl_context) as addresses,
            # Released once nothing polls any more, and before the server stops.
            election(
                settings,
                on_change=exporter.elected,
                on_follow=exporter.ready.set,
            ) as elector,
            asyncio.TaskGroup() as group,
        ):
            build = {"version": __version__, "revision": revision()}
            log.info("started", **build, addresses=",".join(addresses), **facts)
            scheme = "https" if ssl_context else "http"
            ports = sorted({address.rpartition(":")[2] for address in addresses})
            urls = [f"{scheme}://localhost:{port}" for port in ports]
            polling = elector.run(exporter.run) if elector else exporter.run()
            running = group.create_task(polling)
            waiting = group.create_task(_when_ready(exporter, urls, on_ready))
            reloads = group.create_task(reloader.reload_on(hangup))
            stopping = group.create_task(stop.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                # An exporter that does not poll must not look healthy.
                raise RuntimeError("polling has ended by itself")
            for task in (running, waiting, reloads):
                task.cancel()
    log.info("stopped")


async def _when_ready(
    exporter: Exporter, urls: Sequence[str], on_ready: OnReady
) -> None:
    await exporter.ready.wait()
    statuses = exporter.store.statuses()
    log.info("ready", routes=len(statuses), up=sum(bool(s.is_up) for s in statuses))
    why = problems(assess(exporter.report(), 0)) if not statuses else ()
    for problem in islice(why, 1):
        log.warning("no_route_found", error=problem.what, remedy=problem.remedy)
    on_ready(exporter, urls)


def signalled(*signals: signal.Signals) -> asyncio.Event:
    """Return an event that these signals set, instead of their default action."""
    event = asyncio.Event()
    for number in signals:
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    return event


class Reloader:
    """Reads the configuration again, and puts it in force if all of it is good."""

    def __init__(self, exporter: Exporter, reread: Callable[[], Settings]) -> None:
        self._exporter = exporter
        self._reread = reread
        self._turn = asyncio.Lock()

    async def reload_on(self, signalled: asyncio.Event) -> None:
        """Reload whenever the event is set, until cancelled."""
        while True:
            await signalled.wait()
            signalled.clear()
            await self.reload()

    async def reload(self) -> Sequence[str]:
        """Reload, one at a time; return the faults, none where it succeeded.

        Each fault is one line without values. After a fault the old configuration
        stays in force.
        """
        async with self._turn:
            faults = await capture_error(self._attempt())
            bug = None
            if isinstance(faults, CloudError):
                bug = faults.bug
                faults = (str(faults) if bug is None else UNEXPECTED,)
            for fault in faults:
                log.error("reload_failed", error=fault, exc_info=bug)
            self._exporter.telemetry.reloaded(ok=not faults, at=time.time())
            self._exporter.exposition.renew()
            return faults

    async def _attempt(self) -> Sequence[str]:
        try:
            # In a thread: the disk that the file is on may be slow.
            read = await in_daemon_thread(self._read)
        except ConfigurationError as error:
            return error.faults
        before = self._exporter.settings
        # A process that takes part in an election holds the lease of its shard.
        kept = ["web", "ha"] if before.ha.lease is None else ["web", "ha", "shard"]
        settings = read.model_copy(
            update={name: getattr(before, name) for name in kept}
        )
        await self._exporter.apply(settings)
        if settings.log != before.log:
            logs.configure(settings.log.level, settings.log.format)
        changed = changed_settings(before, settings)
        log.info("reloaded", changed=",".join(changed) or "nothing")
        if waiting := changed_settings(settings, read):
            log.warning("restart_needed", settings=",".join(waiting))
        return ()

    def _read(self) -> Settings:
        settings = self._reread()
        if settings.web.config_file is not None:
            # It follows its file by itself; but what `serve` would refuse is not good.
            WatchedConfig(settings.web.config_file).current()
        return settings


def changed_settings(before: Settings, after: Settings) -> list[str]:
    """Return the names of the settings that differ."""
    paths = (path for path in setting_specs() if "[]" not in path)
    return [p for p in paths if attrgetter(p)(before) != attrgetter(p)(after)]
