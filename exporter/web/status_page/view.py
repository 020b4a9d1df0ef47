"""What the status page says of an assessment: words, lengths and the distribution."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from exporter.model.assessment import (
    Grade,
    Measure,
    PlanStanding,
    RouteStanding,
    StatusReport,
    grade_of_status,
)
from exporter.model.durations import brief_duration
from exporter.model.lag import BUCKET_BOUNDS_MS
from exporter.model.problems import many
from exporter.model.types import PROBLEMS

UNKNOWN = "unknown"
# The objective stands in the middle of a bar: a value within it stays in the left half.
OBJECTIVE_AT = 50.0
UNCOMPARABLE_SHARE = 999
LEAST_HEIGHT = 1.5


@dataclass(frozen=True, slots=True)
class Column:
    """One bucket of the distribution.

    `bars` are drawn one above another. Each has a grade, its lower edge and its height
    in percent. A warning stands for lags whose objective lies inside this bucket.
    """

    label: str
    mark: str
    count: int
    bars: Sequence[tuple[Grade, float, float]]


def duration(value: float | None) -> str:
    """Return seconds in their two largest units.

    >>> duration(5025.0), duration(None)
    ('1h 23m', 'unknown')
    """
    return UNKNOWN if value is None else brief_duration(value)


def note(measure: Measure) -> str:
    """Return what a bar's colour says.

    >>> [note(Measure(value, 300.0)) for value in (-1, 0, 3600.0, 1e9)]
    ['target ahead', '', '12× objective', 'over 999× objective']
    >>> note(Measure(60.0, None)), note(Measure(None, None))
    ('no objective', '')
    """
    share = measure.share
    if share is None:
        return "" if measure.value is None else "no objective"
    if share < 0:
        return "target ahead"
    if share <= 1:
        return ""
    if share >= UNCOMPARABLE_SHARE:
        return f"over {UNCOMPARABLE_SHARE}× objective"
    return f"{share:.3g}× objective"


def length(measure: Measure) -> float | None:
    """Return a bar's length in percent, None where there is nothing to draw.

    >>> [length(Measure(value, 300.0)) for value in (-1, 60.0, 3600.0, None)]
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
    return UNKNOWN if it.tally is None else f"{it.tally.states.total():,}"


def breaches(it: PlanStanding | RouteStanding) -> Sequence[str]:
    """Return how many checkpoints miss an objective or cannot be failed over."""
    if it.tally is None:
        return ()
    counts = {
        f"over lag {duration(it.limits.lag)}": it.tally.over_lag,
        f"over age {duration(it.limits.age)}": it.tally.over_age,
        **{state.replace("_", " "): it.tally.states[state] for state in PROBLEMS},
    }
    return [f"{count:,} {words}" for words, count in counts.items() if count]


def distribution(report: StatusReport) -> Sequence[Column]:
    """Return a column for each bucket of lag, none if no lag is known."""
    edges = [-math.inf, *(bound / 1000 for bound in BUCKET_BOUNDS_MS), math.inf]
    buckets = list(pairwise(edges))
    counts = [Counter[Grade]() for _ in buckets]
    for status in report.statuses:
        if (rollup := status.rollup) is None:
            continue
        limit = report.limits_of(status.route.plan_id).lag or math.inf
        # The rollup counts cumulatively.
        cumulated = pairwise([0, *rollup.lag_buckets, rollup.lag_count])
        for count, bucket, (less, up_to) in zip(
            counts, buckets, cumulated, strict=True
        ):
            count[_side(*bucket, limit)] += up_to - less
    most = max(count.total() for count in counts)
    return [
        Column(
            _label(*bucket),
            "" if bucket[1] == math.inf else duration(bucket[1]),
            count.total(),
            _bars(count, most),
        )
        for count, bucket in zip(counts, buckets, strict=True)
        if most
    ]


def _side(lower: float, upper: float, objective: float) -> Grade:
    if upper <= objective:
        return Grade.GOOD
    return Grade.BAD if lower >= objective else Grade.WARNING


def _bars(count: Counter[Grade], most: int) -> Sequence[tuple[Grade, float, float]]:
    """Return the bars; a small count still gets a visible height."""
    grades = [it for it in (Grade.GOOD, Grade.WARNING, Grade.BAD) if count[it]]
    heights = [
        round(max(LEAST_HEIGHT, 100.0 * count[grade] / most), 2) for grade in grades
    ]
    return list(zip(grades, accumulate(heights, initial=0.0), heights, strict=False))


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
    )
}
"""What the template may call."""
