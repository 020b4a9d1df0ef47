"""Which connections stay open, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from exporter.web import server
from exporter.web.server import serving

MOST = 20
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def address(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, int]]:
    """Serve at most `MOST` connections."""
    monkeypatch.setattr(server, "MAX_CONNECTIONS", MOST)
    async with serving(web.Application(), ["127.0.0.1:0"]) as (bound,):
        host, _, port = bound.rpartition(":")
        yield host, int(port)


async def asked(client: Client) -> bytes:
    """Send a request, and return the first line of the answer, empty if none came."""
    reader, writer = client
    try:
        writer.write(REQUEST)
        return await reader.readline()
    except ConnectionError:
        return b""


async def test_over_the_limit_the_oldest_connections_end(
    address: tuple[str, int],
) -> None:
    """The newest are answered."""
    clients = [await asyncio.open_connection(*address) for _ in range(MOST + 5)]
    for reader, _ in clients[:5]:
        assert await reader.read() == b""
    for client in clients[5:]:
        assert (await asked(client)).startswith(b"HTTP/1.1 404")
    for _, writer in clients:
        writer.close()


async def test_connections_that_ended_do_not_count(address: tuple[str, int]) -> None:
    """A connection stays open, however many short ones come and go."""
    steady = await asyncio.open_connection(*address)
    for _ in range(MOST + 5):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 404")
        writer.close()

    assert (await asked(steady)).startswith(b"HTTP/1.1 404")
    steady[1].close()


async def test_without_a_host_every_interface_is_served() -> None:
    """On IPv4, and on IPv6 where the machine has it."""
    async with serving(web.Application(), [":0"]) as addresses:
        port = next(a for a in addresses if a.startswith("0.0.0.0:")).split(":")[1]
        client = await asyncio.open_connection("127.0.0.1", int(port))

        assert (await asked(client)).startswith(b"HTTP/1.1 404")
        client[1].close()
