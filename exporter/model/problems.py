"""What is wrong, the cause before its symptoms, and what to do about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporter.model.assessment import (
    RUNNING,
    Assessment,
    Grade,
    StatusReport,
    grade_of_status,
)
from exporter.model.errors import NotFoundError, Origin, Reason, remedy_for
from exporter.model.types import Route, State

_SYNC_REMEDY = "see that the consumer groups are online on the target"
_STATES: Mapping[State, tuple[str, str]] = {
    State.NEVER_SYNCED: ("never synced", _SYNC_REMEDY),
    State.SOURCE_MISSING: (
        "without a consume time on the source",
        "have their groups consume there, or exclude them by `groups`",
    ),
    State.TARGET_MISSING: ("without a consume time on the target", _SYNC_REMEDY),
}
_CHECK = "`rocketmq-dr-exporter check --live` tells what the API says"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: what to do, where it is, and what the API said of it."""

    what: str
    remedy: str
    subjects: Sequence[str] = ()
    evidence: str = ""
    grade: Grade = Grade.BAD


ALL_WELL = Problem(
    "Every route is polled and keeps its objectives", "", grade=Grade.GOOD
)


def problems(found: Assessment) -> Iterator[Problem]:
    """Yield all that is wrong; the first is what to do first."""
    report = found.report
    if report.is_standby:
        yield _STANDBY
        return
    yield from _discovery(report)
    yield from _failures(
        "{} could not be polled",
        "route",
        (
            (_name(it.route), it.reason, it.origin)
            for it in report.statuses
            if it.reason is not None
        ),
    )
    yield from _stopped(found)
    yield from _checkpoints(found)
    if report.statuses and not report.is_tried:
        yield _UNTRIED


_STANDBY = Problem(
    "Standing by: another replica holds the Lease of `ha.lease` and polls",
    "look at its page; this one takes over by itself when the other stops",
    grade=Grade.UNKNOWN,
)
_UNTRIED = Problem(
    "Not every route has been polled yet", "wait for it", grade=Grade.UNKNOWN
)
_UNDISCOVERED = Problem(
    "Discovery has not ended yet", "wait some seconds", grade=Grade.UNKNOWN
)
_NO_CHECKPOINT = Problem(
    "No checkpoint was found",
    "see that consumer groups are replicated, and that neither `groups`, `topics` nor a"
    " plan's `filter` leaves all of them out",
    grade=Grade.WARNING,
)


def _discovery(report: StatusReport) -> Iterator[Problem]:
    failed = sorted(report.failures.items())
    yield from _failures(
        "{} failed", "lookup", ((name, it.reason, it.origin) for name, it in failed)
    )
    if missing := sorted(report.inventory.missing):
        names = [f"{gone.kind} {gone.id}" for gone in missing]
        yield Problem(
            "Configured, but not found in the cloud", NotFoundError.remedy, names
        )
    if not (report.statuses or failed or missing):
        yield _no_route(report) if report.is_tried else _UNDISCOVERED


def _failures(
    words: str, noun: str, failed: Iterable[tuple[str, Reason, Origin]]
) -> Iterator[Problem]:
    """Yield one problem for all that fails alike."""
    alike = defaultdict(list)
    for subject, reason, origin in failed:
        alike[reason, remedy_for(reason, origin)].append((subject, origin))
    for (reason, remedy), each in alike.items():
        subjects = [subject for subject, _ in each]
        what = f"{words.format(many(len(each), noun))}: {reason.value}"
        yield Problem(what, remedy, subjects, str(each[0][1]))


def _no_route(report: StatusReport) -> Problem:
    plans = report.inventory.plans
    running = [plan for plan in plans if plan.status == RUNNING]
    if running or (plans and report.has_configured_plans):
        shared = f", and that this shard, one of {report.shard_total}, has its part"
        return Problem(
            f"No route was found: {many(len(plans), 'plan')}, but no item for us",
            "see that the plans have items, that `items` and `source_instances` name"
            f" some of them{shared if report.shard_total > 1 else ''}; {_CHECK}",
            grade=Grade.WARNING,
        )
    found = f"{many(len(plans), 'plan')}, but none that is {RUNNING}"
    return Problem(
        f"No route was found: {found if plans else f'no plan in {report.region}'}",
        "see that `api.region` is the region of yours and that the access key is of"
        f" their account; name plans that do not run under `plans`; {_CHECK}",
        grade=Grade.WARNING,
    )


def _stopped(found: Assessment) -> Iterator[Problem]:
    """Yield the plans and items that are polled and replicate nothing."""
    plans = [
        f"plan {plan.plan_id}: {plan.plan.status}"
        for plan in found.plans
        if plan.routes and plan.plan and plan.plan.status not in ("", RUNNING)
    ]
    if plans:
        yield Problem(
            f"{many(len(plans), 'plan')} not {RUNNING}",
            "start it in the console, or take it out of the configuration",
            plans,
        )
    items = {
        f"plan {route.status.route.plan_id} item {route.status.route.item_id}"
        f": {route.item_status}"
        for route in found.routes
        if grade_of_status(route.item_status) is Grade.BAD
    }
    if items:
        what = f"{many(len(items), 'item')} stopped"
        yield Problem(what, "start it in the console", sorted(items))


def _checkpoints(found: Assessment) -> Iterator[Problem]:
    known = [route for route in found.routes if route.status.rollup]
    if known and not found.checkpoints:
        yield _NO_CHECKPOINT
    over_age = sum(route.over_age for route in known)
    over_lag = sum(route.over_lag for route in known)
    states = sum((route.states for route in known), Counter[State]())
    for count, words, remedy, grade in (
        (over_age, "over the objective for age", _SYNC_REMEDY, Grade.BAD),
        (
            over_lag,
            "over the objective for lag",
            "see that their messages are copied, and their groups synced",
            Grade.BAD,
        ),
        *((states[state], *said, Grade.WARNING) for state, said in _STATES.items()),
        (
            found.dropped,
            "over metrics.max_checkpoints: counted, but not listed",
            "raise the setting",
            Grade.WARNING,
        ),
    ):
        if count:
            what = f"{many(count, 'checkpoint')} {words}"
            yield Problem(what, remedy, grade=grade)


def many(count: int, noun: str) -> str:
    """Return a number with its noun.

    >>> many(1, "route"), many(1200, "route")
    ('1 route', '1,200 routes')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _name(route: Route) -> str:
    return f"plan {route.plan_id} item {route.item_id} {route.source_instance_id}"
