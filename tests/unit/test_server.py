"""What the web server answers, over real sockets, whatever is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from gzip import compress as gzip_bytes
from gzip import decompress as gunzip

import aiohttp
import pytest
from aiohttp import web
from report_cases import report_of

from exporter.config.settings import Settings
from exporter.metrics.exposition import Body, Exposition, in_turn
from exporter.metrics.formats import Format
from exporter.web import server
from exporter.web.auth import HEADERS
from exporter.web.server import Site, application, serving


class FakeExposition(Exposition):
    """Answers with the format's name; waits while it is told to."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Semaphore(0)
        self.padding = b""

    async def body(self, fmt: Format, *, gzip: bool) -> Body:
        """Return the format's name as a body."""
        self.waiting.release()
        await self.gate.wait()
        text = f"{fmt.name}\n".encode() + self.padding
        if gzip:
            text = gzip_bytes(text)
        return Body(len(text), in_turn([text]))


@pytest.fixture
async def exposition() -> FakeExposition:
    """Return an exposition that answers at once."""
    return FakeExposition()


@pytest.fixture
async def site(exposition: FakeExposition) -> Site:
    """Return a site that is ready."""
    return Site(
        settings=Settings,
        exposition=exposition,
        report=report_of,
        is_ready=lambda: True,
        on_scrape=lambda _seconds, _size: None,
    )


@asynccontextmanager
async def client_of(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve a site, and yield a client that shows encodings as they are."""
    async with (
        serving(application(site), ["127.0.0.1:0"]) as (address,),
        aiohttp.ClientSession(
            f"http://{address}",
            auto_decompress=False,
            skip_auto_headers=["Accept", "Accept-Encoding"],
        ) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("headers", "fmt", "is_gzipped"),
    [
        ([], Format.TEXT_0_0_4, False),
        (
            [("Accept", "text/plain;q=0.5"), ("Accept", "application/*")],
            Format.OPENMETRICS_1_0_0,
            False,
        ),
        (
            [
                ("Accept", "text/plain;version=1.0.0;escaping=allow-utf-8"),
                *[("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")],
            ],
            Format.TEXT_1_0_0,
            True,
        ),
        ([("Accept-Encoding", "gzip;q=0")], Format.TEXT_0_0_4, False),
    ],
)
async def test_format_and_coding_are_those_that_the_scraper_likes_best(
    site: Site, headers: list[tuple[str, str]], fmt: Format, *, is_gzipped: bool
) -> None:
    """The headers say which; several fields of a name are read as one."""
    told: list[tuple[float, int]] = []
    site = replace(site, on_scrape=lambda seconds, size: told.append((seconds, size)))
    async with (
        client_of(site) as client,
        client.get("/metrics", headers=headers) as response,
    ):
        body = await response.read()

    assert response.headers["Content-Type"] == fmt.value
    assert response.headers["Vary"] == "Accept, Accept-Encoding"
    assert response.headers.get("Content-Encoding") == ("gzip" if is_gzipped else None)
    text = gunzip(body) if is_gzipped else body
    assert text.decode().strip() == fmt.name
    ((seconds, size),) = told
    assert seconds >= 0
    assert size == len(body), "what was sent"


async def test_scrapes_over_the_limit_are_told_to_come_back(
    site: Site, exposition: FakeExposition
) -> None:
    """With `max_requests` under way the next one gets 503, and later ones 200."""
    exposition.gate.clear()
    async with client_of(replace(site, max_requests=2)) as client:
        async with asyncio.TaskGroup() as group:
            held = [group.create_task(client.get("/metrics")) for _ in range(2)]
            for _ in held:
                await exposition.waiting.acquire()
            async with client.get("/metrics") as refused:
                assert refused.status == 503
            async with client.get("/-/healthy") as healthy:
                assert healthy.status == 200
            exposition.gate.set()
        assert [task.result().status for task in held] == [200, 200]
        async with client.get("/metrics") as again:
            assert again.status == 200


async def test_no_limit_is_no_limit(site: Site, exposition: FakeExposition) -> None:
    """A `max_requests` of 0 lets any number of scrapes wait together."""
    exposition.gate.clear()
    async with (
        client_of(replace(site, max_requests=0)) as client,
        asyncio.TaskGroup() as group,
    ):
        held = [group.create_task(client.get("/metrics")) for _ in range(60)]
        for _ in held:
            await exposition.waiting.acquire()
        exposition.gate.set()
    assert {task.result().status for task in held} == {200}


async def test_a_cancelled_scrape_gives_its_place_back(
    site: Site, exposition: FakeExposition
) -> None:
    """A scraper that hangs up does not use up the limit for good."""
    exposition.gate.clear()
    async with client_of(replace(site, max_requests=1)) as client:
        scrape = asyncio.create_task(client.get("/metrics"))
        await exposition.waiting.acquire()
        scrape.cancel()
        await asyncio.gather(scrape, return_exceptions=True)
        exposition.gate.set()
        async with client.get("/metrics") as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/probe", 200),
        ("HEAD", "/-/healthy", 200),
        ("GET", "/-/ready", 200),
        ("POST", "/probe", 405),
        ("POST", "/-/reload", 403),
        ("PUT", "/-/reload", 403),
        ("GET", "/-/reload", 405),
        ("GET", "/metrics", 404),
        ("GET", "/probe/", 404),
    ],
)
async def test_methods_and_paths_are_those_of_an_exporter(
    site: Site, method: str, path: str, status: int
) -> None:
    """What is not there is 404, what is not allowed 405, what is switched off 403."""
    site = replace(site, telemetry_path="/probe")
    async with client_of(site) as client, client.request(method, path) as response:
        assert response.status == status
        assert HEADERS.items() <= response.headers.items()


async def test_what_is_no_request_learns_no_version(site: Site) -> None:
    """The answer is not one of a page, and has the same headers."""
    async with (
        client_of(site) as client,
        client.get("/", headers={"X": "a" * 9000}) as response,
    ):
        assert response.status == 400
        assert HEADERS.items() <= response.headers.items()


async def test_what_is_not_ready_is_healthy(site: Site) -> None:
    """`/-/ready` follows the site; `/-/healthy` is 200 whatever happens."""
    async with client_of(replace(site, is_ready=lambda: False)) as client:
        for path, status in (("/-/ready", 503), ("/-/healthy", 200)):
            async with client.get(path) as response:
                assert response.status == status


@pytest.mark.parametrize(
    ("faults", "status", "text"),
    [((), 200, "Reloaded\n"), (("a: 1", "b: 2"), 500, "a: 1\nb: 2\n")],
)
async def test_a_reload_is_answered_with_its_faults_a_line_each(
    site: Site, faults: tuple[str, ...], status: int, text: str
) -> None:
    """POST and PUT alike ask for it, once each."""
    asked = 0

    async def reload() -> tuple[str, ...]:
        nonlocal asked
        asked += 1
        return faults

    async with client_of(replace(site, reload=reload)) as client:
        own = {
            "Sec-Fetch-Site": "same-origin",
            "Origin": f"{client._base_url}".strip("/"),
        }
        for method, headers in (("POST", {}), ("PUT", own)):
            async with client.request(method, "/-/reload", headers=headers) as response:
                assert (response.status, await response.text()) == (status, text)
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://x"}):
            async with client.post("/-/reload", headers=headers) as response:
                assert response.status == 403, "a browser says another site asks"
    assert asked == 2


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_a_client_that_does_not_read_is_disconnected(
    site: Site,
    exposition: FakeExposition,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    hangs_up: bool,
) -> None:
    """Its large body is not kept in memory for ever, and none fills the log."""
    monkeypatch.setattr(server, "SEND_SECONDS", 60 if hangs_up else 0.05)
    exposition.padding = b"x" * 2**25
    done = asyncio.Event()

    @web.middleware
    async def told(
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            done.set()

    app = application(site, [told])
    async with serving(app, ["127.0.0.1:0"]) as (address,):
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        if hangs_up:
            await exposition.waiting.acquire()
            writer.transport.abort()
        await asyncio.wait_for(done.wait(), 120)

        if not hangs_up:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(2**25)
        writer.close()
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


async def test_several_addresses_are_served_and_a_taken_one_is_named(
    site: Site,
) -> None:
    """Each address is bound; one that cannot be had is an error with its name."""
    async with serving(application(site), ["127.0.0.1:0", "127.0.0.1:0"]) as addresses:
        assert len(set(addresses)) == 2
        with pytest.raises(OSError, match=f"cannot listen on {addresses[0]}"):
            async with serving(application(site), [addresses[0]]):
                pass
