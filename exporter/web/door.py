"""How one gets in: what a web configuration puts before the pages, if there is one.

It must not go on without a configuration that was asked for and cannot be served.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp.typedefs import Middleware

from exporter.web.guard import guard
from exporter.web.live import LiveContext, LiveWebConfig, checked
from exporter.web.ratelimit import TokenBucket


@dataclass(frozen=True, slots=True)
class Door:
    """What `application` and `serving` need; of nothing, plain HTTP for everybody."""

    middlewares: tuple[Middleware, ...] = ()
    ssl_context: ssl.SSLContext | None = None


def door(file: Path | None, clock: Callable[[], float]) -> Door:
    """Return the door that a web configuration asks for; None asks for none.

    Whether there is TLS, and the rate limit, are settled here; all else follows the
    files as they change.

    Raises:
        ConfigurationError: one line per fault.
    """
    if file is None:
        return Door()
    config = checked(file)
    live = LiveWebConfig(file)
    limit = config.rate_limit
    bucket = TokenBucket(limit.interval, limit.burst, clock)
    is_secured = config.tls_server_config.is_enabled
    context = LiveContext.of(live) if is_secured else None
    return Door((guard(live, bucket),), context)
