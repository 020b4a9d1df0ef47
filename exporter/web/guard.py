"""What stands before every page: the rate limit, the headers and the users.

It must not look at which page is asked for, nor at what the page answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from exporter.settings import ConfigurationError
from exporter.web.auth import BasicAuth
from exporter.web.live import LiveWebConfig
from exporter.web.ratelimit import TokenBucket

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
        users = config.basic_auth_users
        header = request.headers.get("Authorization")
        headers = config.http_server_config.headers
        try:
            if users and not await auth.admits(header, users):
                raise _unauthorized()
            answer = await handler(request)
        except web.HTTPException as refusal:
            refusal.headers.update(headers)
            raise
        answer.headers.update(headers)
        return answer

    return guarded


def _unauthorized() -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(
        text="Unauthorized\n", headers={"WWW-Authenticate": "Basic"}
    )
