"""How one signed GET goes out and what comes back: its data, or the error it is."""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import aiohttp
from yarl import URL

from exporter import __version__
from exporter.cloud.api_errors import Answer, data_of
from exporter.cloud.credentials import DAEMON_THREADS
from exporter.cloud.signing import Credentials, canonical_query, signed_headers
from exporter.cloud.wire import Decode
from exporter.config.fields import is_loopback
from exporter.model.errors import (
    CloudError,
    MalformedError,
    Origin,
    RequestTimeoutError,
    UnavailableError,
)

T = TypeVar("T")

# A page of 1,000 checkpoints is under 1 MB; what is larger is no answer of this API.
LARGEST_BODY_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Call:
    """One read of the API: which action, where, and with what query."""

    action: str
    endpoint: str
    path: str
    query: Mapping[str, str]


def new_session() -> aiohttp.ClientSession:
    """Return the connection pool of the program."""
    # A name look-up that hangs must not hold up the program's exit.
    asyncio.get_running_loop().set_default_executor(DAEMON_THREADS)
    connector = aiohttp.TCPConnector(
        # Built once: it costs tens of milliseconds of a blocked loop.
        ssl=ssl.create_default_context(),
        resolver=aiohttp.ThreadedResolver(),
        limit=0,  # who sends holds a slot already
    )
    headers = {"User-Agent": f"rocketmq-dr-exporter/{__version__}"}
    # aiohttp's own would cut a request after five minutes, whatever the setting says.
    timeout = aiohttp.ClientTimeout()
    session = aiohttp.ClientSession(
        connector=connector, headers=headers, timeout=timeout
    )
    # When a connection breaks, aiohttp would send a GET again by itself: with the same
    # nonce, neither paced nor counted. Its own test client switches that off like this.
    session._retry_connection = False  # noqa: SLF001 - there is no public way
    return session


@dataclass
class Exchange:
    """Sends signed requests over one connection pool; it never follows a redirect.

    `timeout` is for one request, in seconds. `on_clock_skew` is told our clock minus
    the API's, in seconds, for every answer with a date. `wall` tells Unix seconds.
    """

    session: aiohttp.ClientSession
    timeout: float
    on_clock_skew: Callable[[float], None]
    wall: Callable[[], float] = time.time

    async def send(self, call: Call, credentials: Credentials, decode: Decode[T]) -> T:
        """Return the data of a good answer.

        Raises:
            CloudError: there was none; the class says what an operator would do.
        """
        query = canonical_query(call.query)
        url = URL(f"{call.endpoint}{call.path}" + (query and f"?{query}"), encoded=True)
        headers = signed_headers(
            credentials,
            host=url.host_port_subcomponent or "",
            path=call.path,
            query=query,
            action=call.action,
            date=datetime.fromtimestamp(self.wall(), UTC),
            nonce=secrets.token_hex(16),
        )
        return data_of(await self._receive(url, headers, call.action), decode)

    async def _receive(self, url: URL, headers: dict[str, str], action: str) -> Answer:
        try:
            async with (
                asyncio.timeout(self.timeout),
                self.session.get(
                    url,
                    headers=headers,
                    allow_redirects=False,
                    proxy=_proxy_for(url),
                ) as response,
            ):
                self._note_clock(response.headers)
                body = await _bounded_body(response, action)
                return Answer(action, response.status, response.headers, body)
        except TimeoutError:
            failure: CloudError = RequestTimeoutError(
                f"{action} was not answered within {self.timeout:g} s",
                origin=Origin(action),
            )
        except aiohttp.ClientError as error:
            failure = _failure_from(error, action)
        # Raised here, it is not chained to an error that quotes headers and bodies.
        raise failure

    def _note_clock(self, headers: Mapping[str, str]) -> None:
        try:
            theirs = parsedate_to_datetime(headers.get("Date", ""))
        except (ValueError, OverflowError):
            return
        # HTTP knows no other zone than GMT, whether it is written or not.
        self.on_clock_skew(self.wall() - theirs.replace(tzinfo=UTC).timestamp())


def _failure_from(error: aiohttp.ClientError, action: str) -> CloudError:
    """Return what stands for an answer that never came, or came broken."""
    origin = Origin(action)
    is_proxys = isinstance(error, aiohttp.ClientHttpProxyError)
    if isinstance(error, aiohttp.ClientResponseError) and not is_proxys:
        return MalformedError(f"{action} was answered with broken HTTP", origin=origin)
    what = type(error).__name__
    # The text of the others repeats what the API sent; resolvers count below zero.
    is_tls = isinstance(error, aiohttp.ClientSSLError)
    if isinstance(error, aiohttp.ClientOSError) and not is_tls:
        number = error.errno or 0
        what += f" ({os.strerror(number)})" if number > 0 else ""
    return UnavailableError(f"{action} got no whole answer: {what}", origin=origin)


async def _bounded_body(response: aiohttp.ClientResponse, action: str) -> bytes:
    """Return the body; one over the bound is refused while it arrives."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_BODY_BYTES:
            raise MalformedError(
                f"the answer is over {LARGEST_BODY_BYTES} bytes",
                origin=Origin(action, None, response.status),
            )
    return bytes(body)


def _proxy_for(url: URL) -> str | None:
    """Return the environment's proxy for an address, None if it names none.

    aiohttp's own way to read it also reads ~/.netrc, and would replace our signature.
    """
    # What is on this machine stays on it: only there may a request go out in the clear.
    host = url.host or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxy = urllib.request.getproxies().get(url.scheme)
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
