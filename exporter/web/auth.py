"""Who may ask: the rate limit, the headers and the users of a web configuration."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import bcrypt
from aiohttp import web
from aiohttp.typedefs import Middleware

from exporter.cloud.credentials import in_daemon_thread
from exporter.config import ConfigurationError
from exporter.web.watch import WatchedConfig, WatchedContext, checked


@dataclass(frozen=True, slots=True)
class WebSecurity:
    """What `application` and `serving` take; by default plain HTTP for everybody."""

    middlewares: tuple[Middleware, ...] = ()
    ssl_context: ssl.SSLContext | None = None


def web_security(file: Path | None, clock: Callable[[], float]) -> WebSecurity:
    """Return what a web configuration file asks for; None is plain HTTP for everybody.

    Whether there is TLS, and the rate limit, take a restart to change; all else follows
    the files as they change.

    Raises:
        ConfigurationError: one line per fault.
    """
    if file is None:
        return WebSecurity()
    config = checked(file)
    watched = WatchedConfig(file)
    limit = config.rate_limit
    bucket = TokenBucket(limit.interval, limit.burst, clock)
    is_secured = config.tls_server_config.is_enabled
    context = WatchedContext.of(watched) if is_secured else None
    return WebSecurity((authenticate(watched, bucket),), context)


_HEADERS: web.RequestKey[Mapping[str, str]] = web.RequestKey("headers", Mapping)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def authenticate(watched: WatchedConfig, bucket: TokenBucket) -> Middleware:
    """Return the middleware that answers those whom the web configuration refuses.

    The checks are exporter-toolkit's, in its order: 500, 429, headers, 401.
    """
    auth = BasicAuth()

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            config = watched.config()
        except ConfigurationError:
            return web.Response(text="Internal Server Error\n", status=500)
        if not bucket.allows():
            return web.Response(text="Too Many Requests\n", status=429)
        request[_HEADERS] = config.http_server_config.headers
        users = config.basic_auth_users
        header = request.headers.get("Authorization")
        if users and not await auth.accepts(header, users):
            raise web.HTTPUnauthorized(
                text="Unauthorized\n", headers={"WWW-Authenticate": "Basic"}
            )
        return await handler(request)

    return guarded


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the configured headers to a response that is about to be sent.

    For `on_response_prepare`: a handler may send its response before it returns.
    """
    response.headers.update(request.get(_HEADERS, {}))


class TokenBucket:
    """Holds `burst` tokens; one comes back every `interval` seconds, 0 is no limit."""

    def __init__(self, interval: float, burst: int, clock: Callable[[], float]) -> None:
        self._interval = interval
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def allows(self) -> bool:
        """Return whether a request may pass, and count it if so."""
        if not self._interval:
            return True
        now = self._clock()
        gained = (now - self._at) / self._interval
        self._tokens = min(float(self._burst), self._tokens + gained)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


# Of "fakepassword": what a user is compared with who is not known.
_NOBODY = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
CACHE_SIZE = 100
# Releases differ in what they do beyond: cut the password off, or raise.
_LONGEST = 72


class BasicAuth:
    """Compares one password at a time, and remembers the last answers."""

    def __init__(self, matches: Callable[[bytes, bytes], bool] | None = None) -> None:
        self._matches = matches or _matches
        self._answers: dict[bytes, bool] = {}
        self._turn = asyncio.Lock()
        # Passwords are remembered as digests that mean nothing elsewhere.
        self._pepper = secrets.token_bytes(32)

    async def accepts(self, header: str | None, users: Mapping[str, str]) -> bool:
        """Return whether an Authorization header names a user and their password."""
        credentials = decoded(header)
        if credentials is None:
            return False
        user, password = credentials
        if len(password) > _LONGEST:
            return False
        known = {name.encode(): stored for name, stored in users.items()}
        stored = known.get(user, _NOBODY)
        key = self._key(user, stored.encode(), password)
        answer = self._answers.get(key)
        if answer is None:
            answer = await self._compared(key, password, stored)
        return answer and user in known

    async def _compared(self, key: bytes, password: bytes, stored: str) -> bool:
        async with self._turn:
            # Perhaps it was just compared, for another request with the same one.
            if key not in self._answers:
                compare = partial(self._matches, password, stored.encode())
                answer = await in_daemon_thread(compare)
                if len(self._answers) >= CACHE_SIZE:
                    del self._answers[next(iter(self._answers))]
                self._answers[key] = answer
            return self._answers[key]

    def _key(self, *parts: bytes) -> bytes:
        # In hex, so that no part can hold what stands between them.
        joined = ":".join(part.hex() for part in parts)
        return hashlib.blake2b(joined.encode(), key=self._pepper).digest()


def decoded(header: str | None) -> tuple[bytes, bytes] | None:
    """Return user and password of an Authorization header, None if it has none.

    >>> decoded("Basic ZGF2ZTpkYXZlMTIz")
    (b'dave', b'dave123')
    >>> decoded("Bearer x"), decoded("Basic !"), decoded("Basic ZGF2ZQ==")
    (None, None, None)
    """
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = text.partition(b":")
    return (user, password) if colon else None


def _matches(password: bytes, stored: bytes) -> bool:
    try:
        return bcrypt.checkpw(password, stored)
    except ValueError:
        # A salt that cannot be read, which only bcrypt knows: no password fits it.
        return False
