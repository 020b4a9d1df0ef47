"""The rate limit, the headers and the users of a web configuration."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import bcrypt
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporter.cloud.credentials import in_daemon_thread
from exporter.config.load import ConfigurationError
from exporter.web.watch import WatchedConfig, watched_context

# Of every answer; the usual `Server` names the versions of aiohttp and Python.
HEADERS = {"Server": "rocketmq-dr-exporter", "X-Content-Type-Options": "nosniff"}
_HEADERS: web.RequestKey[Mapping[str, str]] = web.RequestKey("headers", Mapping)


def web_security(
    file: Path | None, clock: Callable[[], float]
) -> tuple[tuple[Middleware, ...], ssl.SSLContext | None]:
    """Return the middlewares and the TLS that a web configuration file asks for.

    Whether there is TLS, and the rate limit, take a restart to change; all else follows
    the files as they change. A request is refused as exporter-toolkit does, in its
    order: 500, 429, headers, 401.

    Raises:
        ConfigurationError: one line per fault.
    """
    if file is None:
        return (), None
    watched = WatchedConfig(file)
    config, context = watched.current()
    limit = config.rate_limit
    bucket = TokenBucket(limit.interval, limit.burst, clock)
    auth = BasicAuth()

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            config, _ = watched.current()
        except ConfigurationError:
            return web.Response(text="Internal Server Error\n", status=500)
        if not bucket.allows():
            return web.Response(text="Too Many Requests\n", status=429)
        headers = config.http_server_config.headers
        request[_HEADERS] = headers.model_dump(by_alias=True, exclude_unset=True)
        users = config.basic_auth_users
        header = request.headers.get("Authorization")
        if users and not await auth.accepts(header, users):
            raise web.HTTPUnauthorized(
                text="Unauthorized\n", headers={"WWW-Authenticate": "Basic"}
            )
        return await handler(request)

    return (guarded,), context and watched_context(watched)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add ours and the configured headers to a response that is about to be sent.

    For `on_response_prepare`: a handler may send its response before it returns.
    """
    response.headers.update({**HEADERS, **request.get(_HEADERS, {})})


class TokenBucket:
    """Holds `burst` tokens; one comes back every `interval` seconds, 0 is no limit."""

    def __init__(self, interval: float, burst: int, clock: Callable[[], float]) -> None:
        self._interval = interval
        self._burst = burst
        self._clock = clock
        self._full_at = clock()

    def allows(self) -> bool:
        """Return whether a request may pass, and take its token if so."""
        now = self._clock()
        full_at = max(now, self._full_at) + self._interval
        # A microsecond more, as sums of fractions are a little off.
        if full_at - now > self._burst * self._interval + 1e-6:
            return False
        self._full_at = full_at
        return True


# Of "fakepassword": what an unknown user's password is compared with, at the highest
# cost of the known users.
_NOBODY = b"$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
CACHE_SIZE = 100
# For longer passwords some releases of bcrypt raise, and others compare the start.
_LONGEST = 72


def _matches(password: bytes, stored: bytes) -> bool:
    try:
        return bcrypt.checkpw(password, stored)
    except ValueError:
        # A salt that cannot be read, which only bcrypt knows: no password fits it.
        return False


class BasicAuth:
    """Compares one password at a time, and remembers the last answers."""

    def __init__(self, matches: Callable[[bytes, bytes], bool] = _matches) -> None:
        self._matches = matches
        self._answers: dict[bytes, bool] = {}
        self._turn = asyncio.Lock()
        # Passwords are remembered as digests that mean nothing elsewhere.
        self._pepper = secrets.token_bytes(32)

    async def accepts(self, header: str | None, users: Mapping[str, str]) -> bool:
        """Return whether an Authorization header names a user and their password."""
        credentials = decoded(header)
        if credentials is None or len(credentials[1]) > _LONGEST:
            return False
        user, password = credentials
        known = {name.encode(): stored.encode() for name, stored in users.items()}
        cost = max(each[4:6] for each in known.values())
        stored = known.get(user, _NOBODY[:4] + cost + _NOBODY[6:])
        # All hashes have one length, so each pair has a key of its own.
        key = hashlib.blake2b(stored + password, key=self._pepper).digest()
        if key not in self._answers:
            async with self._turn:
                # Perhaps it was just compared, for another request with the same one.
                if key not in self._answers:
                    compare = partial(self._matches, password, stored)
                    self._answers[key] = await in_daemon_thread(compare)
        answer = self._answers[key]
        if len(self._answers) > CACHE_SIZE:
            del self._answers[next(iter(self._answers))]
        return answer and user in known


def decoded(header: str | None) -> tuple[bytes, bytes] | None:
    """Return user and password of an Authorization header, None if it has none."""
    scheme, _, encoded = (header or "").partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    user, colon, password = text.partition(b":")
    return (user, password) if colon and scheme.lower() == "basic" else None
