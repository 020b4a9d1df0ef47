"""Blocking calls leave the loop alone, and let the program end while they hang."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from exporter.cloud.daemon_threads import DaemonResolver, in_daemon_thread

HANGING_NAMES = """
import socket, sys, time

def hang(*_args, **_kwargs):
    print("looking up", file=sys.stderr, flush=True)
    time.sleep(60)

socket.getaddrinfo = hang
"""


async def test_what_a_call_returns_or_raises_reaches_its_waiter() -> None:
    """As if it had been called on the loop."""

    def fail() -> None:
        raise OSError("no such host")

    assert await in_daemon_thread(lambda: 42) == 42
    with pytest.raises(OSError, match="no such host"):
        await in_daemon_thread(fail)


async def test_a_call_may_end_after_its_waiter_was_cancelled() -> None:
    """At shutdown the refresh itself is cancelled; its thread then ends in peace."""
    entered, release = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def call() -> bool:
        threads.append(threading.current_thread())
        entered.set()
        return release.wait(10)

    waiting = asyncio.create_task(in_daemon_thread(call))
    await asyncio.to_thread(entered.wait, 10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()

    # Were its end an error, pytest would turn that into a failure of this test.
    await asyncio.to_thread(threads[0].join, 10)


async def test_a_name_is_looked_up_as_the_system_does() -> None:
    """The addresses are numeric, so that aiohttp looks up nothing again."""
    found = await DaemonResolver().resolve("localhost", 443)

    assert {(each["host"], each["port"]) for each in found} <= {
        ("127.0.0.1", 443),
        ("::1", 443),
    }
    assert all(each["flags"] & socket.AI_NUMERICHOST for each in found)


async def test_a_name_that_does_not_exist_is_an_os_error() -> None:
    """Which the client knows as a failure of the connection."""
    with pytest.raises(OSError, match=r".+"):
        await DaemonResolver().resolve("rocketmq.invalid", 443)
