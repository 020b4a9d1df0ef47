"""What `poll` prints: findings as rows of JSON, or as a table for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from exporter.worst import Finding, seconds


def as_json(findings: Iterable[Finding]) -> str:
    """Return a list of objects; numbers that are unknown are null."""
    return json.dumps([_object(finding) for finding in findings], indent=2)


def as_table(findings: Iterable[Finding]) -> Table:
    """Return the table, in the order of the findings; JSON has the other labels."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Lag", "Age"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("State", no_wrap=True)
    for name in ("Group", "Topic", "Plan", "Item", "Source instance"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        checkpoint = finding.checkpoint
        cells = (
            seconds(finding.sync_lag_seconds),
            seconds(finding.sync_age_seconds),
            finding.state.value,
            checkpoint.group,
            checkpoint.topic,
            finding.route.plan_id,
            finding.route.item_id,
            checkpoint.source_instance_id,
        )
        # Text, because a name from upstream may look like markup.
        table.add_row(*(Text(_printable(cell)) for cell in cells))
    return table


def _printable(text: str) -> str:
    """Return text with control characters escaped, which a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _labels(finding: Finding) -> dict[str, str]:
    return {
        "plan_id": finding.route.plan_id,
        "item_id": finding.route.item_id,
        "source_instance_id": finding.checkpoint.source_instance_id,
        "target_instance_id": finding.checkpoint.target_instance_id,
        "group": finding.checkpoint.group,
        "topic": finding.checkpoint.topic,
    }


def _object(finding: Finding) -> dict[str, object]:
    return {
        **_labels(finding),
        "checkpoint_id": finding.checkpoint.checkpoint_id,
        "sync_lag_seconds": finding.sync_lag_seconds,
        "sync_age_seconds": finding.sync_age_seconds,
        "last_sync_timestamp_seconds": finding.last_sync_timestamp_seconds,
        "state": finding.state.value,
    }
