"""Status reports by hand, and the status page of one, taken apart."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

import core_cases
from core_cases import ERRORS, ROUTE, SYNCED_AT_MS, one_way
from exposition_cases import snapshot_of, status_of, times_of

from exporter.config.settings import Settings
from exporter.model.assessment import Assessment, StatusReport, assess
from exporter.model.errors import (
    NOWHERE,
    InternalError,
    Origin,
    PermissionDeniedError,
    Reason,
)
from exporter.model.lag import rollup
from exporter.model.types import (
    UNKNOWN_DELAY_MS,
    Checkpoint,
    Columns,
    Inventory,
    Item,
    Limits,
    Missing,
    Plan,
    Route,
    RouteStatus,
    Snapshot,
)
from exporter.web.status_page.page import page

NOW = SYNCED_AT_MS / 1000 + 12.5
LIMITS: Mapping[str, Limits] = {
    "1": Limits(lag=300.0, age=600.0, share=0.99, is_auto_synced=True),
    "2": Limits(lag=60.0, age=600.0),
}
REFUSED = PermissionDeniedError(
    "refused", origin=Origin("ListDisasterRecoveryPlans", "NoPermission", 403, "8C3A-1")
)
# What somebody upstream may call a group to hurt a table.
ESCAPES = "a\x1b]0;title\x07b\x9bc\nd\x1b[2J"
NASTY = {
    "escapes": ESCAPES,
    "markup": "[bold red]orders[/bold red]",
    "long": "G" * 255,
    "han": "消费组" * 85,
    "hebrew": "קבוצה",
    "arabic": "مجموعة" * 42,
    "override": "a\u202eb\u2066c",
    "lone surrogate": "a\ud800b",
    "combining": "o\u0308" * 127,
}


def row(
    number: int = 1,
    group: str = "orders",
    *,
    lag_ms: int | None = 5_000,
    delay_ms: int | None = None,
    last_sync_ms: int = SYNCED_AT_MS,
) -> Checkpoint:
    """Return a checkpoint with a delay, which is as long as its lag if not given."""
    if delay_ms is None:
        delay_ms = UNKNOWN_DELAY_MS if lag_ms is None else max(0, lag_ms)
    made = core_cases.row(number, group, lag_ms=lag_ms, last_sync_ms=last_sync_ms)
    return replace(made, delay_ms=delay_ms)


def report_of(
    *statuses: RouteStatus,
    plans: Sequence[Plan] = (one_way("1"),),
    items: Sequence[Item] = (),
    missing: Sequence[Missing] = (),
    limits: Mapping[str, Limits] | None = None,
    **more: Any,
) -> StatusReport:
    """Return what is known of these routes, each polled with its plan's limits.

    Left out, the limits are `LIMITS` for the plans that are known or polled.
    """
    if limits is None:
        known = {plan.plan_id for plan in plans} | {s.route.plan_id for s in statuses}
        limits = {plan_id: LIMITS[plan_id] for plan_id in LIMITS.keys() & known}
    inventory = Inventory(tuple(plans), tuple(items), frozenset(missing), limits=limits)
    judged = [_judged(status, inventory) for status in statuses]
    return StatusReport(NOW, judged, inventory, **{"region": "cn-hangzhou", **more})


def _judged(status: RouteStatus, inventory: Inventory) -> RouteStatus:
    """Return a status with the rollup that its visible rows come to now."""
    if status.rollup is None or status.snapshot is None:
        return status
    visible = [
        array("q", (v for row, v in enumerate(column) if row not in status.hidden))
        for column in times_of(status.snapshot.columns)
    ]
    limits = inventory.limits_of(status.route.plan_id)
    source, target, last_sync, delay = visible
    found = rollup((source, target, last_sync, delay), limits, round(NOW * 1000))
    return replace(status, rollup=found)


def assessed(*statuses: RouteStatus, **more: Any) -> Assessment:
    """Return how all that is known of these routes stands."""
    return assess(report_of(*statuses, **more), 50)


def found(*rows: Checkpoint, route: Route = ROUTE) -> RouteStatus:
    """Return the status of a route whose last poll found these."""
    return status_of(snapshot_of(route, *rows))


def failed(
    route: Route, reason: Reason, *, origin: Origin = NOWHERE, text: str = "failed"
) -> RouteStatus:
    """Return the status of a route that was never polled to its end."""
    bug = InternalError(RuntimeError(text))
    known = reason is not Reason.INTERNAL
    error = ERRORS[reason](text, origin=origin) if known else bug
    return RouteStatus(route, polls=1, is_up=False, error=error)


def large(route: Route, count: int) -> RouteStatus:
    """Return the status of a route with so many checkpoints, all delays different."""
    synced = array("q", [SYNCED_AT_MS]) * count
    lags = array("q", (7_919 * n % 1_000_003 for n in range(count)))
    target = array("q", (SYNCED_AT_MS - lag for lag in lags))
    unknown = array("q", [0]) * count
    names = [f"GID_{number}" for number in range(count)]
    columns = Columns(
        checkpoint_ids=array("q", range(count)),
        groups=names,
        topics=names,
        source_instance_ids=[route.source_instance_id] * count,
        target_instance_ids=["rmq-there"] * count,
        last_sync_ms=synced,
        source_ms=synced,
        target_ms=target,
        source_fetch_ms=unknown,
        target_fetch_ms=unknown,
        target_groups=names,
        target_topics=names,
        kinds=[("", "", "", "")] * count,
        delay_ms=lags,
    )
    return status_of(Snapshot(route, columns, rejected={}))


def large_report() -> StatusReport:
    """Return a hundred routes that have a hundred thousand checkpoints together."""
    routes = (replace(ROUTE, item_id=str(number)) for number in range(100))
    return report_of(*(large(route, 1_000) for route in routes))


VOID = {"meta", "link", "wbr", "img"}


def html_of(report: StatusReport, **sections: Any) -> str:
    """Return the page that is made of a report, with these sections of settings."""
    return page(report, 93_784.9, Settings(**sections))


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

    @property
    def cards(self) -> list[list[str]]:
        """The rows of routes and checkpoints, with their heads."""
        return [cells for cells in self.rows if len(cells) > len("lag")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        values = dict(attrs)
        self.tags.append(tag)
        if tag == "a":
            self.links.append(values.get("href") or "")
        if tag == "rect" and "%" in (values.get("width") or ""):
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
