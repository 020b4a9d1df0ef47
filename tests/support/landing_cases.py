"""What the landing page is made of, small and by hand, and its HTML taken apart."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

from core_cases import SYNCED_AT_MS
from exposition_cases import status_of

from exporter.config import Settings, load
from exporter.model.errors import CloudError, Reason
from exporter.model.lag import rollup
from exporter.model.types import (
    Columns,
    Inventory,
    Item,
    Missing,
    Plan,
    Route,
    RouteStatus,
    Snapshot,
)
from exporter.polling.worst import worst
from exporter.web.status_page.facts import MOST_ENTRIES, Facts
from exporter.web.status_page.page import page
from exporter.web.status_page.view import View, view

NOW = SYNCED_AT_MS / 1000 + 12.5
VOID = {"meta", "link"}


def settings_of(**flags: str) -> Settings:
    """Return settings; in a flag's name a double underscore stands for the dot."""
    dotted = {name.replace("__", "."): value for name, value in flags.items()}
    return load(flags=dotted, environ={}, file=None).settings


def facts_of(
    *statuses: RouteStatus,
    plans: Sequence[Plan] = (),
    items: Sequence[Item] = (),
    missing: Sequence[Missing] = (),
    failing: Mapping[str, CloudError] | None = None,
    settings: Settings | None = None,
    is_tried: bool = True,
) -> Facts:
    """Return what is known of these routes."""
    return Facts(
        settings=settings or settings_of(),
        now=NOW,
        uptime_seconds=93_784.9,
        statuses=statuses,
        inventory=Inventory(
            plans=tuple(plans), items=tuple(items), missing=frozenset(missing)
        ),
        failing=failing or {},
        is_tried=is_tried,
    )


def view_of(facts: Facts) -> View:
    """Return what is said of these facts."""
    findings = worst(facts.statuses, facts.now, MOST_ENTRIES)
    return view(facts, findings, MOST_ENTRIES)


def html_of(facts: Facts, refresh_seconds: int = 30) -> str:
    """Return the page that is made of these facts."""
    findings = worst(facts.statuses, facts.now, MOST_ENTRIES)
    return page(facts, findings, refresh_seconds)


def down(route: Route, reason: Reason, **more: Any) -> RouteStatus:
    """Return the status of a route whose poll failed."""
    status = RouteStatus(route, polls=1, is_up=False, reason=reason)
    return replace(status, **more)


def large(route: Route, count: int, name: str = "GID_{}") -> RouteStatus:
    """Return the status of a route with so many checkpoints, all lags different."""
    synced = array("q", [SYNCED_AT_MS]) * count
    source = array("q", [SYNCED_AT_MS]) * count
    target = array("q", (SYNCED_AT_MS - 7_919 * n % 1_000_003 for n in range(count)))
    unknown = array("q", [0]) * count
    names = [name.format(number) for number in range(count)]
    columns = Columns(
        checkpoint_ids=array("q", range(count)),
        groups=names,
        topics=names,
        source_instance_ids=[route.source_instance_id] * count,
        target_instance_ids=["rmq-there"] * count,
        last_sync_ms=synced,
        source_ms=source,
        target_ms=target,
        source_fetch_ms=unknown,
        target_fetch_ms=unknown,
        target_groups=names,
        target_topics=names,
        kinds=[("", "", "", "")] * count,
    )
    total = rollup(source, target, synced)
    return status_of(Snapshot(route, columns, total, rejected={}))


@dataclass
class Page(HTMLParser):
    """What a browser makes of the page: its tags, links, and the tables' cells.

    `open_tags` is empty at the end of a page in which every tag is closed.
    """

    tags: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    lengths: list[str] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        values = dict(attrs)
        self.tags.append(tag)
        if tag == "a":
            self.links.append(values.get("href") or "")
        if values.get("class") == "fill":
            self.lengths.append(values["width"] or "")
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag that is closed at once."""
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Take note that a tag is closed: it has to be the last one that was opened."""
        if tag not in VOID:
            assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take note of text, and of the cell that it stands in."""
        if "style" in self.open_tags:
            return
        self.text += data
        if {"td", "th"} & set(self.open_tags):
            self.rows[-1][-1] += data


def read(html: str) -> Page:
    """Return a page as a browser reads it."""
    found = Page()
    found.feed(html)
    found.close()
    return found
