"""How checkpoints, routes and plans stand; terminal, JSON and status page draw it."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import chain
from operator import itemgetter

from exporter.model.errors import CloudError
from exporter.model.lag import state_of, sync_age_ms, sync_lag_ms
from exporter.model.types import (
    PROBLEMS,
    UNKNOWN_MS,
    Checkpoint,
    Inventory,
    Limits,
    Plan,
    Route,
    RouteStatus,
    Snapshot,
    State,
)

RUNNING = "RUNNING"
# From this share of an objective on there is little left of it.
NEAR = 0.8


class Grade(StrEnum):
    """How good something is; also the CSS class that colours it."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "quiet"


@dataclass(frozen=True, slots=True)
class Measure:
    """A lag or an age in seconds beside its objective; None where one is unknown.

    >>> [Measure(value, 300).grade.value for value in (-5, 239.9, 240, 300, 300.1)]
    ['good', 'good', 'warning', 'warning', 'bad']
    >>> Measure(None, 300).grade.value, Measure(1e9, None).grade.value
    ('quiet', 'quiet')
    """

    value: float | None = None
    objective: float | None = None

    @property
    def share(self) -> float | None:
        """Return how much of the objective is used up, None if that is unknown."""
        if self.value is None or not self.objective:
            return None
        return self.value / self.objective

    @property
    def grade(self) -> Grade:
        """Return how good the value is; exactly the objective is no breach."""
        if self.share is None:
            return Grade.UNKNOWN
        if self.share > 1:
            return Grade.BAD
        return Grade.WARNING if self.share >= NEAR else Grade.GOOD


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What is known at one moment, before it is judged.

    `at` is Unix seconds. `failures` are by what discovery could not look up. `is_tried` is False until every route has been polled once, and
    `is_standby` True while another replica polls.
    """

    at: float
    statuses: Sequence[RouteStatus] = ()
    inventory: Inventory = field(default_factory=Inventory)
    failures: Mapping[str, CloudError] = field(default_factory=dict)
    is_tried: bool = True
    is_standby: bool = False
    region: str = ""


@dataclass(frozen=True, slots=True)
class CheckpointStanding:
    """One checkpoint, judged."""

    route: Route
    checkpoint: Checkpoint
    state: State
    lag: Measure
    age: Measure

    @property
    def is_problem(self) -> bool:
        """Return whether its state says that it cannot be failed over."""
        return self.state in PROBLEMS

    @property
    def is_bad(self) -> bool:
        """Return whether somebody should look at it."""
        return self.is_problem or Grade.BAD in (self.lag.grade, self.age.grade)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many checkpoints are over an objective, in each state, and not listed."""

    over_lag: int
    over_age: int
    states: Counter[State]
    dropped: int


def total(tallies: Iterable[Tally | None]) -> Tally | None:
    """Return what tallies come to together, None if none is known."""
    known = [tally for tally in tallies if tally is not None]
    if not known:
        return None
    return Tally(
        sum(each.over_lag for each in known),
        sum(each.over_age for each in known),
        sum((each.states for each in known), Counter()),
        sum(each.dropped for each in known),
    )


@dataclass(frozen=True, slots=True)
class RouteStanding:
    """One route, judged by its worst lag and its oldest sync.

    `item_status` is empty where it was not looked up; `tally` is None before a poll was
    complete.
    """

    status: RouteStatus
    item_status: str
    limits: Limits
    lag: Measure = Measure()
    age: Measure = Measure()
    tally: Tally | None = None


@dataclass(frozen=True, slots=True)
class PlanStanding:
    """One plan, judged by its routes; `plan` is None where it was not looked up."""

    plan_id: str
    plan: Plan | None
    limits: Limits
    routes: Sequence[RouteStanding]
    tally: Tally | None


@dataclass(frozen=True, slots=True)
class Assessment:
    """How everything in a report stands; the most urgent comes first.

    `worst` are the largest lags, the unknown ones last.
    """

    report: StatusReport
    plans: Sequence[PlanStanding]
    routes: Sequence[RouteStanding]
    worst: Sequence[CheckpointStanding]
    tally: Tally | None

    @property
    def more(self) -> int:
        """Return how many checkpoints could be listed beside the worst."""
        if self.tally is None:
            return 0
        return self.tally.states.total() - self.tally.dropped - len(self.worst)


def assess(report: StatusReport, count: int) -> Assessment:
    """Judge a report, and find its `count` worst checkpoints."""
    items = {(it.plan_id, it.item_id): it.status for it in report.inventory.items}
    routes = [
        _route(each, report, items.get((each.route.plan_id, each.route.item_id), ""))
        for each in report.statuses
    ]
    return Assessment(
        report,
        plans=sorted(_plans(report, routes), key=lambda plan: _urgency(plan.routes)),
        routes=sorted(routes, key=lambda route: _urgency((route,))),
        worst=worst(report, count),
        tally=total(route.tally for route in routes),
    )


def worst(report: StatusReport, count: int) -> list[CheckpointStanding]:
    """Return the `count` largest lags, the unknown ones last.

    Equals stay in the order of routes and rows.
    """
    ranked = chain.from_iterable(map(_ranked, report.statuses))
    return [
        _checkpoint(snapshot.route, snapshot.columns.row(index), report)
        for _, snapshot, index in heapq.nsmallest(count, ranked, key=itemgetter(0))
    ]


def grade_of_status(status: str) -> Grade:
    """Return how good the status of a plan or item is; empty was not looked up.

    >>> [grade_of_status(it).value for it in (RUNNING, "", "CHANGING", "X_STOPPED")]
    ['good', 'quiet', 'warning', 'bad']
    """
    if not status:
        return Grade.UNKNOWN
    if status == RUNNING:
        return Grade.GOOD
    return Grade.BAD if status.endswith("_STOPPED") else Grade.WARNING


def _plans(
    report: StatusReport, routes: Iterable[RouteStanding]
) -> Iterator[PlanStanding]:
    known = {plan.plan_id: plan for plan in report.inventory.plans}
    polled = defaultdict(list)
    for route in routes:
        polled[route.status.route.plan_id].append(route)
    for plan_id in sorted(known.keys() | polled.keys()):
        own = polled[plan_id]
        tally = total(route.tally for route in own)
        limits = report.inventory.limits_of(plan_id)
        yield PlanStanding(plan_id, known.get(plan_id), limits, own, tally)


def _route(
    status: RouteStatus, report: StatusReport, item_status: str
) -> RouteStanding:
    limits = report.inventory.limits_of(status.route.plan_id)
    rollup, snapshot = status.rollup, status.snapshot
    if rollup is None or snapshot is None:
        return RouteStanding(status, item_status, limits)
    age_ms = partial(sync_age_ms, int(report.at * 1000))
    lag = Measure(_seconds(rollup.max_lag_ms), limits.most_delay)
    age = Measure(
        _seconds(age_ms(rollup.oldest_sync_ms or UNKNOWN_MS)), limits.most_age
    )
    columns = snapshot.columns
    lags = map(sync_lag_ms, columns.source_ms, columns.target_ms)
    tally = Tally(
        over_lag=_over(limits.most_delay, lags, status.hidden),
        over_age=_over(
            limits.most_age, map(age_ms, columns.last_sync_ms), status.hidden
        ),
        states=Counter(rollup.states),
        dropped=snapshot.dropped,
    )
    return RouteStanding(status, item_status, limits, lag, age, tally)


def _over(
    objective: float | None, values: Iterable[int | None], hidden: frozenset[int]
) -> int:
    """Count the visible values, in milliseconds, that are over an objective."""
    limit_ms = (objective or math.inf) * 1000
    return sum(
        value is not None and value > limit_ms and index not in hidden
        for index, value in enumerate(values)
    )


def _urgency(routes: Sequence[RouteStanding]) -> tuple[int, float]:
    """Return what sorts failures first, then what was not polled, then by lag."""
    ups = [route.status.is_up for route in routes]
    rank = 0 if False in ups else 1 if None in ups else 2
    return rank, -max((route.lag.share or 0.0 for route in routes), default=0.0)


def _ranked(status: RouteStatus) -> Iterator[tuple[float, Snapshot, int]]:
    """Yield the visible rows, each with minus its lag, inf where that is unknown."""
    if (snapshot := status.snapshot) is None:
        return
    sides = zip(snapshot.columns.source_ms, snapshot.columns.target_ms, strict=True)
    for index, (source, target) in enumerate(sides):
        if index not in status.hidden:
            # What is unknown is 0, and so false; a call of `sync_lag_ms` is slower.
            yield target - source if source and target else math.inf, snapshot, index


def _checkpoint(
    route: Route, row: Checkpoint, report: StatusReport
) -> CheckpointStanding:
    limits = report.inventory.limits_of(route.plan_id)
    age_ms = sync_age_ms(int(report.at * 1000), row.last_sync_ms)
    return CheckpointStanding(
        route,
        row,
        state=state_of(row.source_ms, row.target_ms, row.last_sync_ms),
        lag=Measure(
            _seconds(sync_lag_ms(row.source_ms, row.target_ms)), limits.most_delay
        ),
        age=Measure(_seconds(age_ms), limits.most_age),
    )


def _seconds(millis: int | None) -> float | None:
    return None if millis is None else millis / 1000
