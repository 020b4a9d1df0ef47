"""The web configuration as its files stand now: read again when one changes.

While a file cannot be read, every client is refused.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from exporter.config import ConfigurationError
from exporter.web import tls, webconfig
from exporter.web.webconfig import WebConfig

log = structlog.get_logger(__name__)

T = TypeVar("T")
_State = tuple[tuple[int, ...] | None, ...]


class WatchedConfig:
    """What a web configuration says at present; each look costs a stat per file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._config = _Remembered[WebConfig](lambda: webconfig.read(file))
        self._context = _Remembered[ssl.SSLContext](
            lambda: tls.server_context(file, self.config().tls_server_config)
        )

    def config(self) -> WebConfig:
        """Return what the file says now.

        Raises:
            ConfigurationError: one line per fault.
        """
        return self._config.value((self._file,))

    def context(self) -> ssl.SSLContext:
        """Return how a connection is secured that is accepted now.

        Raises:
            ConfigurationError: one line per fault; also when TLS was switched off.
        """
        named = tls.named_files(self._file, self.config().tls_server_config)
        return self._context.value((self._file, *named))


def checked(file: Path) -> WebConfig:
    """Return what a web configuration says, if it can be served.

    Raises:
        ConfigurationError: one line per fault, in it or in the files it names.
    """
    config = webconfig.read(file)
    if config.tls_server_config.is_enabled:
        tls.server_context(file, config.tls_server_config)
    return config


class WatchedContext(ssl.SSLContext):
    """A listener's context that secures each connection with the one of the moment.

    Python has no GetConfigForClient, and what sni_callback can swap leaves policy,
    authorities and versions as they were. But asyncio makes every connection by
    `wrap_bio`, so that is where the moment's context comes in, as a whole.
    """

    _watched: WatchedConfig
    _closed: ssl.SSLContext

    @classmethod
    def of(cls, watched: WatchedConfig) -> WatchedContext:
        """Return a context for a listener; `watched` had TLS when it was started."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context._watched = watched
        # Without a certificate no handshake comes to a good end.
        context._closed = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        return context

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - ssl's
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Start a connection as the file says now, or one that is bound to fail."""
        try:
            context = self._watched.context()
        except ConfigurationError:
            context = self._closed
        return context.wrap_bio(
            incoming, outgoing, server_side, server_hostname, session
        )


class _Remembered(Generic[T]):
    """A value made of files, or the error that came of it, until a file changes."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._state: _State | None = None
        self._found: T | ConfigurationError | None = None

    def value(self, files: Iterable[Path]) -> T:
        state = tuple(map(_state_of, files))
        if state != self._state:
            # Taken before it is read: what changes meanwhile is seen next time.
            self._state = state
            try:
                self._found = self._make()
            except ConfigurationError as error:
                self._found = error
                log.warning("web_configuration_refused", faults=list(error.faults))
        if isinstance(self._found, ConfigurationError):
            raise ConfigurationError(self._found.faults)
        assert self._found is not None, "no file is without a state"  # noqa: S101
        return self._found


def _state_of(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
