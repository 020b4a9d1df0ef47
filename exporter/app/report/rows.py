"""A finding as the cells of a table, whatever the table is drawn with."""

from __future__ import annotations

from exporter.app.report.grades import Limits, is_bad
from exporter.app.report.names import shown
from exporter.polling.worst import Finding, brief

BAD = "!"
HEAD = (
    "",
    "Lag",
    "Age",
    "State",
    "Group",
    "Topic",
    "Plan",
    "Item",
    "Source instance",
)
NUMBERS = ("Lag", "Age")


def cells(finding: Finding, limits: Limits) -> tuple[str, ...]:
    """Return a finding in the order of `HEAD`; what is bad is marked without colour."""
    checkpoint = finding.checkpoint
    return (
        BAD if is_bad(finding, limits) else "",
        brief(finding.sync_lag_seconds),
        brief(finding.sync_age_seconds),
        finding.state.value,
        shown(checkpoint.group),
        shown(checkpoint.topic),
        shown(finding.route.plan_id),
        shown(finding.route.item_id),
        shown(checkpoint.source_instance_id),
    )
