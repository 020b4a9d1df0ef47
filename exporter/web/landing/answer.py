"""Answers requests for the landing page without holding up anything else.

Whoever reloads it many times a second gets the same page; it is made once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from exporter.web.landing.facts import Facts
from exporter.web.landing.page import CHECKPOINTS_ON_PAGE, REFRESH_SECONDS, looks, page
from exporter.worst import searched

T = TypeVar("T")

FRESH_SECONDS = 1.0


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
        self._made: dict[bool, _Made] = {}
        self._making = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.Response:
        """Return the page; with `refresh=off` it does not renew itself."""
        is_refreshing = request.query.get("refresh") != "off"
        made = await self._fresh(is_refreshing=is_refreshing)
        headers = {
            "Content-Security-Policy": made.policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        if is_refreshing:
            # The element of this name is an error to checkers of accessibility; a
            # header is the same to the browser, and the page says how to stop it.
            headers["Refresh"] = str(REFRESH_SECONDS)
        return web.Response(text=made.html, content_type="text/html", headers=headers)

    async def _fresh(self, *, is_refreshing: bool) -> _Made:
        async with self._making:
            made = self._made.get(is_refreshing)
            if made is None or self._clock() >= made.fresh_until:
                html, policy = await self._make(is_refreshing=is_refreshing)
                made = _Made(html, policy, self._clock() + FRESH_SECONDS)
                self._made[is_refreshing] = made
            return made

    async def _make(self, *, is_refreshing: bool) -> tuple[str, str]:
        facts = self._facts()
        searching = searched(facts.statuses, facts.now, CHECKPOINTS_ON_PAGE)
        findings = await _with_pauses(searching)

        def make() -> tuple[str, str]:
            html = page(facts, findings, is_refreshing=is_refreshing)
            return html, looks().policy

        # Frozen data and no lock: the loop goes on while a thread puts it into words.
        return await asyncio.to_thread(make)


async def _with_pauses(work: Generator[None, None, T]) -> T:
    """Return what a generator returns; whatever else is due comes in between."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(0)
