"""What all routes come to: one sentence, and a few large numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.model.lag import merged
from exporter.model.types import PROBLEMS, Rollup, RouteStatus
from exporter.web.status_page import words
from exporter.web.status_page.bars import Tone, bar
from exporter.web.status_page.facts import Facts
from exporter.web.status_page.plans import PlanWords, status_tone
from exporter.web.status_page.routes import (
    counted,
    item_statuses,
    largest_lag,
    oldest_age,
)

_Reason = tuple[object, str, Tone]
"""Whether it holds, what is said then, and how bad that is."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One large number, what it is of, and what to compare it with."""

    label: str
    value: str
    note: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of all in one sentence."""

    text: str
    tone: Tone


def verdict(facts: Facts, plans: Mapping[str, PlanWords]) -> Verdict:
    """Return whether anybody has to do anything, and the first reason for it."""
    statuses = facts.statuses
    down = sum(status.is_up is False for status in statuses)
    of = words.many(len(statuses), "route")
    reasons: Iterable[_Reason] = (
        (down, f"{down:,} of {of} cannot be polled", Tone.BAD),
        (facts.failing, "Not all plans could be looked up", Tone.BAD),
        (facts.inventory.missing, "Something configured does not exist", Tone.BAD),
        (not statuses, "No route is polled", Tone.WARNING),
        *_found(facts, plans),
        (not facts.is_tried, "Not every route has been polled yet", Tone.QUIET),
    )
    fine = Verdict("Every route is up and keeps its objectives", Tone.GOOD)
    return next((Verdict(text, tone) for holds, text, tone in reasons if holds), fine)


def _found(facts: Facts, plans: Mapping[str, PlanWords]) -> Iterable[_Reason]:
    """Yield what is wrong with what the polls found."""
    statuses = facts.statuses
    of = words.many(len(statuses), "route")
    late = sum(_is_late(status, facts.now, plans) for status in statuses)
    stopped = _stopped(facts, plans)
    unknown = sum(_problems(it.rollup) for it in statuses if it.rollup is not None)
    checkpoints = words.many(unknown, "checkpoint")
    yield late, f"Objectives missed by {late:,} of {of}", Tone.BAD
    yield stopped, f"Plan or item does not run on {stopped:,} of {of}", Tone.BAD
    yield unknown, f"The lag of {checkpoints} is unknown", Tone.WARNING


def figures(facts: Facts, plans: Mapping[str, PlanWords]) -> Sequence[Figure]:
    """Return the large numbers; none without routes."""
    statuses = facts.statuses
    rollups = [status.rollup for status in statuses if status.rollup is not None]
    if not statuses:
        return ()
    total = merged(rollups) if rollups else None
    return (
        _up(statuses),
        _checkpoints(total),
        _worst(
            "Worst lag",
            [
                (largest_lag(s.rollup), plans[s.route.plan_id].lag_objective)
                for s in statuses
            ],
        ),
        _worst(
            "Oldest sync",
            [
                (oldest_age(s.rollup, facts.now), plans[s.route.plan_id].age_objective)
                for s in statuses
            ],
        ),
    )


def _up(statuses: Sequence[RouteStatus]) -> Figure:
    up = sum(bool(status.is_up) for status in statuses)
    waiting = sum(status.is_up is None for status in statuses)
    down = len(statuses) - up - waiting
    note = ", ".join(
        f"{count:,} {what}"
        for count, what in ((down, "down"), (waiting, "not polled yet"))
        if count
    )
    tone = Tone.BAD if down else Tone.QUIET if waiting else Tone.GOOD
    return Figure("Routes up", f"{up:,} of {len(statuses):,}", note or "all", tone)


def _checkpoints(total: Rollup | None) -> Figure:
    if total is None:
        return Figure("Checkpoints", words.UNKNOWN, "", Tone.QUIET)
    problems = _problems(total)
    note = f"{problems:,} without a lag" if problems else "all with a lag"
    tone = Tone.WARNING if problems else Tone.GOOD
    return Figure("Checkpoints", f"{counted(total):,}", note, tone)


def _worst(label: str, values: Sequence[tuple[float | None, float | None]]) -> Figure:
    """Return the largest of durations that have an objective; if none has, of all."""
    known = [(value, objective) for value, objective in values if value is not None]
    promised = [pair for pair in known if pair[1] is not None]
    if not known:
        return Figure(label, words.UNKNOWN, "", Tone.QUIET)
    value, objective = max(promised or known, key=lambda pair: pair[0])
    drawn = bar(value, objective)
    note = drawn.note or f"objective {words.duration(objective)}"
    return Figure(label, drawn.text, note, drawn.tone)


def _stopped(facts: Facts, plans: Mapping[str, PlanWords]) -> int:
    """Return on how many routes nothing is replicated; an item that changes is not."""
    items = item_statuses(facts)
    routes = [status.route for status in facts.statuses]
    return sum(
        plans[it.plan_id].tone is not Tone.GOOD
        or status_tone(items.get((it.plan_id, it.item_id), "")) is Tone.BAD
        for it in routes
    )


def _problems(rollup: Rollup) -> int:
    return sum(rollup.states[state] for state in PROBLEMS)


def _is_late(status: RouteStatus, now: float, plans: Mapping[str, PlanWords]) -> bool:
    plan = plans[status.route.plan_id]
    pairs = (
        (largest_lag(status.rollup), plan.lag_objective),
        (oldest_age(status.rollup, now), plan.age_objective),
    )
    return any(
        value is not None and objective is not None and value > objective
        for value, objective in pairs
    )
