"""Answers requests for the landing page without holding up anything else.

Whoever reloads it many times a second gets the same page; it is made once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from exporter.polling.worst import Finding, searched
from exporter.web.status_page.facts import MOST_ENTRIES, Facts

T = TypeVar("T")

FRESH_SECONDS = 1.0
REFRESH_SECONDS = 30


@dataclass(frozen=True, slots=True)
class _Made:
    """A page, its policy, and until when it is fresh."""

    html: str
    policy: str
    fresh_until: float


class LandingPage:
    """Answers with the page of the present moment; `facts` says what is known.

    `clock` is monotonic, in seconds.
    """

    def __init__(
        self, facts: Callable[[], Facts], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._facts = facts
        self._clock = clock
        self._made: dict[int, _Made] = {}
        self._making = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.Response:
        """Return the page; with `refresh=off` it does not renew itself."""
        is_held_still = request.query.get("refresh") == "off"
        refresh_seconds = 0 if is_held_still else REFRESH_SECONDS
        made = await self._fresh(refresh_seconds)
        headers = {
            "Content-Security-Policy": made.policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        if refresh_seconds:
            # The element of this name is an error to checkers of accessibility; a
            # header is the same to the browser, and the page says how to stop it.
            headers["Refresh"] = str(refresh_seconds)
        return web.Response(text=made.html, content_type="text/html", headers=headers)

    async def _fresh(self, refresh_seconds: int) -> _Made:
        async with self._making:
            made = self._made.get(refresh_seconds)
            if made is None or self._clock() >= made.fresh_until:
                html, policy = await self._make(refresh_seconds)
                made = _Made(html, policy, self._clock() + FRESH_SECONDS)
                self._made[refresh_seconds] = made
            return made

    async def _make(self, refresh_seconds: int) -> tuple[str, str]:
        facts = self._facts()
        searching = searched(facts.statuses, facts.now, MOST_ENTRIES)
        findings = await with_pauses(searching)
        # Frozen data and no lock: the loop goes on while a thread puts it into words.
        return await asyncio.to_thread(_page, facts, findings, refresh_seconds)


def _page(
    facts: Facts, findings: Sequence[Finding], refresh_seconds: int
) -> tuple[str, str]:
    """Return the page and its policy."""
    # An exporter whose page nobody opens starts and stays without a template engine.
    from exporter.web.status_page.page import looks, page  # noqa: PLC0415

    return page(facts, findings, refresh_seconds), looks().policy


async def with_pauses(work: Generator[None, None, T]) -> T:
    """Return what a generator returns; whatever else is due comes in between."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(0)
