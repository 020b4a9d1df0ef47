"""The landing page as HTML, and the policy that it is read under.

Names from upstream are escaped by the template engine, every one, and nothing on the
page is loaded from anywhere: a page that said otherwise would stay without effect.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

from exporter.polling.worst import Finding
from exporter.web.status_page.facts import MOST_ENTRIES, Facts
from exporter.web.status_page.view import View, view

MOST_BYTES = 200_000
# Fewer where names are so long that the page would be larger.
ENTRIES = (MOST_ENTRIES, 20, 5)
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'"
    "%3E%3Crect width='32' height='32' rx='8' fill='%230a58b5'/%3E%3Cpath d='M7 20l6-8"
    " 5 5 7-9' fill='none' stroke='%23fff' stroke-width='3' stroke-linecap='round'"
    " stroke-linejoin='round'/%3E%3C/svg%3E"
)


@dataclass(frozen=True, slots=True)
class Looks:
    """What every page is made with: its template, and its style."""

    template: Template
    style: str

    @property
    def policy(self) -> str:
        """Return the Content-Security-Policy that allows this style and no script."""
        digest = hashlib.sha256(self.style.encode()).digest()
        style = base64.b64encode(digest).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{style}'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


@cache
def looks() -> Looks:
    """Return how pages look; the first call takes tens of milliseconds."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    folder = resources.files("exporter.web.status_page")
    html = (folder / "page.html").read_text(encoding="utf-8")
    style = (folder / "style.css").read_text(encoding="utf-8")
    return Looks(environment.from_string(html), style)


def page(facts: Facts, findings: Sequence[Finding], refresh_seconds: int) -> str:
    """Return the page; `findings` are the worst checkpoints, worst first.

    It says that it renews itself after `refresh_seconds`; 0 is never.
    """
    html = ""
    for count in ENTRIES:
        html = _rendered(view(facts, findings, count), refresh_seconds)
        if len(html.encode()) <= MOST_BYTES:
            break
    return html


def _rendered(shown: View, refresh_seconds: int) -> str:
    return looks().template.render(
        view=shown,
        style=looks().style,
        icon=ICON,
        refresh_seconds=refresh_seconds,
    )
