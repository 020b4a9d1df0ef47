"""What is said of each route: its plan, how it is polled, and how far it lags. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from exporter.model.types import PROBLEMS, Rollup, RouteStatus
from exporter.web.status_page import words
from exporter.web.status_page.bars import Bar, Tone, bar
from exporter.web.status_page.facts import Facts
from exporter.web.status_page.plans import PlanWords, status_tone


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One row of the table of routes; what there is no need to say is empty."""

    plan: PlanWords
    item_id: str
    item_status: str
    item_tone: Tone
    source_instance_id: str
    state: str
    tone: Tone
    advice: str
    evidence: str
    last_poll: str
    last_poll_at: str
    checkpoints: str
    problems: Sequence[str]
    lag: Bar
    age: Bar


def route_rows(
    facts: Facts, plans: Mapping[str, PlanWords], count: int
) -> Sequence[RouteRow]:
    """Return the rows of `count` routes, those first that somebody should look at."""
    items = item_statuses(facts)
    urgent = sorted(facts.statuses, key=lambda status: _urgency(status, plans))
    return [_row(status, facts.now, plans, items) for status in urgent[:count]]


def item_statuses(facts: Facts) -> Mapping[tuple[str, str], str]:
    """Return the status of each item that is known, by the ids of plan and item."""
    return {(it.plan_id, it.item_id): it.status for it in facts.inventory.items}


def counted(rollup: Rollup) -> int:
    """Return how many checkpoints a route shows and rolls up."""
    return sum(rollup.states.values())


def largest_lag(rollup: Rollup | None) -> float | None:
    """Return the largest lag of a route's checkpoints in seconds, None if unknown."""
    if rollup is None or rollup.max_lag_ms is None:
        return None
    return rollup.max_lag_ms / 1000


def oldest_age(rollup: Rollup | None, now: float) -> float | None:
    """Return the largest age of a route's checkpoints in seconds, None if unknown."""
    if rollup is None or rollup.oldest_sync_ms is None:
        return None
    return now - rollup.oldest_sync_ms / 1000


def _urgency(status: RouteStatus, plans: Mapping[str, PlanWords]) -> tuple[int, float]:
    """Return what sorts failures first, then what was not polled, then by lag."""
    if not status.is_up:
        return (1 if status.is_up is None else 0), 0.0
    lag = largest_lag(status.rollup) or 0.0
    # What nobody promises cannot be missed.
    return 2, -lag / (plans[status.route.plan_id].lag_objective or math.inf)


def _row(
    status: RouteStatus,
    now: float,
    plans: Mapping[str, PlanWords],
    items: Mapping[tuple[str, str], str],
) -> RouteRow:
    route, rollup = status.route, status.rollup
    plan = plans[route.plan_id]
    item_status = items.get((route.plan_id, route.item_id), "")
    state, tone = _state(status)
    return RouteRow(
        plan=plan,
        item_id=words.name(route.item_id),
        item_status=words.name(item_status),
        item_tone=status_tone(item_status),
        source_instance_id=words.name(route.source_instance_id),
        state=state,
        tone=tone,
        advice=words.remedy(status.reason, status.origin) if status.reason else "",
        evidence=words.evidence(status.origin),
        last_poll=words.ago(status.last_success_at, now),
        last_poll_at=_iso(status.last_success_at),
        checkpoints=words.UNKNOWN if rollup is None else f"{counted(rollup):,}",
        problems=_problems(rollup),
        lag=bar(largest_lag(rollup), plan.lag_objective),
        age=bar(oldest_age(rollup, now), plan.age_objective),
    )


def _state(status: RouteStatus) -> tuple[str, Tone]:
    if status.is_up is None:
        return "not polled yet", Tone.QUIET
    if status.is_up:
        return "up", Tone.GOOD
    return f"down: {status.reason or words.UNKNOWN}", Tone.BAD


def _problems(rollup: Rollup | None) -> Sequence[str]:
    if rollup is None:
        return ()
    return [
        f"{rollup.states[state]:,} {words.STATES[state]}"
        for state in PROBLEMS
        if rollup.states[state]
    ]


def _iso(at: float | None) -> str:
    if at is None:
        return ""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
