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

from exporter import REPOSITORY, __version__, revision
from exporter.config.settings import Settings
from exporter.model.assessment import StatusReport, assess
from exporter.model.problems import many, problems
from exporter.web.status_page.view import FILTERS, distribution

if TYPE_CHECKING:
    from jinja2 import Template

# Entries in a list of plans, routes and checkpoints; and of the subjects of a problem.
ENTRIES = 50
NAMED = 10
FRESH_SECONDS = 1.0
REFRESH_SECONDS = 30

_FILES = resources.files("exporter.web.status_page")
_STYLE = (_FILES / "style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    # Our style is allowed, and nothing else.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class StatusPage:
    """Answers with the present page, rendered at most once a second.

    `report` says what is known, `settings` what is in force; `clock` is monotonic, in
    seconds.
    """

    def __init__(
        self,
        report: Callable[[], StatusReport],
        settings: Callable[[], Settings],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._settings = settings
        self._clock = clock
        self._started_at = clock()
        self._html, self._fresh_until = "", -math.inf
        self._making = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.Response:
        """Return the page; `refresh=off` stops the browser from reloading it."""
        async with self._making:
            if self._clock() >= self._fresh_until:
                uptime = self._clock() - self._started_at
                # Frozen data and no lock: the loop goes on while a thread judges a
                # hundred thousand checkpoints.
                self._html = await asyncio.to_thread(
                    page, self._report(), uptime, self._settings()
                )
                self._fresh_until = self._clock() + FRESH_SECONDS
        # The element of this name is an error to checkers of accessibility; a header
        # is the same to the browser, and the page says how to stop it.
        is_refreshed = request.query.get("refresh") != "off"
        refresh = {"Refresh": str(REFRESH_SECONDS)} if is_refreshed else {}
        return web.Response(
            text=self._html, content_type="text/html", headers={**HEADERS, **refresh}
        )


def page(report: StatusReport, uptime_seconds: float, settings: Settings) -> str:
    """Return the page as HTML."""
    found, commit = assess(report, ENTRIES), revision()
    wrong, plans = list(problems(found)), found.plans
    ready = sum(not plan.blockers for plan in plans)
    tree = "main" if commit == "unknown" else commit
    return _template().render(
        found=found,
        # Without a plan, the title tells the first problem: there always is one then.
        headline=f"{ready:,} of {many(len(plans), 'plan')} ready to fail over"
        if plans
        else wrong[0].what,
        problems=wrong,
        buckets=distribution(found),
        names={plan.plan_id: plan.name for plan in report.inventory.plans},
        entries=ENTRIES,
        named=NAMED,
        version=__version__,
        revision=commit,
        documents=f"{REPOSITORY}/tree/{tree}/docs",
        uptime_seconds=uptime_seconds,
        telemetry_path=settings.web.telemetry_path,
        settings=settings,
        refresh_seconds=REFRESH_SECONDS,
        style=_STYLE,
    )


@cache
def _template() -> Template:
    """Return the template; every value in it is escaped.

    The template engine is imported when the page is opened for the first time.
    """
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - see above

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update({each.__name__: each for each in FILTERS})
    source = (_FILES / "page.html").read_text(encoding="utf-8")
    return environment.from_string(source)
