"""What the incidents prove of each alert: by which one it fires, and how fast.

Pure: it must not play an incident, but takes what came of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from incidents.promtool import Rules
from incidents.verdict import Verdict

MEASURED = Path(__file__).parent / "measured.json"

Times = Mapping[str, Mapping[str, float]]
"""Seconds to fire, by incident and variant."""


class Proof(NamedTuple):
    """An alert, the incident that it fires in, and the seconds until it does."""

    rule: Mapping[str, Any]
    incident: str
    seconds: float


def variant(rule: Mapping[str, Any]) -> str:
    """Name a rule: one alert may have several, told apart by their labels.

    >>> variant({"alert": "Burn", "labels": {"severity": "critical", "long": "1h"}})
    'Burn critical 1h'
    """
    return " ".join([rule["alert"], *rule.get("labels", {}).values()])


def times(verdicts: Iterable[Verdict], rules: Rules) -> Times:
    """Return how long after the trouble began each rule first fires, by incident."""
    found = {}
    for verdict in verdicts:
        seconds = {
            variant(rule): first - verdict.incident.begins
            for rule in rules.alerting
            if (first := verdict.first(_static_labels(rule))) is not None
        }
        if seconds:
            found[verdict.incident.name] = seconds
    return found


def proofs(measured: Times, rules: Rules) -> list[Proof]:
    """Return for each rule the first incident of the library that it fires in."""
    return [
        Proof(rule, *found[0])
        for rule in rules.alerting
        if (
            found := [
                (incident, seconds[variant(rule)])
                for incident, seconds in measured.items()
                if variant(rule) in seconds
            ]
        )
    ]


def unproven(measured: Times, rules: Rules) -> set[str]:
    """Return the rules that fire in no incident."""
    proven = {variant(proof.rule) for proof in proofs(measured, rules)}
    return {variant(rule) for rule in rules.alerting} - proven


def noted() -> Times:
    """Return what was measured when incidents were last played for the documents."""
    found: Times = json.loads(MEASURED.read_text(encoding="utf-8"))
    return found


def note(measured: Times) -> None:
    """Note what was measured, for the documents."""
    MEASURED.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")


def _static_labels(rule: Mapping[str, Any]) -> Mapping[str, str]:
    return {"alertname": rule["alert"], **rule.get("labels", {})}
