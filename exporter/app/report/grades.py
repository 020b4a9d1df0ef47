"""How good a number is against what its plan promises.

It must not know how a grade looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from exporter.model.lag import sync_age_ms, sync_lag_ms
from exporter.model.types import PROBLEMS, RouteStatus
from exporter.polling.worst import Finding

# From this share of an objective on there is little left of it.
NEAR = 0.8


class Grade(StrEnum):
    """What a number means to whoever is on call."""

    GOOD = "good"
    NEAR = "near"
    OVER = "over"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan promises, in seconds; the largest that is no breach.

    None where it may grow without a breach: nothing is promised, or it is the age where
    progress is not synced by itself.
    """

    lag: float | None
    age: float | None


@dataclass(frozen=True, slots=True)
class Breaches:
    """How many checkpoints are over what their plan promises."""

    lag: int
    age: int


def grade(value: float | None, limit: float | None) -> Grade:
    """Return the grade of a number; none where it is unknown, or nothing is promised.

    >>> [grade(value, 300).value for value in (None, -5, 239.9, 240, 300, 300.1)]
    ['none', 'good', 'good', 'near', 'near', 'over']
    >>> grade(0, 0).value, grade(0.1, 0).value, grade(1e9, None).value
    ('good', 'over', 'none')
    """
    if value is None or limit is None:
        return Grade.NONE
    if value > limit:
        return Grade.OVER
    return Grade.NEAR if value >= limit * NEAR and value > 0 else Grade.GOOD


def is_bad(finding: Finding, limits: Limits) -> bool:
    """Return whether somebody should look at a checkpoint."""
    return finding.state in PROBLEMS or Grade.OVER in (
        grade(finding.sync_lag_seconds, limits.lag),
        grade(finding.sync_age_seconds, limits.age),
    )


def breaches(
    statuses: Iterable[RouteStatus], limits: Mapping[str, Limits], now: float
) -> Breaches:
    """Count the checkpoints that are over an objective; `now` is Unix seconds."""
    lags = ages = 0
    now_ms = int(now * 1000)
    for status in statuses:
        if status.snapshot is None:
            continue
        columns, own = status.snapshot.columns, limits[status.route.plan_id]
        # By columns: a hundred thousand findings would take ten times as long.
        times = (columns.source_ms, columns.target_ms, columns.last_sync_ms)
        for index, (source, target, last) in enumerate(zip(*times, strict=True)):
            if index in status.hidden:
                continue
            lags += _is_over(sync_lag_ms(source, target), own.lag)
            ages += _is_over(sync_age_ms(now_ms, last), own.age)
    return Breaches(lags, ages)


def _is_over(millis: int | None, limit: float | None) -> bool:
    return millis is not None and limit is not None and millis / 1000 > limit
