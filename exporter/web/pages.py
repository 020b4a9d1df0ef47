"""The landing page: what is polled, how that goes, and the worst checkpoints.

Pure; whatever came from upstream is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from exporter import __version__
from exporter.store import RouteStatus
from exporter.worst import Finding, seconds

_STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin-bottom:2rem}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #8884}
td{overflow-wrap:anywhere}td.number{text-align:right;font-variant-numeric:tabular-nums}
.bad{color:#c22;font-weight:600}:root{color-scheme:light dark}
"""


def landing_page(
    statuses: Sequence[RouteStatus], findings: Iterable[Finding], telemetry_path: str
) -> str:
    """Return the page; `findings` are the worst checkpoints, worst first."""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>RocketMQ DR exporter</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="refresh" content="30"><style>{_STYLE}</style></head><body>
<h1>RocketMQ DR exporter</h1>
<p>Replication lag of RocketMQ disaster-recovery plans. Version {__version__}.</p>
<ul><li><a href="{escape(telemetry_path)}">Metrics</a></li>
<li><a href="/-/healthy">Health</a></li><li><a href="/-/ready">Readiness</a></li></ul>
<h2>Routes</h2>
{_table(_ROUTE_HEAD, map(_route_cells, statuses)) if statuses else _NO_ROUTES}
<h2>Worst checkpoints</h2>
{_table(_FINDING_HEAD, map(_finding_cells, findings))}
</body></html>
"""


_NO_ROUTES = (
    "<p>No route is polled. Either discovery has not ended, or it failed, or it found"
    " nothing to walk: the log says which, and what to do.</p>"
)
_ROUTE_HEAD = ("Plan", "Item", "Source instance", "State", "Checkpoints", "Max lag")
_FINDING_HEAD = (
    "Plan",
    "Item",
    "Source instance",
    "Group",
    "Topic",
    "State",
    "Lag",
    "Age",
)


def _route_cells(status: RouteStatus) -> tuple[str, ...]:
    route, rollup = status.route, status.rollup
    counted = "" if rollup is None else str(sum(rollup.states.values()))
    lag = None if rollup is None else rollup.max_lag_ms
    return (
        _text(route.plan_id),
        _text(route.item_id),
        _text(route.source_instance_id),
        _state(status),
        _number(counted),
        _number(seconds(None if lag is None else lag / 1000)),
    )


def _state(status: RouteStatus) -> str:
    if status.is_up is None:
        return _text("not walked yet")
    if status.is_up:
        return _text("up")
    return f'<td class="bad">{escape(status.reason or "down")}</td>'


def _finding_cells(finding: Finding) -> tuple[str, ...]:
    checkpoint = finding.checkpoint
    return (
        _text(finding.route.plan_id),
        _text(finding.route.item_id),
        _text(checkpoint.source_instance_id),
        _text(checkpoint.group),
        _text(checkpoint.topic),
        _text(finding.state.value),
        _number(seconds(finding.sync_lag_seconds)),
        _number(seconds(finding.sync_age_seconds)),
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = "".join(f"<th scope=col>{name}</th>" for name in head)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: str) -> str:
    return f"<td>{escape(value)}</td>"


def _number(value: str) -> str:
    return f'<td class="number">{value}</td>'
