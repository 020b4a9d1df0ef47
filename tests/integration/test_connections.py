"""Who may stay connected, over real sockets."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import ssl
from contextlib import AsyncExitStack
from resource import RLIM_INFINITY

import pytest
from aiohttp import web
from eventually import eventually

from exporter.web.connections import (
    Guests,
    _files_for_clients,
    bound,
    listeners,
    send,
)

MOST = 100


async def _served(
    stack: AsyncExitStack,
    app: web.Application,
    context: ssl.SSLContext | None = None,
) -> tuple[str, int]:
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    (listener,) = await listeners("127.0.0.1", 0, Guests(MOST))
    await web.SockSite(runner, listener, ssl_context=context).start()
    host, port = runner.addresses[0]
    return host, port


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_over_the_limit_who_came_first_has_to_go() -> None:
    """The newest is answered; those in the middle stay."""
    async with AsyncExitStack() as stack:
        address = await _served(stack, web.Application())
        clients = []
        for _ in range(MOST + 5):
            reader, writer = await asyncio.open_connection(*address)
            stack.push_async_callback(_closed, writer)
            clients.append((reader, writer))
        for reader, _ in clients[:5]:
            assert await reader.read() == b""
        for reader, writer in clients[5::20]:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 404")


async def test_who_has_gone_takes_nobodys_place() -> None:
    """Any number of short visits leaves somebody connected who stays."""
    async with AsyncExitStack() as stack:
        address = await _served(stack, web.Application())
        reader, writer = await asyncio.open_connection(*address)
        stack.push_async_callback(_closed, writer)
        for _ in range(MOST + 5):
            guest, door = await asyncio.open_connection(*address)
            door.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await guest.read()).startswith(b"HTTP/1.1 404")
            door.close()

        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")


async def test_a_handshake_that_never_ends_is_a_connection_too() -> None:
    """With TLS a client holds a file before it has said a word."""
    async with AsyncExitStack() as stack:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        address = await _served(stack, web.Application(), context)
        clients = []
        for _ in range(MOST + 5):
            reader, writer = await asyncio.open_connection(*address)
            stack.push_async_callback(_closed, writer)
            clients.append(reader)

        for reader in clients[:5]:
            assert await reader.read() == b""


def test_the_limit_leaves_files_for_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may open few files lets few clients in, but never none."""
    for soft, most in ((1024, 700), (512, 212), (64, 1), (RLIM_INFINITY, 700)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert _files_for_clients() == most


LOOPBACK = (socket.AF_INET, ("127.0.0.1", 0))
UNHEARD_OF = (250, ("127.0.0.1", 0))


def test_a_family_that_the_machine_does_not_know_is_done_without() -> None:
    """All interfaces are those of IPv4 where IPv6 is off."""
    (listener,) = bound([UNHEARD_OF, LOOPBACK], Guests(MOST))

    with listener:
        assert listener.family == socket.AF_INET


def test_to_listen_nowhere_is_an_error() -> None:
    """An exporter that nobody can reach must not look as if it served."""
    with pytest.raises(OSError, match="not supported") as caught:
        bound([UNHEARD_OF], Guests(MOST))

    assert caught.value.errno == errno.EAFNOSUPPORT


def test_a_socket_that_cannot_be_had_is_an_error() -> None:
    """Out of files is no reason to listen on a part of the addresses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            bound([LOOPBACK], Guests(MOST))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_who_does_not_read_is_let_go() -> None:
    """After its time, though the body is far larger than what the kernel takes."""
    done = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        try:
            return await send(request, web.Response(body=b"x" * 2**25), 0.05)
        finally:
            done.set()

    app = web.Application()
    app.router.add_get("/", answer)
    async with AsyncExitStack() as stack:
        host, port = await _served(stack, app)
        reader, writer = await asyncio.open_connection(host, port, limit=1024)
        stack.push_async_callback(_closed, writer)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(done.wait(), 5)

        async def is_broken() -> bool:
            try:
                return not await reader.read(2**20)
            except ConnectionError:
                return True

        await eventually(is_broken)
