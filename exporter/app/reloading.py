"""The configuration read again while the exporter runs: in force whole, or not at all.

It puts nothing in force itself, and repeats no value of a setting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from exporter.app import logs
from exporter.cloud.credentials import in_daemon_thread
from exporter.config import ConfigurationError, Loaded, Settings
from exporter.config.settings import Section
from exporter.model.errors import CloudError, capture_error

log = structlog.get_logger(__name__)

UNEXPECTED = "the configuration could not be put in force: a bug, which is in the log"


class Reloader:
    """Reads the configuration again, and has it put in force if all of it is good.

    `running` are the settings in force at the start, `apply` puts others in force or
    raises and leaves all as it was; `report` hears how each reload ended.
    """

    def __init__(
        self,
        running: Settings,
        reread: Callable[[], Loaded],
        apply: Callable[[Settings], Awaitable[None]],
        report: Callable[[bool], None],
    ) -> None:
        self._running = running
        self._reread = reread
        self._apply = apply
        self._report = report
        self._turn = asyncio.Lock()

    async def reload(self) -> Sequence[str]:
        """Reload, one after the other; return the faults, none where it succeeded.

        Each fault is one line without values; what ran before goes on then.
        """
        async with self._turn:
            faults = await capture_error(self._attempt())
            bug = None
            if isinstance(faults, CloudError):
                bug = faults.bug
                faults = (str(faults) if bug is None else UNEXPECTED,)
            for fault in faults:
                log.error("reload_failed", error=fault, exc_info=bug)
            self._report(not faults)
            return faults

    async def _attempt(self) -> Sequence[str]:
        try:
            # In a thread: whatever the file lies on may be slow.
            loaded = await in_daemon_thread(self._reread)
        except ConfigurationError as error:
            return error.faults
        await self._put_in_force(loaded.settings)
        return ()

    async def _put_in_force(self, read: Settings) -> None:
        before = self._running
        kept = {name: getattr(before, name) for name in kept_sections(before)}
        settings = read.model_copy(update=kept)
        await self._apply(settings)
        self._running = settings
        if settings.log != before.log:
            logs.configure(settings.log.level, settings.log.format)
        changed = changed_sections(before, settings)
        log.info("reloaded", changed=",".join(changed) or "nothing")
        waiting = changed_settings(kept, read)
        if waiting:
            log.warning("restart_needed", settings=",".join(waiting))

    async def reload_on(self, signalled: asyncio.Event) -> None:
        """Reload whenever the event is set, until cancelled."""
        while True:
            await signalled.wait()
            signalled.clear()
            await self.reload()


def changed_sections(before: Settings, after: Settings) -> list[str]:
    """Return the names of the sections that differ.

    >>> from exporter.config import ShardSettings
    >>> changed_sections(Settings(), Settings(shard=ShardSettings(total=2)))
    ['shard']
    """
    names = type(before).model_fields
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def kept_sections(settings: Settings) -> Sequence[str]:
    """Return which sections hold from the start to the end of a process.

    A shard that elects who polls holds the lease of that very shard.

    >>> kept_sections(Settings())
    ('web', 'ha')
    """
    return ("web", "ha") if settings.ha.lease is None else ("web", "ha", "shard")


def changed_settings(kept: Mapping[str, Section], read: Settings) -> list[str]:
    """Return which settings of the sections that are kept were read otherwise.

    >>> from exporter.config import LogSettings, WebSettings
    >>> read = Settings(web=WebSettings(max_requests=2))
    >>> changed_settings({"web": WebSettings(), "log": LogSettings()}, read)
    ['web.max_requests']
    """
    return [
        f"{section}.{name}"
        for section, before in kept.items()
        for name in type(before).model_fields
        if getattr(before, name) != getattr(getattr(read, section), name)
    ]
