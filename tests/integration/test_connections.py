"""Which connections stay open, over real sockets."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from exporter.web.server import _limited, _max_connections, serving

MOST = 20
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[tuple[str, int]]:
    """Serve an application to at most `MOST` connections."""
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    assert runner.server is not None
    server = await asyncio.get_running_loop().create_server(
        _limited(runner.server, MOST), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await runner.cleanup()


async def asked(client: Client) -> bytes:
    """Send a request, and return the first line of the answer, empty if none came."""
    reader, writer = client
    try:
        writer.write(REQUEST)
        return await reader.readline()
    except ConnectionError:
        return b""


async def test_over_the_limit_the_oldest_connections_end() -> None:
    """The newest are answered."""
    async with served(web.Application()) as address:
        clients = [await asyncio.open_connection(*address) for _ in range(MOST + 5)]
        for reader, _ in clients[:5]:
            assert await reader.read() == b""
        for client in clients[5:]:
            assert (await asked(client)).startswith(b"HTTP/1.1 404")
        for _, writer in clients:
            writer.close()


async def test_connections_that_ended_do_not_count() -> None:
    """A connection stays open, however many short ones come and go."""
    async with served(web.Application()) as address:
        steady = await asyncio.open_connection(*address)
        for _ in range(MOST + 5):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 404")
            writer.close()

        assert (await asked(steady)).startswith(b"HTTP/1.1 404")
        steady[1].close()


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "most"),
    [
        (1024, 4096, None, 700),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, 700),
        (256, resource.RLIM_INFINITY, 1000, 700),
        (256, 4096, 1000, 700),
        (256, 512, 512, 212),
        (64, 64, 64, 1),
    ],
)
def test_the_limit_leaves_files_for_the_polls(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised: int | None, most: int
) -> None:
    """A low limit of open files is raised as far as it is needed and allowed."""
    limits = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))

    assert _max_connections() == most
    assert limits == ([] if raised is None else [(raised, hard)])


async def test_without_a_host_every_interface_is_served() -> None:
    """On IPv4, and on IPv6 where the machine has it."""
    async with serving(web.Application(), [":0"]) as addresses:
        port = next(a for a in addresses if a.startswith("0.0.0.0:")).split(":")[1]
        client = await asyncio.open_connection("127.0.0.1", int(port))

        assert (await asked(client)).startswith(b"HTTP/1.1 404")
        client[1].close()
