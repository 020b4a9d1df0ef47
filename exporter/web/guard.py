"""What stands before every page: the rate limit, the headers and the users.

It must not look at which page is asked for, nor at what the page answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Middleware

from exporter.config import ConfigurationError
from exporter.web.auth import BasicAuth
from exporter.web.live import LiveWebConfig
from exporter.web.ratelimit import TokenBucket

_HEADERS: web.RequestKey[Mapping[str, str]] = web.RequestKey("headers", Mapping)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guard(live: LiveWebConfig, bucket: TokenBucket) -> Middleware:
    """Return the middleware that lets in whom the web configuration lets in.

    The checks are exporter-toolkit's, in its order: 500, 429, headers, 401.
    """
    auth = BasicAuth()

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            config = live.config()
        except ConfigurationError:
            return web.Response(text="Internal Server Error\n", status=500)
        if not bucket.allows():
            return web.Response(text="Too Many Requests\n", status=429)
        request[_HEADERS] = config.http_server_config.headers
        users = config.basic_auth_users
        header = request.headers.get("Authorization")
        if users and not await auth.admits(header, users):
            raise _unauthorized()
        return await handler(request)

    return guarded


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the configured headers to a response that is about to be sent.

    For `on_response_prepare`: a handler may send its response before it returns.
    """
    response.headers.update(request.get(_HEADERS, {}))


def _unauthorized() -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(
        text="Unauthorized\n", headers={"WWW-Authenticate": "Basic"}
    )
