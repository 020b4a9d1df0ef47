"""How one signed GET goes out and what comes back: its data, or the error it is."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    NetworkFault,
    Origin,
    RequestTimeoutError,
    UnavailableError,
)

T = TypeVar("T")

# A page of 1,000 checkpoints is under 1 MB; what is larger is no answer of this API.
LARGEST_BODY_BYTES = 16 * 2**20
# The first that fits.
FAULTS = (
    (aiohttp.ClientConnectorCertificateError, NetworkFault.CERTIFICATE),
    (aiohttp.ClientSSLError, NetworkFault.TLS),
    (aiohttp.ClientHttpProxyError, NetworkFault.PROXY),
    (aiohttp.ClientProxyConnectionError, NetworkFault.PROXY),
    # Ours are always good.
    (aiohttp.InvalidURL, NetworkFault.PROXY),
    (aiohttp.ClientConnectorDNSError, NetworkFault.DNS),
    (aiohttp.ClientConnectorError, NetworkFault.UNREACHABLE),
    (TimeoutError, NetworkFault.TIMEOUT),
)
BROKEN = NetworkFault.BROKEN


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
        connector=connector,
        headers=headers,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),  # the API knows us by signatures
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
    _date: str = ""
    _proxies: dict[str, str | None] = field(default_factory=dict)

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
        if call.endpoint not in self._proxies:
            self._proxies[call.endpoint] = proxy_for(url)
        return data_of(await self._receive(url, headers, call), decode)

    async def _receive(self, url: URL, headers: dict[str, str], call: Call) -> Answer:
        action, proxy = call.action, self._proxies[call.endpoint]
        try:
            async with (
                asyncio.timeout(self.timeout),
                self.session.get(
                    url,
                    headers=headers,
                    allow_redirects=False,
                    proxy=proxy,
                ) as response,
            ):
                self._note_clock(response.headers)
                body = await _bounded_body(response, action)
                host = url.host or ""
                return Answer(action, response.status, response.headers, body, host)
        except (TimeoutError, aiohttp.ClientError) as error:
            failure = _failure_from(error, action, url.host or "", proxy)
        # Raised here, it is not chained to an error that quotes headers and bodies.
        raise failure

    def _note_clock(self, headers: Mapping[str, str]) -> None:
        date = headers.get("Date", "")
        if date == self._date:
            return  # one of a second tells it, and costs more than the others
        self._date = date
        try:
            theirs = parsedate_to_datetime(date)
        except (ValueError, OverflowError):
            return
        # HTTP knows no other zone than GMT, whether it is written or not.
        self.on_clock_skew(self.wall() - theirs.replace(tzinfo=UTC).timestamp())


def _failure_from(
    error: TimeoutError | aiohttp.ClientError, action: str, host: str, proxy: str | None
) -> CloudError:
    """Return what stands for an answer that never came, or came broken."""
    is_proxys = isinstance(error, aiohttp.ClientHttpProxyError)
    if isinstance(error, aiohttp.ClientResponseError) and not is_proxys:
        origin = Origin(action)
        return MalformedError(f"{action} was answered with broken HTTP", origin=origin)
    # The text of the others repeats what the API sent; resolvers count below zero.
    number = (isinstance(error, aiohttp.ClientOSError) and error.errno) or 0
    fault = next((f for kind, f in FAULTS if isinstance(error, kind)), BROKEN)
    if fault is NetworkFault.UNREACHABLE and number == errno.ECONNREFUSED:
        fault, number = NetworkFault.REFUSED, 0
    if proxy is not None:
        # Without the login that stands in its URL.
        by = proxy.rpartition("@")[2].rpartition("//")[2].rstrip("/")
        # Behind a proxy it is its own name that is looked up here.
        fault = NetworkFault.PROXY if fault is NetworkFault.DNS else fault
        host = by if fault is NetworkFault.PROXY else f"{host} through the proxy {by}"
    is_systems = number > 0 and not isinstance(error, aiohttp.ClientSSLError)
    why = f" ({os.strerror(number)})" if is_systems else ""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        why = f" (HTTP {error.status})"
    kind = RequestTimeoutError if fault is NetworkFault.TIMEOUT else UnavailableError
    origin = Origin(action, fault=fault, host=host)
    return kind(f"{action}: {fault.words.format(host)}{why}", origin=origin)


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


def proxy_for(url: URL) -> str | None:
    """Return the environment's proxy for an address, None if it names none.

    aiohttp's own way to read it also reads ~/.netrc, and would replace our signature.
    """
    # What is on this machine stays on it: only there may a request go out in the clear.
    host = url.host or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxy = urllib.request.getproxies().get(url.scheme)
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
