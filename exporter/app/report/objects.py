"""Findings as JSON: rows of labels and numbers for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable

from exporter.polling.worst import Finding


def as_json(findings: Iterable[Finding]) -> str:
    """Return a list of objects; numbers that are unknown are null."""
    return json.dumps([_object(finding) for finding in findings], indent=2)


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
