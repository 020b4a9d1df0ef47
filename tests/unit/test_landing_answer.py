"""The landing page over HTTP: its headers, how often it is made, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
from aiohttp.test_utils import make_mocked_request
from exposition_cases import FakeClock
from landing_cases import facts_of
from web_server import SITE

from exporter.web.server import application, serving
from exporter.web.status_page.answer import (
    FRESH_SECONDS,
    REFRESH_SECONDS,
    LandingPage,
    with_pauses,
)
from exporter.web.status_page.facts import Facts
from exporter.web.status_page.page import looks


@dataclass
class Known:
    """What is known, which counts how often it is asked for."""

    facts: Facts
    asked: int = 0
    clock: FakeClock = field(default_factory=FakeClock)

    def __call__(self) -> Facts:
        """Return what is known."""
        self.asked += 1
        return self.facts

    def page(self) -> LandingPage:
        """Return a page of it."""
        return LandingPage(self, self.clock)


@asynccontextmanager
async def client_of(facts: Facts) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the page of these facts, and yield a client."""
    app = application(replace(SITE, facts=lambda: facts))
    async with (
        serving(app, ["127.0.0.1:0"]) as (address,),
        aiohttp.ClientSession(f"http://{address}") as client,
    ):
        yield client


async def test_the_answer_is_html_that_may_load_nothing() -> None:
    """Under a policy that lets no script run, and stored nowhere."""
    async with client_of(facts_of()) as client, client.get("/") as response:
        text = await response.text()

    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Content-Security-Policy"] == looks().policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert text.startswith("<!DOCTYPE html>")


async def test_it_is_renewed_by_the_browser_unless_told_not_to() -> None:
    """By a header, that is, and the page says which of the two it is."""
    async with client_of(facts_of()) as client:
        async with client.get("/") as renewed:
            assert renewed.headers["Refresh"] == str(REFRESH_SECONDS)
            assert "Renewed every" in await renewed.text()
        async with client.get("/?refresh=off") as still:
            assert "Refresh" not in still.headers
            assert "Held still" in await still.text()


async def test_it_is_made_once_a_second_however_many_ask() -> None:
    """At once, or one after another; then it is made anew."""
    known = Known(facts_of())
    page, request = known.page(), make_mocked_request("GET", "/")

    await asyncio.gather(*(page.answer(request) for _ in range(20)))
    known.clock.now += FRESH_SECONDS - 0.1
    before = await page.answer(request)
    assert known.asked == 1

    known.facts = replace(known.facts, uptime_seconds=5.0)
    known.clock.now += 0.1
    after = await page.answer(request)

    assert known.asked == 2
    assert "up for 1d 2h" in str(before.text)
    assert "up for 5s" in str(after.text)


async def test_whatever_else_is_due_comes_in_between() -> None:
    """At each pause of the work, and then what it found is returned."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def work() -> Generator[None, None, list[int]]:
        seen = []
        for _ in range(5):
            seen.append(turns)
            yield
        return seen

    counting = asyncio.create_task(count())
    seen = await with_pauses(work())
    counting.cancel()

    assert seen == [0, 1, 2, 3, 4]
