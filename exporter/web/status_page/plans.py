"""What is said of each plan, and what it promises. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.model.types import Plan
from exporter.web.status_page import words
from exporter.web.status_page.bars import Tone
from exporter.web.status_page.facts import Facts

RUNNING = "RUNNING"


@dataclass(frozen=True, slots=True)
class PlanWords:
    """What is said of a plan; empty is what nobody looked up, as of a configured plan.

    Objectives are seconds, None where nobody promises anything: so is that of age where
    progress is not synced by itself.
    """

    plan_id: str
    name: str
    type: str
    status: str
    tone: Tone
    lag_objective: float | None
    age_objective: float | None


def plans_of(facts: Facts) -> Mapping[str, PlanWords]:
    """Return what is said of each plan that is known or polled, by its id."""
    known = {plan.plan_id: plan for plan in facts.inventory.plans}
    polled = {status.route.plan_id for status in facts.statuses}
    return {
        plan_id: _plan(plan_id, known.get(plan_id), facts)
        for plan_id in known.keys() | polled
    }


def status_tone(status: str) -> Tone:
    """Return how good the status of a plan or item is; empty is one nobody looked up.

    >>> [status_tone(it).value for it in ("RUNNING", "CHANGING", "OVERDUE_STOPPED", "")]
    ['good', 'warning', 'bad', 'good']
    """
    if status in ("", RUNNING):
        return Tone.GOOD
    return Tone.BAD if status.endswith("_STOPPED") else Tone.WARNING


def _plan(plan_id: str, plan: Plan | None, facts: Facts) -> PlanWords:
    objectives = facts.settings.objectives_for(plan_id)
    is_aging = plan is not None and plan.is_auto_synced
    return PlanWords(
        plan_id=words.name(plan_id),
        name=words.name(plan.name) if plan else "",
        type=words.plan_type(plan.type) if plan else "",
        status=words.name(plan.status) if plan else "",
        tone=status_tone(plan.status if plan else ""),
        lag_objective=objectives.lag_seconds,
        age_objective=objectives.age_seconds if is_aging else None,
    )
