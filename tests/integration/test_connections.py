"""Which connections stay open, and what each may send, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from gzip import compress

import pytest
from aiohttp import web

from exporter.web import server
from exporter.web.server import MAX_REQUEST_BYTES, serving

MOST = 20
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
FIELD = b"X: " + b"a" * 8000 + b"\r\n"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def address(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, int]]:
    """Serve at most `MOST` connections; a POST is told how much of its body came."""
    monkeypatch.setattr(server, "MAX_CONNECTIONS", MOST)
    monkeypatch.setattr(server, "LINGER_SECONDS", 0.01)

    async def size(request: web.Request) -> web.Response:
        return web.Response(text=f"{len(await request.content.readany())} bytes\n")

    app = web.Application()
    app.router.add_post("/size", size)
    async with serving(app, ["127.0.0.1:0"]) as (bound,):
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
        writer.write(LAST)
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


async def answers_to(address: tuple[str, int], sent: bytes) -> bytes:
    """Send all of this at once, and return what comes until the connection ends."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(sent)
    try:
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        (REQUEST * 99 + LAST, 1),
        (REQUEST[:-2] + FIELD * 3 + b"Connection: close\r\n\r\n", 1),
        (REQUEST + REQUEST[:-2] + FIELD * 5, 1),
        (REQUEST[:-2] + FIELD * 5 + b"\r\n", 0),
        (REQUEST[:-2] + FIELD * 5, 0),
    ],
    ids=["pipelined", "large", "and more", "too large", "endless"],
)
async def test_one_request_is_answered_and_not_what_is_beyond_its_share(
    address: tuple[str, int], sent: bytes, answers: int
) -> None:
    """What else was sent ends the connection: nobody waits for it."""
    assert (await answers_to(address, sent)).count(b"HTTP/1.1 404") == answers


@pytest.mark.parametrize(
    ("body", "unsent"),
    [(compress(bytes(2**20)), 0), (bytes(10**5), 2**40)],
    ids=["compressed", "endless"],
)
async def test_a_body_is_neither_inflated_nor_awaited(
    address: tuple[str, int], body: bytes, unsent: int
) -> None:
    """The answer comes first, and no more is taken than a request may have."""
    head = b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
    head += b"Connection: close\r\nContent-Length: %d\r\n\r\n" % (len(body) + unsent)
    answer = await answers_to(address, head + body)

    size = int(answer.splitlines()[-1].split()[0])
    assert 0 < size <= min(len(body), MAX_REQUEST_BYTES)


async def test_each_request_of_a_connection_has_its_own_share(
    address: tuple[str, int],
) -> None:
    """A scraper may come for ever, and send a small body each time."""
    body = bytes(MAX_REQUEST_BYTES // 2)
    head = b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(5):
        writer.write(head + body)
        assert (await reader.readuntil(b" bytes\n")).startswith(b"HTTP/1.1 200")
    writer.close()
