"""Answers requests for the status page, without holding the loop."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
import time
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from aiohttp import web

from exporter import __version__
from exporter.model.assessment import StatusReport, assess
from exporter.model.problems import ALL_WELL, problems
from exporter.web.status_page.view import FILTERS, distribution

if TYPE_CHECKING:
    from jinja2 import Template

# Entries in a list of plans, routes and checkpoints; and of the subjects of a problem.
ENTRIES = 50
NAMED = 10
FRESH_SECONDS = 1.0
REFRESH_SECONDS = 30
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class StatusPage:
    """Answers with the present page, rendered at most once a second.

    `report` says what is known; `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        report: Callable[[], StatusReport],
        telemetry_path: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._telemetry_path = telemetry_path
        self._clock = clock
        self._started_at = clock()
        # By their interval of refresh: pages, and until when they are fresh.
        self._made: dict[int, tuple[str, float]] = {}
        self._making = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.Response:
        """Return the page; `refresh=off` stops the browser from reloading it."""
        is_held_still = request.query.get("refresh") == "off"
        refresh_seconds = 0 if is_held_still else REFRESH_SECONDS
        html = await self._fresh(refresh_seconds)
        headers = {**_HEADERS, "Content-Security-Policy": policy()}
        if refresh_seconds:
            # The element of this name is an error to checkers of accessibility; a
            # header is the same to the browser, and the page says how to stop it.
            headers["Refresh"] = str(refresh_seconds)
        return web.Response(text=html, content_type="text/html", headers=headers)

    async def _fresh(self, refresh_seconds: int) -> str:
        async with self._making:
            html, fresh_until = self._made.get(refresh_seconds, ("", -math.inf))
            if self._clock() >= fresh_until:
                # Frozen data and no lock: the loop goes on while a thread judges a
                # hundred thousand checkpoints.
                html = await asyncio.to_thread(
                    page,
                    self._report(),
                    uptime_seconds=self._clock() - self._started_at,
                    telemetry_path=self._telemetry_path,
                    refresh_seconds=refresh_seconds,
                )
                self._made[refresh_seconds] = html, self._clock() + FRESH_SECONDS
            return html


def page(
    report: StatusReport,
    *,
    uptime_seconds: float,
    telemetry_path: str,
    refresh_seconds: int,
) -> str:
    """Return the page; 0 says that it is not refreshed."""
    found = assess(report, ENTRIES)
    return _template().render(
        found=found,
        problems=list(problems(found)),
        all_well=ALL_WELL,
        columns=distribution(report),
        names={plan.plan_id: plan.name for plan in report.inventory.plans},
        entries=ENTRIES,
        named=NAMED,
        version=__version__,
        uptime_seconds=uptime_seconds,
        telemetry_path=telemetry_path,
        refresh_seconds=refresh_seconds,
        style=_style(),
    )


@cache
def policy() -> str:
    """Return the Content-Security-Policy that allows our style and nothing else."""
    digest = hashlib.sha256(_style().encode()).digest()
    style = base64.b64encode(digest).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    return _file("style.css")


@cache
def _template() -> Template:
    """Return the template; every value in it is escaped.

    An exporter whose page nobody opens runs without a template engine.
    """
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - see above

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(FILTERS)
    return environment.from_string(_file("page.html"))


def _file(name: str) -> str:
    folder = resources.files("exporter.web.status_page")
    return (folder / name).read_text(encoding="utf-8")
