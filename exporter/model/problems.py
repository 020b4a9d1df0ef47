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
    RouteStanding,
    StatusReport,
    count_of,
)
from exporter.model.durations import brief_duration
from exporter.model.errors import CloudError, NotFoundError
from exporter.model.types import Route, State

_SYNC = "see that the consumer groups are online on the target"
_NO_TIME = "without a consume time on the "
_DROPPED = "over metrics.max_checkpoints: counted, but not listed"


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
    yield from _stopped(found)
    yield from _checkpoints(found)
    yield from _seen_shortly(found.routes)
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
        yield Problem(what, NotFoundError.remedy, names)
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


def _stopped(found: Assessment) -> Iterator[Problem]:
    """Yield the plans and items that are polled and replicate nothing."""
    plans = [
        f"plan {each.plan_id}: {each.plan.status}"
        for each in found.plans
        if each.routes and each.plan and each.plan.status not in ("", RUNNING)
    ]
    if plans:
        remedy = "start it in the console, or take it out of the configuration"
        yield Problem(f"{many(len(plans), 'plan')} not {RUNNING}", remedy, plans)
    items = [
        f"plan {item.plan_id} item {item.item_id}: {item.status}"
        for each in found.plans
        if each.routes
        for item in each.stopped
    ]
    if items:
        remedy = "start it in the console; CREATING and CHANGING end by themselves"
        yield Problem(f"{many(len(items), 'item')} not {RUNNING}", remedy, items)


def _checkpoints(found: Assessment) -> Iterator[Problem]:
    if (rollup := found.rollup) is None:
        return
    states = rollup.states
    if not count_of(rollup):
        yield Problem(
            "No checkpoint was found",
            "see that consumer groups are replicated, and that neither `groups`,"
            " `topics` nor a plan's `filter` leaves all of them out",
            grade=Grade.WARNING,
        )
    copying = "see that their messages are copied, and their groups synced"
    source = "have their groups consume there, or exclude them by `groups`"
    for count, words, remedy, grade in (
        (rollup.stalled, "stalled", _SYNC, Grade.BAD),
        (rollup.late, "late", copying, Grade.BAD),
        (states[State.NEVER_SYNCED], "never synced", _SYNC, Grade.WARNING),
        (states[State.SOURCE_MISSING], _NO_TIME + "source", source, Grade.WARNING),
        (states[State.TARGET_MISSING], _NO_TIME + "target", _SYNC, Grade.WARNING),
        (found.dropped, _DROPPED, "raise the setting", Grade.WARNING),
    ):
        if count:
            yield Problem(f"{many(count, 'checkpoint')} {words}", remedy, grade=grade)


def _seen_shortly(routes: Iterable[RouteStanding]) -> Iterator[Problem]:
    """Yield the routes whose lag is large, and whose delay cannot be told yet."""
    names = [_name(each.status.route) for each in routes if each.may_be_late]
    if names:
        yield Problem(
            f"{many(len(names), 'route')} with a lag over the objective for delay",
            "wait until a running exporter has polled for as long as the objective",
            names,
            grade=Grade.WARNING,
        )


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
