"""How checkpoints, routes and plans stand; terminal, JSON and status page draw it."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from operator import itemgetter

from exporter.model.errors import CloudError
from exporter.model.lag import merged, state_of, sync_age_ms, sync_lag_ms
from exporter.model.types import (
    PROBLEMS,
    UNKNOWN_DELAY_MS,
    UNKNOWN_MS,
    Checkpoint,
    Inventory,
    Item,
    Limits,
    Missing,
    Plan,
    Rollup,
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


class Blocker(StrEnum):
    """Why a plan is not ready to fail over, the cause before its symptoms.

    Recording rules and dashboards use the same words. From `STALLED` on one stands only
    where too few checkpoints are ready.
    """

    PLAN_DOWN = "plan_down"
    ITEM_STOPPED = "item_stopped"
    DATA_UNKNOWN = "data_unknown"
    STALLED = "stalled"
    LATE = "late"
    NOT_ON_TARGET = "not_on_target"


@dataclass(frozen=True, slots=True)
class Measure:
    """A lag, an age or a delay in seconds beside its objective; None is unknown.

    >>> [Measure(value, 300).grade.value for value in (0, 239.9, 240, 300, 300.1)]
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

    `at` is Unix seconds. `failures` are by what discovery could not look up. `is_tried`
    is False until every route has been polled once, and `is_standby` True while another
    replica polls. With `is_sharded` other processes poll other routes. What comes next
    is in seconds from `at`, None where nothing is planned or it is under way.
    """

    at: float
    statuses: Sequence[RouteStatus] = ()
    inventory: Inventory = field(default_factory=Inventory)
    failures: Mapping[str, CloudError] = field(default_factory=dict)
    is_tried: bool = True
    is_standby: bool = False
    is_sharded: bool = False
    region: str = ""
    next_poll_in: float | None = None
    next_discovery_in: float | None = None


@dataclass(frozen=True, slots=True)
class CheckpointStanding:
    """One checkpoint, judged by its delay and its age; a lag has no objective."""

    route: Route
    checkpoint: Checkpoint
    state: State
    delay: Measure
    lag: Measure
    age: Measure

    @property
    def is_problem(self) -> bool:
        """Return whether its state says that it cannot be failed over."""
        return self.state in PROBLEMS

    @property
    def is_bad(self) -> bool:
        """Return whether it is late, stalled or a problem."""
        return self.is_problem or Grade.BAD in (self.delay.grade, self.age.grade)


@dataclass(frozen=True, slots=True)
class RouteStanding:
    """One route, judged by its longest delay and its oldest sync.

    `item_status` is empty where it was not looked up.
    """

    status: RouteStatus
    item_status: str
    limits: Limits
    delay: Measure = Measure()
    lag: Measure = Measure()
    age: Measure = Measure()

    @property
    def rollup(self) -> Rollup | None:
        """Return what its checkpoints come to, None if no data is at hand."""
        return self.status.rollup

    @property
    def may_be_late(self) -> bool:
        """Return whether its lag is over the objective, which no delay can be yet."""
        most, lag = self.limits.most_delay, self.lag.value
        if most is None or lag is None:
            return False
        return self.status.history.seconds <= most < lag


@dataclass(frozen=True, slots=True)
class PlanStanding:
    """One plan: it is ready to fail over if nothing blocks it.

    `plan` is None where it was not looked up. `stopped` are the items that do not run,
    `missing` those and the instances that are configured and do not exist; `rollup` is
    of the routes with data, None without any.
    """

    plan_id: str
    plan: Plan | None
    limits: Limits
    routes: Sequence[RouteStanding]
    stopped: Sequence[Item]
    missing: Sequence[Missing]
    rollup: Rollup | None
    blockers: Sequence[Blocker] = ()

    @property
    def name(self) -> str:
        """Return the plan's name, its id where it has none."""
        return (self.plan and self.plan.name) or self.plan_id

    @property
    def checkpoints(self) -> int:
        """Return how many checkpoints there are, as far as that is known."""
        return count_of(self.rollup)

    @property
    def is_share_missed(self) -> bool:
        """Return whether fewer checkpoints are ready than `objectives.share` asks."""
        if self.rollup is None or not self.checkpoints:
            return False
        return self.rollup.ready / self.checkpoints < self.limits.share


@dataclass(frozen=True, slots=True)
class Assessment:
    """How everything in a report stands; the most urgent comes first.

    `worst` are the longest delays, then the largest lags; the unknown come last.
    `dropped` checkpoints are counted, but cannot be listed.
    """

    report: StatusReport
    plans: Sequence[PlanStanding]
    routes: Sequence[RouteStanding]
    worst: Sequence[CheckpointStanding]
    rollup: Rollup | None
    dropped: int

    @property
    def more(self) -> int:
        """Return how many checkpoints could be listed beside the worst."""
        return count_of(self.rollup) - self.dropped - len(self.worst)


def assess(report: StatusReport, count: int) -> Assessment:
    """Judge a report, and find its `count` worst checkpoints.

    A standby knows nothing of its own, and judges no plan.
    """
    items = {(it.plan_id, it.item_id): it.status for it in report.inventory.items}
    routes = [
        _route(each, report, items.get((each.route.plan_id, each.route.item_id), ""))
        for each in report.statuses
    ]
    plans = () if report.is_standby else _plans(report, routes)
    snapshots = [each.snapshot for each in report.statuses if each.snapshot is not None]
    return Assessment(
        report,
        plans=sorted(plans, key=lambda it: (not it.blockers, *_urgency(it.routes))),
        routes=sorted(routes, key=lambda route: _urgency((route,))),
        worst=worst(report, count),
        rollup=_merged(routes),
        dropped=sum(snapshot.dropped for snapshot in snapshots),
    )


def worst(report: StatusReport, count: int) -> list[CheckpointStanding]:
    """Return the `count` longest delays, then largest lags; the unknown come last.

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


def count_of(rollup: Rollup | None) -> int:
    """Return how many checkpoints a rollup is of."""
    return 0 if rollup is None else sum(rollup.states.values())


def _plans(
    report: StatusReport, routes: Iterable[RouteStanding]
) -> Iterator[PlanStanding]:
    """Yield every plan that is known, polled or configured."""
    inventory = report.inventory
    known = {plan.plan_id: plan for plan in inventory.plans}
    polled, stopped, missing = defaultdict(list), defaultdict(list), defaultdict(list)
    for route in routes:
        polled[route.status.route.plan_id].append(route)
    for item in inventory.items:
        if _is_stopped(item):
            stopped[item.plan_id].append(item)
    for gone in sorted(inventory.missing):
        missing[gone.plan_id].append(gone)
    down = {gone.id for gone in inventory.missing if gone.kind == "plan"}
    configured = inventory.limits.keys() | down
    for plan_id in sorted(known.keys() | polled.keys() | configured):
        standing = PlanStanding(
            plan_id,
            known.get(plan_id),
            inventory.limits_of(plan_id),
            polled[plan_id],
            stopped[plan_id],
            missing[plan_id],
            _merged(polled[plan_id]),
        )
        blockers = _blockers(standing, is_missing=plan_id in down)
        is_elsewhere = report.is_sharded and not standing.routes
        # Whether a plan is ready that others poll is theirs to tell.
        if not is_elsewhere or Blocker.PLAN_DOWN in blockers:
            yield replace(standing, blockers=blockers)


def _blockers(plan: PlanStanding, *, is_missing: bool) -> Sequence[Blocker]:
    """Return why a plan is not ready, in the order of `Blocker`."""
    is_down = is_missing or (plan.plan is not None and _is_stopped(plan.plan))
    is_whole = plan.checkpoints > 0 and all(route.rollup for route in plan.routes)
    # A plan that does not run is not polled, and that is no second reason.
    is_unknown = not is_whole and not (is_down and not plan.routes)
    blocks: dict[Blocker, object] = {
        Blocker.PLAN_DOWN: is_down,
        Blocker.ITEM_STOPPED: plan.stopped,
        Blocker.DATA_UNKNOWN: is_unknown or plan.missing,
    }
    if (rollup := plan.rollup) is not None and plan.is_share_missed:
        states = rollup.states
        blocks |= {
            Blocker.DATA_UNKNOWN: blocks[Blocker.DATA_UNKNOWN]
            or states[State.SOURCE_MISSING],
            Blocker.STALLED: rollup.stalled,
            Blocker.LATE: rollup.late,
            Blocker.NOT_ON_TARGET: states[State.NEVER_SYNCED]
            or states[State.TARGET_MISSING],
        }
    return [blocker for blocker in Blocker if blocks.get(blocker)]


def _is_stopped(it: Plan | Item) -> bool:
    return it.status not in ("", RUNNING)


def _merged(routes: Iterable[RouteStanding]) -> Rollup | None:
    rollups = [route.rollup for route in routes if route.rollup is not None]
    return merged(rollups) if rollups else None


def _route(
    status: RouteStatus, report: StatusReport, item_status: str
) -> RouteStanding:
    limits = report.inventory.limits_of(status.route.plan_id)
    delay = lag = age = None
    if (rollup := status.rollup) is not None:
        delay, lag = rollup.max_delay_ms, rollup.max_lag_ms
        age = sync_age_ms(round(report.at * 1000), rollup.oldest_sync_ms or UNKNOWN_MS)
    return RouteStanding(
        status,
        item_status,
        limits,
        delay=Measure(_seconds(delay), limits.most_delay),
        lag=Measure(_seconds(lag)),
        age=Measure(_seconds(age), limits.most_age),
    )


def _urgency(routes: Sequence[RouteStanding]) -> tuple[float, ...]:
    """Return what sorts by failures, items that do not run, no poll yet, and delay."""
    ups = [route.status.is_up for route in routes]
    is_running = all(route.item_status in ("", RUNNING) for route in routes)
    delay = max((route.delay.share or 0.0 for route in routes), default=0.0)
    return False not in ups, is_running, None not in ups, -delay


def _ranked(status: RouteStatus) -> Iterator[tuple[tuple[int, int], Snapshot, int]]:
    """Yield the visible rows, each with what sorts it among the worst."""
    if (snapshot := status.snapshot) is None:
        return
    columns = snapshot.columns
    rows = zip(columns.delay_ms, columns.source_ms, columns.target_ms, strict=True)
    for index, (delay, source, target) in enumerate(rows):
        # Those over the cap have no names.
        if index == len(snapshot):
            return
        if index not in status.hidden:
            # An unknown delay is below 0, and so sorts last.
            is_known = delay != UNKNOWN_DELAY_MS
            yield (-delay, target - source if is_known else 0), snapshot, index


def _checkpoint(
    route: Route, row: Checkpoint, report: StatusReport
) -> CheckpointStanding:
    limits = report.inventory.limits_of(route.plan_id)
    delay_ms = None if row.delay_ms == UNKNOWN_DELAY_MS else row.delay_ms
    age_ms = sync_age_ms(round(report.at * 1000), row.last_sync_ms)
    return CheckpointStanding(
        route,
        row,
        state=state_of(row.source_ms, row.target_ms, row.last_sync_ms),
        delay=Measure(_seconds(delay_ms), limits.most_delay),
        lag=Measure(_seconds(sync_lag_ms(row.source_ms, row.target_ms))),
        age=Measure(_seconds(age_ms), limits.most_age),
    )


def _seconds(millis: int | None) -> float | None:
    return None if millis is None else millis / 1000
