"""The client of one account, built from the settings with its connection pool."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from pydantic import SecretStr

from exporter import __version__
from exporter.cloud.client import CloudClient
from exporter.cloud.credentials import CredentialSource, credential_source
from exporter.cloud.daemon_threads import DaemonResolver
from exporter.cloud.exchange import Exchange
from exporter.cloud.limiter import Limiter
from exporter.cloud.pages import Reading, read_all, read_first
from exporter.cloud.transport import (
    ApiObserver,
    Transport,
    is_throttled,
    is_transient,
)
from exporter.config import ApiSettings, Settings
from exporter.model.errors import CloudError


class AccountObserver(ApiObserver, Protocol):
    """Whoever counts what is asked of the API, and keeps an eye on the account."""

    def rate_limit(self, per_second: float) -> None:
        """Take note of how fast the account may be asked from now on."""

    def clock_skew(self, seconds: float) -> None:
        """Take note of our clock minus the API's."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How persistently the API is asked: all of each list, again after what errors."""

    read: Reading
    is_retried: Callable[[CloudError], bool]


POLLING = Manner(read_all, is_transient)
# A diagnosis tells what it met, at once; but to be told to wait is no finding.
PROBING = Manner(read_first, is_throttled)


@asynccontextmanager
async def connected(
    settings: Settings,
    observer: AccountObserver,
    *,
    manner: Manner = POLLING,
    credentials: CredentialSource | None = None,
    wall: Callable[[], float] = time.time,
) -> AsyncIterator[CloudClient]:
    """Build the client, and close its connections at the end.

    Without `credentials` the settings' are used; `wall` is Unix time.
    """
    api = settings.api
    async with _session(api) as session:
        transport = Transport(
            Exchange(
                session,
                timeout=api.timeout.total_seconds(),
                on_clock_skew=observer.clock_skew,
                wall=wall,
            ),
            credentials or credentials_of(api),
            Limiter(requests_per_second(settings), on_change=observer.rate_limit),
            observer,
            max_concurrency=api.max_concurrency,
            is_retried=manner.is_retried,
        )
        yield CloudClient(
            transport,
            settings.endpoint_for,
            timeout=settings.poll.timeout.total_seconds(),
            page_size=api.page_size,
            workers=api.max_concurrency,
            read=manner.read,
        )


def requests_per_second(settings: Settings) -> float:
    """Return this shard's share of what the account may be asked."""
    return settings.api.requests_per_second / settings.shard.total


def is_same_client(one: Settings, other: Settings) -> bool:
    """Return whether a client of the one settings is as good as one of the other."""
    return (one.api, one.poll.timeout, requests_per_second(one)) == (
        other.api,
        other.poll.timeout,
        requests_per_second(other),
    )


@asynccontextmanager
async def _session(api: ApiSettings) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(
        # Built once: it costs tens of milliseconds of a blocked loop.
        ssl=ssl.create_default_context(),
        resolver=DaemonResolver(),
        limit=api.max_concurrency,
    )
    headers = {"User-Agent": f"rocketmq-dr-exporter/{__version__}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        yield session


def credentials_of(api: ApiSettings) -> CredentialSource:
    """Return where the key comes from; nothing is read or asked yet."""
    return credential_source(
        access_key_id=api.access_key_id,
        access_key_secret=_revealed(api.access_key_secret),
        access_key_secret_file=api.access_key_secret_file,
        security_token=_revealed(api.security_token),
        security_token_file=api.security_token_file,
    )


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
