"""Who may stay connected, over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from eventually import eventually

from exporter.web.connections import BoundedRunner, send

pytestmark = pytest.mark.real


async def _served(stack: AsyncExitStack, app: web.Application) -> tuple[str, int]:
    runner = BoundedRunner(app, shutdown_timeout=0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    return host, port


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_over_the_limit_who_came_first_has_to_go() -> None:
    """The newest is answered; those in the middle stay."""
    async with AsyncExitStack() as stack:
        address = await _served(stack, web.Application())
        clients = []
        for _ in range(720):
            reader, writer = await asyncio.open_connection(*address)
            stack.push_async_callback(_closed, writer)
            clients.append((reader, writer))
        reader, writer = clients[0]
        assert await reader.read() == b""
        for reader, writer in clients[-100::50]:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 404")


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
