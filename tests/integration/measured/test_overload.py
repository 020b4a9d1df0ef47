"""A whole exporter under more clients, and worse ones, than it should ever meet."""

from __future__ import annotations

import asyncio
import contextlib
import re
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from eventually import eventually
from programs import clean_environment, exporter_command, free_port, line_with, started
from vitals import totals, vitals_of

from exporter.simulator.server import running
from exporter.simulator.world import World

MAX_REQUESTS = 10
POLLS = "rocketmq_dr_polls_total"
# Beyond it memory was not flat: each of 500 connections has some 10 KiB of its own.
GROWTH_KIB = 16 * 1024
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class Serving:
    """An exporter under attack, and the address where it listens."""

    pid: int
    host: str
    port: int
    client: aiohttp.ClientSession

    async def is_healthy(self) -> bool:
        """Return whether a new connection is told that all is well."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.readline()
        writer.close()
        return answer.startswith(b"HTTP/1.1 200")

    async def counted(self) -> dict[str, float]:
        """Return what it has counted, by name; nothing while scrapes are refused."""
        async with self.client.get("/metrics") as response:
            return totals(await response.text()) if response.status == 200 else {}

    async def polls_on(self) -> None:
        """See as many more polls as there are routes."""
        before = await eventually(self.counted)

        async def has_polled() -> bool:
            return (await self.counted()).get(POLLS, 0) >= before[POLLS] + 4

        await eventually(has_polled)


@asynccontextmanager
async def serving(
    folder: Path, *, groups: int = 20, interval: str = "1s"
) -> AsyncIterator[Serving]:
    """Run an exporter that polls four routes each interval."""
    port = free_port()
    environment = clean_environment(
        folder,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_API__REQUESTS_PER_SECOND="1000",
        ROCKETMQ_DR_API__PAGE_SIZE="1000",
        ROCKETMQ_DR_POLL__INTERVAL=interval,
        ROCKETMQ_DR_WEB__MAX_REQUESTS=str(MAX_REQUESTS),
    )
    async with running(World(scenario="healthy", groups=groups)) as url:
        flags = (f"--api.endpoint={url}", f"--web.listen-address=127.0.0.1:{port}")
        async with (
            started(*exporter_command("serve", *flags), env=environment) as process,
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
        ):
            await line_with(process.stderr, "msg=ready")
            yield Serving(process.pid, "127.0.0.1", port, client)


@asynccontextmanager
async def crowd(count: int, it: Serving, say: bytes) -> AsyncIterator[None]:
    """Have so many clients connect, say something, and then do nothing."""
    loop = asyncio.get_running_loop()
    sockets = []
    try:
        for _ in range(count):
            sock = socket.socket()
            sock.settimeout(0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sockets.append(sock)
            await loop.sock_connect(sock, (it.host, it.port))
            await loop.sock_sendall(sock, say)
        yield
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize(
    "say",
    [b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: te"],
    ids=["mute", "half"],
)
async def test_five_hundred_slow_clients_are_not_noticed(
    tmp_path: Path, say: bytes
) -> None:
    """They send nothing, or half a request; and all of it is given back."""
    async with serving(tmp_path) as it:
        await it.polls_on()
        before = vitals_of(it.pid)
        async with crowd(500, it, say):
            assert await it.is_healthy()
            await it.polls_on()
            assert vitals_of(it.pid).rss_kib < before.rss_kib + GROWTH_KIB

        async def is_over() -> bool:
            return vitals_of(it.pid).files <= before.files + 4

        await eventually(is_over)


async def test_more_clients_than_files_leave_room_for_polls(tmp_path: Path) -> None:
    """Of 1,500 connections the first give way, under a limit of 1,024 open files."""
    async with serving(tmp_path) as it:
        resource.prlimit(it.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        async with crowd(1500, it, b"GET / HT"):
            assert await it.is_healthy()
            await it.polls_on()
            assert vitals_of(it.pid).sockets < 1000


async def test_those_who_do_not_read_count_as_requests(tmp_path: Path) -> None:
    """`web.max_requests` bodies are held in memory, and not one more."""
    # 8,000 rows, which the cloud in this process has to make, at each interval.
    async with serving(tmp_path, groups=2000, interval="3s") as it:
        before = vitals_of(it.pid).rss_kib
        async with it.client.get("/metrics") as response:
            size_kib = len(await response.read()) // 1024
        async with crowd(200, it, SCRAPE):

            async def is_full() -> bool:
                async with it.client.get("/metrics") as response:
                    return response.status == 503

            await eventually(is_full)
            assert await it.is_healthy()
            held_kib = vitals_of(it.pid).rss_kib - before
            assert held_kib < MAX_REQUESTS * size_kib * 2 + GROWTH_KIB
        await it.polls_on()


async def test_a_megabyte_of_headers_is_refused(tmp_path: Path) -> None:
    """In one field or in many, with or without an end; it is not kept."""
    line = b"X: " + b"a" * 2**20
    lines = b"".join(b"X-%d: a\r\n" % number for number in range(80_000))
    async with serving(tmp_path) as it:
        held = []
        for headers in (line, lines, line + b"\r\n\r\n", lines + b"\r\n") * 2:
            answers = [_answer_to(it, headers) for _ in range(10)]
            for answer in await asyncio.gather(*answers):
                assert re.match(rb"HTTP/1.[01] (400|431) |$", answer)
            assert await it.is_healthy()
            held.append(vitals_of(it.pid).rss_kib)
        # The second 40 MiB take what the first have given back.
        assert held[-1] < held[3] + GROWTH_KIB, held
        await it.polls_on()


async def _answer_to(it: Serving, headers: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(it.host, it.port)
    try:
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + headers)
        await writer.drain()
        return await reader.readline()
    except ConnectionError:
        return b""  # it was closed before all of it was sent
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
