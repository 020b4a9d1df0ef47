"""What is said of the worst checkpoints. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.model.types import PROBLEMS, State
from exporter.polling.worst import Finding
from exporter.web.status_page import words
from exporter.web.status_page.bars import Bar, Tone, bar
from exporter.web.status_page.plans import PlanWords


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """One row of the table of checkpoints."""

    group: str
    topic: str
    plan: PlanWords
    item_id: str
    source_instance_id: str
    target_instance_id: str
    state: str
    tone: Tone
    lag: Bar
    age: Bar


def checkpoint_rows(
    findings: Iterable[Finding], plans: Mapping[str, PlanWords]
) -> Sequence[CheckpointRow]:
    """Return a row for each finding, in their order."""
    return [_row(finding, plans[finding.route.plan_id]) for finding in findings]


def _row(finding: Finding, plan: PlanWords) -> CheckpointRow:
    checkpoint = finding.checkpoint
    return CheckpointRow(
        group=words.name(checkpoint.group),
        topic=words.name(checkpoint.topic),
        plan=plan,
        item_id=words.name(finding.route.item_id),
        source_instance_id=words.name(checkpoint.source_instance_id),
        target_instance_id=words.name(checkpoint.target_instance_id),
        state=words.STATES[finding.state],
        tone=_tone(finding.state),
        lag=bar(finding.sync_lag_seconds, plan.lag_objective),
        age=bar(finding.sync_age_seconds, plan.age_objective),
    )


def _tone(state: State) -> Tone:
    # Never good: what is `ok` has a lag, and the bar beside it says how good that is.
    return Tone.BAD if state in PROBLEMS else Tone.QUIET
