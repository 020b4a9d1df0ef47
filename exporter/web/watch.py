"""The web configuration as its files stand now: read again when one changes.

While a file cannot be read, every client is refused.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import structlog

from exporter.config.load import ConfigurationError
from exporter.web import tls, webconfig
from exporter.web.webconfig import WebConfig

log = structlog.get_logger(__name__)


Current = tuple[WebConfig, ssl.SSLContext | None]
"""What a file says, and how it secures connections; None is plain HTTP."""


class WatchedConfig:
    """What a web configuration says at present; each look costs a stat per file.

    Whether there is TLS is decided by the first look: a listener stays what it is.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._has_tls: bool | None = None
        self._states: dict[Path, tuple[int, ...]] = {}
        self._found = self._read()

    def current(self) -> Current:
        """Return what the file says now.

        Raises:
            ConfigurationError: one line per fault, in it or in the files it names.
        """
        if any(_state_of(each) != state for each, state in self._states.items()):
            self._found = self._read()
            if isinstance(self._found, ConfigurationError):
                faults = list(self._found.faults)
                log.warning("web_configuration_refused", faults=faults)
        if isinstance(self._found, ConfigurationError):
            raise ConfigurationError(self._found.faults)
        return self._found

    def _read(self) -> Current | ConfigurationError:
        # A state is taken before its file is read: a later change is seen next time.
        self._states = {self._file: _state_of(self._file)}
        try:
            config = webconfig.read(self._file)
            section = config.tls_server_config
            if self._has_tls is None:
                self._has_tls = section.is_enabled
            if not self._has_tls:
                return config, None
            for file in tls.named_files(self._file, section).values():
                self._states[file] = _state_of(file)
            return config, tls.server_context(self._file, section)
        except ConfigurationError as error:
            return error


def watched_context(watched: WatchedConfig) -> ssl.SSLContext:
    """Return a listener's context that secures each connection as the file says then.

    Python has no GetConfigForClient, and what sni_callback can replace leaves policy,
    authorities and versions as they were. But asyncio makes every connection by
    `wrap_bio`, so that is where the present context is used, as a whole.
    """

    class Watched(ssl.SSLContext):
        def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
            try:
                _, context = watched.current()
            except ConfigurationError:
                context = None
            # This one has no certificate: with it each handshake fails.
            wrap = super().wrap_bio if context is None else context.wrap_bio
            return wrap(*arguments, **options)

    return Watched(ssl.PROTOCOL_TLS_SERVER)


def _state_of(file: Path) -> tuple[int, ...]:
    """Return what changes with a file; empty if there is no such file."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
