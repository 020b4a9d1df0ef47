"""Blocking calls that the program's exit does not wait for: keys, files, names.

The threads of `asyncio.to_thread` are joined at exit: a look-up that hangs would hold
up SIGTERM for as long as it does.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

T = TypeVar("T")

THREAD_NAME = "daemon-call"


async def in_daemon_thread(call: Callable[[], T]) -> T:
    """Return what a blocking call returns, or raise what it raises."""
    result: Future[T] = Future()
    # Running futures cannot be cancelled, so a late result always has a place to go.
    result.set_running_or_notify_cancel()

    def run() -> None:
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            result.set_exception(error)
        else:
            result.set_result(value)

    threading.Thread(target=run, name=THREAD_NAME, daemon=True).start()
    return await asyncio.wrap_future(result)


class DaemonResolver(AbstractResolver):
    """Looks names up as aiohttp's own resolver does, but for the threads."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """Return a host's addresses; raise OSError if it has none."""
        look_up = partial(
            socket.getaddrinfo,
            host,
            port,
            family=family,
            type=socket.SOCK_STREAM,
            flags=socket.AI_ADDRCONFIG,
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=found,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, proto, _, address in await in_daemon_thread(look_up)
        ]

    async def close(self) -> None:
        """Do nothing: a look-up that is under way cannot be stopped."""
