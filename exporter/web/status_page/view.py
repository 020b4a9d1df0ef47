"""What the status page says of an assessment: words, lengths and the distribution."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from exporter.config.catalogue import in_force
from exporter.model.assessment import (
    Assessment,
    Grade,
    PlanStanding,
    RouteStanding,
    StatusReport,
    count_of,
    grade_of_status,
)
from exporter.model.durations import brief_duration
from exporter.model.lag import BUCKET_BOUNDS_MS
from exporter.model.problems import many, verdict
from exporter.model.types import PROBLEMS, State

LEAST_LENGTH = 0.5


@dataclass(frozen=True, slots=True)
class Bucket:
    """Checkpoints of about one lag; `length` is percent of the longest bar.

    `objectives` are those that end here: each further bucket misses them.
    """

    label: str
    count: int
    length: float
    objectives: Sequence[str]


def standing(plan: PlanStanding, report: StatusReport) -> tuple[Grade, str]:
    """Return how good a verdict is, and why what it was made from may be old."""
    looked_up = {f"plan {plan.plan_id}", f"region {plan.plan and plan.plan.region}"}
    why = "the last look-up failed" if looked_up & report.failures.keys() else ""
    if any(route.status.is_up is False for route in plan.routes):
        why = "the last poll failed"
    if plan.blockers:
        return Grade.BAD, why
    is_early = any(route.may_be_late for route in plan.routes)
    return Grade.WARNING if why or is_early else Grade.GOOD, why


def coverage(routes: Sequence[RouteStanding]) -> tuple[str, Grade]:
    """Return from how many routes there is data; some of it is no good sign."""
    known, of = sum(it.rollup is not None for it in routes), many(len(routes), "route")
    if known == len(routes):
        return f"of {of}", Grade.UNKNOWN
    return f"of {known:,} of {of}", Grade.WARNING


def breaches(it: RouteStanding) -> Sequence[str]:
    """Return how many checkpoints are late, stalled or a problem."""
    if it.rollup is None:
        return ()
    counts = {
        "stalled": it.rollup.stalled,
        "late": it.rollup.late,
        **{state.replace("_", " "): it.rollup.states[state] for state in PROBLEMS},
    }
    return [f"{count:,} {words}" for words, count in counts.items() if count]


def distribution(found: Assessment) -> Sequence[Bucket]:
    """Return the checkpoints by lag, with the objectives; none if no lag is known."""
    if (rollup := found.rollup) is None or not rollup.lag_count:
        return ()
    # The rollup counts cumulatively, and a lag of 0 with those below: what is exactly
    # in step gets a bucket of its own.
    edges, counts = [*BUCKET_BOUNDS_MS], [*rollup.lag_buckets]
    zero = edges.index(0)
    edges.insert(zero, 0)
    counts.insert(zero, rollup.states[State.TARGET_AHEAD])
    sizes = [up_to - less for less, up_to in pairwise([0, *counts, rollup.lag_count])]
    buckets = pairwise([-math.inf, *(edge / 1000 for edge in edges), math.inf])
    limits = Counter(plan.limits.most_delay for plan in found.plans if plan.rollup)
    return [
        Bucket(
            _label(lower, upper),
            size,
            # A small count is still seen.
            max(LEAST_LENGTH, round(100.0 * size / max(sizes), 1)) if size else 0.0,
            [
                f"objective {brief_duration(limit)}"
                + (f" of {many(plans, 'plan')}" if len(limits) > 1 else "")
                for limit, plans in sorted(limits.items(), key=str)
                if limit is not None and lower < limit <= upper
            ],
        )
        for size, (lower, upper) in zip(sizes, buckets, strict=True)
    ]


def _label(lower: float, upper: float) -> str:
    if lower == -math.inf:
        return f"under {brief_duration(upper)}"
    if upper == math.inf:
        return f"over {brief_duration(lower)}"
    if lower == upper:
        return "in step"
    return f"{brief_duration(lower)} to {brief_duration(upper)}"


FILTERS = (
    *(breaches, brief_duration, count_of, coverage, grade_of_status, in_force),
    *(many, standing, verdict),
)
"""What the template may call."""
