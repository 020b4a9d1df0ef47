"""Surveys by hand, for the tests of what is reported."""

from __future__ import annotations

from collections.abc import Mapping

from core_cases import ROUTE, SYNCED_AT_MS, one_way
from exposition_cases import snapshot_of, status_of

from exporter.app.report.grades import Limits
from exporter.app.report.survey import Survey
from exporter.model.errors import CloudError, Reason
from exporter.model.types import (
    Checkpoint,
    Inventory,
    Missing,
    Plan,
    Route,
    RouteStatus,
)
from exporter.polling.worst import Finding, findings

NOW = SYNCED_AT_MS / 1000 + 12.5
LIMITS: Mapping[str, Limits] = {
    "1": Limits(lag=300.0, age=600.0),
    "2": Limits(lag=60.0, age=None),
}
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


def found(*rows: Checkpoint, route: Route = ROUTE) -> RouteStatus:
    """Return the status of a route whose last poll found these."""
    return status_of(snapshot_of(route, *rows))


def failed(route: Route, reason: Reason) -> RouteStatus:
    """Return the status of a route that was never polled to its end."""
    return RouteStatus(route, polls=1, is_up=False, reason=reason)


def findings_of(*rows: Checkpoint, route: Route = ROUTE) -> list[Finding]:
    """Return what is found of these rows."""
    return list(findings([found(*rows, route=route)], NOW))


def survey(
    *statuses: RouteStatus,
    plans: tuple[Plan, ...] = (one_way("1"),),
    missing: frozenset[Missing] = frozenset(),
    failures: Mapping[str, CloudError] | None = None,
) -> Survey:
    """Return what is known after a round."""
    inventory = Inventory(plans=plans, missing=missing)
    return Survey(statuses, inventory, LIMITS, NOW, failures or {})
