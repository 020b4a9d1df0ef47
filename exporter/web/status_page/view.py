"""What the status page says of an assessment: words, lengths and the distribution."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from exporter import __version__
from exporter.model.assessment import (
    Assessment,
    Grade,
    Measure,
    PlanStanding,
    RouteStanding,
    StatusReport,
    grade_of_status,
)
from exporter.model.durations import brief_duration
from exporter.model.lag import BUCKET_BOUNDS_MS
from exporter.model.problems import ALL_WELL, Problem, many, problems
from exporter.model.types import PROBLEMS, RouteStatus, State

UNKNOWN = "unknown"
# Entries in a list, of plans, routes and checkpoints.
ENTRIES = 50
LONGEST_NAME = 255
# The objective stands in the middle of a bar: a value within it stays in the left half.
OBJECTIVE_AT = 50.0
UNCOMPARABLE_SHARE = 999
LEAST_HEIGHT = 1.5

_PLAN_TYPES = {"ACTIVE_PASSIVE": "one-way", "ACTIVE_ACTIVE": "two-way"}


@dataclass(frozen=True, slots=True)
class Column:
    """One bucket of the distribution; `within`, `near` and `over` are heights.

    `near` are those whose objective lies inside of the bucket.
    """

    label: str
    mark: str
    count: int
    within: float
    near: float
    over: float


@dataclass(frozen=True, slots=True)
class View:
    """What the template draws, with `ENTRIES` entries in a list at most."""

    found: Assessment
    uptime_seconds: float
    telemetry_path: str
    refresh_seconds: int
    entries: int = ENTRIES
    version: str = __version__

    @property
    def problems(self) -> Sequence[Problem]:
        """Return what is wrong, the cause first."""
        return tuple(problems(self.found))

    @property
    def headline(self) -> Problem:
        """Return the first thing that is wrong, or that nothing is."""
        return next(iter(self.problems), ALL_WELL)

    @property
    def columns(self) -> Sequence[Column]:
        """Return the distribution of the lags of all checkpoints."""
        return distribution(self.found.report)

    def plan_name(self, plan_id: str) -> str:
        """Return the plan's name, its id where the name is not known."""
        plans = self.found.report.inventory.plans
        names = (plan.name for plan in plans if plan.plan_id == plan_id)
        return next(names, "") or plan_id

    @property
    def more_routes(self) -> str:
        """Return how many routes are not listed, empty if none."""
        more = self.found.routes[self.entries :]
        down = sum(route.status.is_up is False for route in more)
        unlisted = f", {down:,} of them failed" if down else ""
        return f"{many(len(more), 'more route')}{unlisted}" if more else ""

    @property
    def more_checkpoints(self) -> str:
        """Return how many checkpoints are not listed, empty if none."""
        more = self.found.more
        return many(more, "more checkpoint") if more else ""


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


def ago(then: float, now: float) -> str:
    """Return how long before `now` something was; both are Unix seconds.

    >>> ago(100.0, 103.4), ago(100.0, 100.4)
    ('3s ago', 'just now')
    """
    past = float(int(now - then))
    return f"{duration(past)} ago" if past > 0 else "just now"


def iso(at: float) -> str:
    """Return Unix seconds as HTML writes a time."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def name(text: str) -> str:
    """Return a name from upstream; what is longer than the API allows is cut.

    >>> name("GID_orders"), len(name("x" * 9999))
    ('GID_orders', 256)
    """
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"


def state(value: State) -> str:
    """Return a checkpoint's state in words.

    >>> state(State.NEVER_SYNCED)
    'never synced'
    """
    return value.replace("_", " ")


def plan_type(plan: PlanStanding) -> str:
    """Return what a plan's type means; an unknown type is returned as it is."""
    said = plan.plan.type if plan.plan else ""
    return _PLAN_TYPES.get(said, said)


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


def counted(routes: Iterable[RouteStanding]) -> str:
    """Return how many checkpoints routes have, as far as that is known."""
    known = [route.states.total() for route in routes if route.status.rollup]
    return f"{sum(known):,}" if known else UNKNOWN


def breaches(plan: PlanStanding) -> Sequence[str]:
    """Return what is wrong with a plan's checkpoints, a few words each."""
    over = (
        ("lag", sum(route.over_lag for route in plan.routes), plan.limits.lag),
        ("age", sum(route.over_age for route in plan.routes), plan.limits.age),
    )
    said = [
        f"{count:,} over {noun} {duration(limit)}"
        for noun, count, limit in over
        if count
    ]
    return said + troubles(plan.routes)


def troubles(routes: Sequence[RouteStanding]) -> list[str]:
    """Return how many checkpoints are in each state that is a problem."""
    counts = {it: sum(route.states[it] for route in routes) for it in PROBLEMS}
    return [f"{count:,} {state(it)}" for it, count in counts.items() if count]


def distribution(report: StatusReport) -> Sequence[Column]:
    """Return a column for each bucket of lag, none if no lag is known."""
    edges = [-math.inf, *(bound / 1000 for bound in BUCKET_BOUNDS_MS), math.inf]
    parts = [[0, 0, 0] for _ in edges[1:]]
    for status in report.statuses:
        limit = report.limits_of(status.route.plan_id).lag or math.inf
        for part, lower, upper, count in zip(
            parts, edges, edges[1:], _counts(status), strict=False
        ):
            part[0 if upper <= limit else 2 if lower >= limit else 1] += count
    most = max(sum(part) for part in parts)
    if not most:
        return ()
    return [
        Column(
            _label(lower, upper),
            "" if upper == math.inf else duration(upper),
            sum(part),
            *(_height(count, most) for count in part),
        )
        for part, (lower, upper) in zip(parts, pairwise(edges), strict=True)
    ]


def _counts(status: RouteStatus) -> Sequence[int]:
    """Return how many lags are in each bucket, which the rollup has cumulated."""
    rollup = status.rollup
    if rollup is None:
        return ()
    return [b - a for a, b in pairwise([0, *rollup.lag_buckets, rollup.lag_count])]


def _height(count: int, most: int) -> float:
    """Return a height in percent that is seen, however few there are."""
    return round(max(LEAST_HEIGHT, 100.0 * count / most), 2) if count else 0.0


def _label(lower: float, upper: float) -> str:
    if lower == -math.inf:
        return f"up to {duration(upper)}"
    if upper == math.inf:
        return f"over {duration(lower)}"
    return f"{duration(lower)} to {duration(upper)}"


FILTERS = {
    each.__name__: each
    for each in (
        ago,
        breaches,
        counted,
        duration,
        grade_of_status,
        iso,
        last_poll,
        length,
        name,
        note,
        plan_type,
        polled,
        state,
        troubles,
    )
}
"""What the template may call."""
