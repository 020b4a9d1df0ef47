"""What the status page says of an assessment: words, lengths and the distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from exporter.model.assessment import (
    Grade,
    Measure,
    PlanStanding,
    RouteStanding,
    count_of,
    grade_of_status,
)
from exporter.model.durations import brief_duration
from exporter.model.lag import BUCKET_BOUNDS_MS
from exporter.model.problems import many, verdict
from exporter.model.types import PROBLEMS, Rollup

UNKNOWN = "unknown"
# The objective stands in the middle of a bar: a value within it stays in the left half.
OBJECTIVE_AT = 50.0
LEAST_HEIGHT = 1.5


@dataclass(frozen=True, slots=True)
class Column:
    """One bucket of the distribution; `height` is percent of the tallest."""

    label: str
    mark: str
    count: int
    height: float


def duration(value: float | None) -> str:
    """Return seconds in their two largest units.

    >>> duration(5025.0), duration(None)
    ('1h 23m', 'unknown')
    """
    return UNKNOWN if value is None else brief_duration(value)


def note(measure: Measure) -> str:
    """Return what a value is judged by.

    >>> note(Measure(60.0, 300.0)), note(Measure(60.0, None))
    ('objective 5m', '')
    """
    objective = measure.objective
    return "" if objective is None else f"objective {duration(objective)}"


def length(measure: Measure) -> float | None:
    """Return a bar's length in percent, None where there is nothing to draw.

    >>> [length(Measure(value, 300.0)) for value in (0.0, 60.0, 3600.0, None)]
    [0.0, 10.0, 100.0, None]
    """
    if measure.share is None:
        return None
    return round(min(100.0, max(0.0, measure.share * OBJECTIVE_AT)), 1)


def last_poll(route: RouteStanding) -> tuple[str, Grade]:
    """Return how a route's last poll ended."""
    status = route.status
    if status.is_up is None:
        return "not polled yet", Grade.UNKNOWN
    if status.is_up:
        return "ok", Grade.GOOD
    return f"failed: {status.reason or UNKNOWN}", Grade.BAD


def polled(plan: PlanStanding) -> tuple[str, Grade]:
    """Return on how many of a plan's routes the last poll was complete."""
    ups = [route.status.is_up for route in plan.routes]
    grade = Grade.BAD if False in ups else Grade.GOOD
    if not ups or None in ups:
        grade = Grade.UNKNOWN
    return f"{ups.count(True):,} of {len(ups):,}", grade


def checkpoints(it: PlanStanding | RouteStanding) -> str:
    """Return how many checkpoints there are, as far as that is known."""
    return UNKNOWN if it.rollup is None else f"{count_of(it.rollup):,}"


def breaches(it: PlanStanding | RouteStanding) -> Sequence[str]:
    """Return how many checkpoints are late, stalled or a problem."""
    if it.rollup is None:
        return ()
    counts = {
        "stalled": it.rollup.stalled,
        "late": it.rollup.late,
        **{state.replace("_", " "): it.rollup.states[state] for state in PROBLEMS},
    }
    return [f"{count:,} {words}" for words, count in counts.items() if count]


def distribution(rollup: Rollup | None) -> Sequence[Column]:
    """Return a column for each bucket of lag, none if no lag is known."""
    if rollup is None or not rollup.lag_count:
        return ()
    edges = [-math.inf, *(bound / 1000 for bound in BUCKET_BOUNDS_MS), math.inf]
    # The rollup counts cumulatively.
    cumulated = pairwise([0, *rollup.lag_buckets, rollup.lag_count])
    counts = [up_to - less for less, up_to in cumulated]
    return [
        Column(
            _label(*bucket),
            "" if bucket[1] == math.inf else duration(bucket[1]),
            count,
            # A small count still gets a visible height.
            max(LEAST_HEIGHT, round(100.0 * count / max(counts), 2)) if count else 0.0,
        )
        for count, bucket in zip(counts, pairwise(edges), strict=True)
    ]


def _label(lower: float, upper: float) -> str:
    if lower == -math.inf:
        return f"up to {duration(upper)}"
    if upper == math.inf:
        return f"over {duration(lower)}"
    return f"{duration(lower)} to {duration(upper)}"


FILTERS = {
    each.__name__: each
    for each in (
        breaches,
        checkpoints,
        duration,
        grade_of_status,
        last_poll,
        length,
        many,
        note,
        polled,
        verdict,
    )
}
"""What the template may call."""
