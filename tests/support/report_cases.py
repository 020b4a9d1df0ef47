"""Status reports by hand, for the tests of what is judged, printed and served."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from core_cases import ROUTE, SYNCED_AT_MS, one_way
from exposition_cases import snapshot_of, status_of

from exporter.model.assessment import Assessment, Limits, StatusReport, assess
from exporter.model.errors import Origin, PermissionDeniedError, Reason
from exporter.model.lag import rollup
from exporter.model.types import (
    Checkpoint,
    Columns,
    Inventory,
    Item,
    Missing,
    Plan,
    Route,
    RouteStatus,
    Snapshot,
)

NOW = SYNCED_AT_MS / 1000 + 12.5
LIMITS: Mapping[str, Limits] = {
    "1": Limits(lag=300.0, age=600.0),
    "2": Limits(lag=60.0, age=None),
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


def report_of(
    *statuses: RouteStatus,
    plans: Sequence[Plan] = (one_way("1"),),
    items: Sequence[Item] = (),
    missing: Sequence[Missing] = (),
    **more: Any,
) -> StatusReport:
    """Return what is known of these routes."""
    inventory = Inventory(tuple(plans), tuple(items), frozenset(missing))
    known = {"limits": LIMITS, "region": "cn-hangzhou", **more}
    return StatusReport(NOW, statuses, inventory, **known)


def assessed(*statuses: RouteStatus, **more: Any) -> Assessment:
    """Return how all that is known of these routes stands."""
    return assess(report_of(*statuses, **more), 50)


def found(*rows: Checkpoint, route: Route = ROUTE) -> RouteStatus:
    """Return the status of a route whose last poll found these."""
    return status_of(snapshot_of(route, *rows))


def failed(route: Route, reason: Reason, **more: Any) -> RouteStatus:
    """Return the status of a route that was never polled to its end."""
    status = RouteStatus(route, polls=1, is_up=False, reason=reason)
    return replace(status, **more)


def large(route: Route, count: int) -> RouteStatus:
    """Return the status of a route with so many checkpoints, all lags different."""
    synced = array("q", [SYNCED_AT_MS]) * count
    target = array("q", (SYNCED_AT_MS - 7_919 * n % 1_000_003 for n in range(count)))
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
    )
    total = rollup(synced, target, synced)
    return status_of(Snapshot(route, columns, total, rejected={}))


def large_report() -> StatusReport:
    """Return a hundred routes that have a hundred thousand checkpoints together."""
    routes = (replace(ROUTE, item_id=str(number)) for number in range(100))
    return report_of(*(large(route, 1_000) for route in routes))
