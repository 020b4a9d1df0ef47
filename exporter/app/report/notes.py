"""What is said under the table: how much there is, what failed, and what to do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from exporter.app.report.grades import breaches
from exporter.app.report.names import shown
from exporter.app.report.survey import Survey
from exporter.model.errors import CloudError, NotFoundError, Reason
from exporter.model.types import PROBLEMS, Route, RouteStatus, State

NAMED = 3
RUNNING = "RUNNING"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence or two; `is_trouble` says that somebody has to do something."""

    text: str
    is_trouble: bool = False


def notes(survey: Survey, rows: int) -> tuple[Note, ...]:
    """Return all there is to say of a survey of which `rows` checkpoints are shown."""
    known = [s.rollup for s in survey.statuses if s.rollup is not None]
    states = Counter[State]()
    for rollup in known:
        states.update(rollup.states)
    said: list[Note] = []
    if total := states.total():
        said += [_total(survey, states, len(known)), *_not_shown(survey, rows, total)]
    elif known:
        said.append(_NO_CHECKPOINT)
    said += _failed_polls(survey.statuses)
    said += _failed_looks(survey)
    said += _missing(survey)
    if not survey.statuses and not survey.failures:
        said.append(_no_route(survey))
    return tuple(said)


_NO_CHECKPOINT = Note(
    "No checkpoint was found: either no consumer group is replicated yet, or groups,"
    " topics or a plan's filter leave all of them out.",
    is_trouble=True,
)


def _total(survey: Survey, states: Counter[State], routes: int) -> Note:
    over = breaches(survey.statuses, survey.limits, survey.at)
    parts = [
        f"{count:,} {words}"
        for count, words in (
            (over.lag, "over the objective for lag"),
            (over.age, "over that for age"),
            *((states[problem], problem.value) for problem in PROBLEMS),
        )
        if count
    ]
    counted = f"{_many(states.total(), 'checkpoint')} on {_many(routes, 'route')}"
    found = ", ".join(parts) or "all within their objectives"
    return Note(f"{counted}: {found}.", is_trouble=bool(parts))


def _not_shown(survey: Survey, rows: int, total: int) -> Iterator[Note]:
    dropped = sum(s.snapshot.dropped for s in survey.statuses if s.snapshot)
    if rows < total - dropped:
        yield Note(
            f"The worst {rows:,} are shown; `poll` shows all in a pipe"
            " (poll | less -S), and with --output=json."
        )
    if dropped:
        yield Note(
            f"{dropped:,} of them are over metrics.max_checkpoints, which can be"
            " raised: they are counted, and not listed."
        )


def _failed_polls(statuses: Iterable[RouteStatus]) -> Iterator[Note]:
    failed = defaultdict(list)
    for status in statuses:
        if status.reason is not None:
            failed[status.reason].append(status.route)
    for reason, routes in failed.items():
        count = _many(len(routes), "route")
        yield Note(
            f"{count} could not be polled, {reason.value}: {_REMEDIES[reason]}"
            f" ({_named(routes)}).",
            is_trouble=True,
        )


_REMEDIES = {error.reason: error.remedy for error in CloudError.__subclasses__()}


def _named(routes: list[Route]) -> str:
    return _few(
        [f"plan {r.plan_id} item {r.item_id} {r.source_instance_id}" for r in routes]
    )


def _few(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    listed = ", ".join(shown(name) for name in names[:NAMED])
    more = len(names) - NAMED
    return listed if more <= 0 else f"{listed} and {more:,} more"


def _failed_looks(survey: Survey) -> Iterator[Note]:
    subjects: dict[Reason, list[str]] = defaultdict(list)
    remedies = {error.reason: error.remedy for error in survey.failures.values()}
    for subject, error in survey.failures.items():
        subjects[error.reason].append(subject)
    for reason, failed in subjects.items():
        yield Note(
            f"Could not look up {_few(failed)}, {reason.value}: {remedies[reason]}.",
            is_trouble=True,
        )


def _missing(survey: Survey) -> Iterator[Note]:
    if missing := sorted(survey.inventory.missing):
        named = _few([f"{gone.kind} {gone.id}" for gone in missing])
        yield Note(
            f"Configured and not found: {named}; {NotFoundError.remedy}.",
            is_trouble=True,
        )


def _no_route(survey: Survey) -> Note:
    plans = survey.inventory.plans
    if not plans:
        found = "no plan is there"
    elif running := [plan for plan in plans if plan.status == RUNNING]:
        found = f"of {_many(len(running), 'running plan')} none has an item for us"
    else:
        found = f"{_many(len(plans), 'plan')} found, and none is {RUNNING}"
    return Note(
        f"No route was found: {found}. Look at api.region, plans and shard in the"
        " configuration; `rocketmq-dr-exporter check --live` tells what the API says.",
        is_trouble=True,
    )


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
