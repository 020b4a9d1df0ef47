"""A site behind a web configuration, for tests, and clients that ask it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from report_cases import report_of

from exporter.config.settings import Settings
from exporter.metrics.exposition import Body, Exposition, in_turn
from exporter.metrics.formats import Format
from exporter.web.auth import web_security
from exporter.web.server import Site, application, serving


class Words(Exposition):
    """An exposition that says one word."""

    def __init__(self) -> None:
        """Need nothing that is polled."""

    async def body(self, fmt: Format, *, gzip: bool) -> Body:
        """Return the word."""
        return Body(5, in_turn([b"word\n"]))


SITE = Site(
    exposition=Words(),
    report=report_of,
    settings=Settings,
    is_ready=lambda: True,
    on_scrape=lambda _seconds, _size: None,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client was told."""

    status: int
    text: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Server:
    """Where a site listens."""

    port: int

    async def get(
        self,
        path: str = "/metrics",
        *,
        tls: ssl.SSLContext | None = None,
        user: tuple[str, str] | None = None,
    ) -> Answer:
        """Ask over a connection of its own; a refused one is a ClientError."""
        scheme = "http" if tls is None else "https"
        sent = {"Accept-Encoding": "identity"}
        if user is not None:
            sent["Authorization"] = basic(*user)
        connector = aiohttp.TCPConnector(force_close=True, ssl=tls or True)
        async with (
            aiohttp.ClientSession(connector=connector) as client,
            client.get(
                f"{scheme}://localhost:{self.port}{path}", headers=sent
            ) as response,
        ):
            text = await response.text()
            return Answer(response.status, text, dict(response.headers))

    async def told(self, request_line: str, header: str) -> Answer:
        """Send a request as it stands; return the one answer to it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = f"{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            writer.write(f"{head}{header}\r\n\r\n".encode())
            answer = (await reader.read()).decode()
        finally:
            writer.close()
            await writer.wait_closed()
        assert answer.count("HTTP/1.1 ") == 1, "a promise before the answer"
        top, _, text = answer.partition("\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in top.splitlines()[1:])
        return Answer(int(top.split()[1]), text, headers)


@asynccontextmanager
async def behind(
    file: Path | None, clock: Callable[[], float] | None = None
) -> AsyncIterator[Server]:
    """Serve a site behind a web configuration."""
    middlewares, tls = web_security(file, clock or asyncio.get_running_loop().time)
    app = application(SITE, middlewares)
    async with serving(app, ["127.0.0.1:0"], tls) as (address,):
        yield Server(int(address.rpartition(":")[2]))


def basic(user: str, password: str) -> str:
    """Return the Authorization header of a user."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def rewrite(file: Path, text: str | None) -> None:
    """Put a new file in the place of an old one at once, as editors do; or none."""
    if text is None:
        file.unlink()
        return
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)
