"""What is wrong, the cause before its symptoms, and what to do; a plan's verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from exporter.model.assessment import (
    RUNNING,
    Assessment,
    Blocker,
    Grade,
    PlanStanding,
    StatusReport,
    count_of,
)
from exporter.model.durations import brief_duration
from exporter.model.errors import CloudError, NotFoundError
from exporter.model.types import Route, State

_NO_TIME = "without a consume time on the "
_TO_DO = {
    Blocker.PLAN_DOWN: (
        f"not {RUNNING}",
        "start it in the console, or take it out of the configuration",
    ),
    Blocker.ITEM_STOPPED: (
        f"with items that are not {RUNNING}",
        "start them in the console; CREATING and CHANGING end by themselves",
    ),
    Blocker.STALLED: (
        "with stalled checkpoints",
        "see that their consumer groups are online on the target",
    ),
    Blocker.LATE: (
        "with late checkpoints",
        "see that their messages are copied, and their groups synced",
    ),
    Blocker.NOT_ON_TARGET: (
        "with groups that are not on the target",
        "see that they are online there, or exclude them by `groups`",
    ),
}
"""What stands in the way of plans, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: what to do, where it is, and what the API said of it.

    With `is_failure` something could not be read.
    """

    what: str
    remedy: str
    subjects: Sequence[str] = ()
    evidence: str = ""
    grade: Grade = Grade.BAD
    is_failure: bool = field(default=False, compare=False)


def problems(found: Assessment) -> Iterator[Problem]:
    """Yield all that is wrong; what to repair first comes first."""
    report = found.report
    if report.is_standby:
        yield Problem(
            "Standing by: another replica holds the Lease of `ha.lease` and polls",
            "look at its page; this one takes over by itself when the other stops",
            grade=Grade.UNKNOWN,
        )
        return
    yield from _discovery(report)
    failed = [
        (_name(each.route), each.error)
        for each in report.statuses
        if each.error is not None
    ]
    yield from _failures("{} could not be polled", "route", failed)
    yield from _blocked(found)
    if report.statuses and not report.is_tried:
        what = "Not every route has been polled yet"
        yield Problem(what, "wait for it", grade=Grade.UNKNOWN)


def _discovery(report: StatusReport) -> Iterator[Problem]:
    failed = sorted(report.failures.items())
    wait = report.next_discovery_in
    then = "" if wait is None else f"; next try in {brief_duration(int(wait))}"
    yield from _failures("{} failed", "lookup", failed, then)
    if missing := sorted(report.inventory.missing):
        names = [f"{gone.kind} {gone.id}" for gone in missing]
        what = "Configured, but not found in the cloud"
        yield Problem(what, NotFoundError.remedy, names, is_failure=True)
    if report.statuses or failed or missing:
        return
    if not report.is_tried:
        what = "Discovery has not ended yet"
        yield Problem(what, "wait some seconds", grade=Grade.UNKNOWN)
        return
    plans = report.inventory.plans
    running = sum(plan.status == RUNNING for plan in plans)
    yield Problem(
        f"No route was found: {many(len(plans), 'plan')} in {report.region},"
        f" {running:,} of them {RUNNING}",
        "see that `api.regions` and the access key are those of your plans, that the"
        " plans have items, and that those that do not run are named under `plans`;"
        " `rocketmq-dr-exporter check --live` tells what the API says",
        grade=Grade.WARNING,
    )


def _failures(
    words: str, noun: str, failed: Iterable[tuple[str, CloudError]], then: str = ""
) -> Iterator[Problem]:
    """Yield one problem for all that fails alike, with the text of the first error."""
    alike = defaultdict(list)
    for subject, error in failed:
        alike[error.reason, error.remedy].append((subject, error))
    for (_, remedy), each in alike.items():
        subjects, first = [subject for subject, _ in each], each[0][1]
        what = f"{words.format(many(len(each), noun))}: {first}"
        yield Problem(what, remedy + then, subjects, str(first.origin), is_failure=True)


def _blocked(found: Assessment) -> Iterator[Problem]:
    """Yield what to do for the plans that are polled and not ready, by the cause."""
    for blocker, (words, remedy) in _TO_DO.items():
        names = [p.name for p in found.plans if p.routes and blocker in p.blockers]
        if names:
            yield Problem(f"{many(len(names), 'plan')} {words}", remedy, names)
    if found.rollup is not None and not count_of(found.rollup):
        yield Problem(
            "No checkpoint was found",
            "see that consumer groups are replicated, and that neither `groups`,"
            " `topics` nor a plan's `filter` leaves all of them out",
            grade=Grade.WARNING,
        )
    if found.dropped:
        what = f"{many(found.dropped, 'checkpoint')} over metrics.max_checkpoints"
        yield Problem(what, "raise the setting to list them", grade=Grade.WARNING)


def verdict(plan: PlanStanding) -> str:
    """Return whether a plan is ready to fail over, or why not, the cause first."""
    if not plan.blockers:
        unsure = [r.status.history.seconds for r in plan.routes if r.may_be_late]
        if not unsure:
            return "ready to fail over"
        seen = f"{brief_duration(min(unsure))} of polls" if min(unsure) else "one poll"
        return f"ready to fail over, as far as {seen} can tell"
    reasons = (*_causes(plan), *_missed(plan))
    return f"not ready – {'; '.join(reasons)}"


def _causes(plan: PlanStanding) -> Iterator[str]:
    if Blocker.PLAN_DOWN in plan.blockers:
        yield f"the plan is {plan.plan.status if plan.plan else 'not found'}"
    if plan.stopped:
        statuses = sorted({item.status for item in plan.stopped})
        yield f"{many(len(plan.stopped), 'item')} {' and '.join(statuses)}"
    if Blocker.DATA_UNKNOWN not in plan.blockers:
        return
    for gone in plan.missing:
        yield f"{gone.kind} {gone.id} not found"
    unknown = sum(route.rollup is None for route in plan.routes)
    if not plan.routes:
        yield "no route of it is polled"
    elif unknown:
        yield f"no data from {unknown:,} of {many(len(plan.routes), 'route')}"
    elif not plan.checkpoints:
        yield "no checkpoint found"


def _missed(plan: PlanStanding) -> Iterator[str]:
    """Yield what too many checkpoints suffer from, if too few are ready."""
    if (rollup := plan.rollup) is None or not plan.is_share_missed:
        return
    ages = [route.age.value for route in plan.routes if route.age.value is not None]
    age, delay = max(ages, default=None), (rollup.max_delay_ms or 0) / 1000
    limits, states = plan.limits, rollup.states
    of = f" of {many(plan.checkpoints, 'checkpoint')}"
    for count, words in (
        (states[State.SOURCE_MISSING], _NO_TIME + "source"),
        (rollup.stalled, f"stalled ({_beside(age, limits.age)})"),
        (rollup.late, f"late ({_beside(delay, limits.lag)})"),
        (states[State.NEVER_SYNCED], "never synced"),
        (states[State.TARGET_MISSING], _NO_TIME + "target"),
    ):
        if count:
            yield f"{count:,}{of} {words}"
            of = ""


def _beside(value: float | None, objective: float) -> str:
    return f"{brief_duration(value)}, objective {brief_duration(objective)}"


def many(count: int, noun: str) -> str:
    """Return a number with its noun.

    >>> many(1, "route"), many(1200, "route")
    ('1 route', '1,200 routes')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _name(route: Route) -> str:
    return f"plan {route.plan_id} item {route.item_id} {route.source_instance_id}"
