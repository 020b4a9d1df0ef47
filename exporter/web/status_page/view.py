"""All that the landing page says, in words and lengths. Pure; it knows no HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporter import __version__
from exporter.polling.worst import Finding
from exporter.web.status_page import words
from exporter.web.status_page.advice import (
    Absence,
    Failure,
    Nothing,
    absences,
    failures,
    nothing,
)
from exporter.web.status_page.checkpoints import CheckpointRow, checkpoint_rows
from exporter.web.status_page.distribution import Column, distribution
from exporter.web.status_page.facts import Facts
from exporter.web.status_page.plans import plans_of
from exporter.web.status_page.routes import RouteRow, route_rows
from exporter.web.status_page.summary import Figure, Verdict, figures, verdict


@dataclass(frozen=True, slots=True)
class View:
    """What the template has; `more_routes` says how many the table leaves out."""

    version: str
    uptime: str
    region: str
    telemetry_path: str
    verdict: Verdict
    figures: Sequence[Figure]
    failures: Sequence[Failure]
    absences: Sequence[Absence]
    nothing: Nothing | None
    columns: Sequence[Column]
    routes: Sequence[RouteRow]
    more_routes: str
    checkpoints: Sequence[CheckpointRow]
    more_checkpoints: str


def view(facts: Facts, findings: Sequence[Finding], count: int) -> View:
    """Return what is said of these facts, with lists of `count` entries at most.

    `findings` are the worst checkpoints.
    """
    plans = plans_of(facts)
    routes = route_rows(facts, plans, count)
    listed = findings[:count]
    return View(
        version=__version__,
        uptime=words.duration(float(int(facts.uptime_seconds))),
        region=facts.settings.api.region,
        telemetry_path=facts.settings.web.telemetry_path,
        verdict=verdict(facts, plans),
        figures=figures(facts, plans),
        failures=failures(facts, count),
        absences=absences(facts, count),
        nothing=nothing(facts),
        columns=distribution(
            facts.statuses, lambda plan_id: plans[plan_id].lag_objective
        ),
        routes=routes,
        more_routes=_more_routes(facts, len(routes)),
        checkpoints=checkpoint_rows(listed, plans),
        more_checkpoints=_more_checkpoints(facts, len(listed)),
    )


def _more_routes(facts: Facts, listed: int) -> str:
    more = len(facts.statuses) - listed
    if not more:
        return ""
    down = sum(status.is_up is False for status in facts.statuses)
    unlisted = f", {down - listed:,} of them down" if down > listed else ""
    return f"{words.many(more, 'more route')}{unlisted}"


def _more_checkpoints(facts: Facts, listed: int) -> str:
    shown = sum(
        len(status.snapshot) - len(status.hidden)
        for status in facts.statuses
        if status.snapshot is not None
    )
    more = shown - listed
    return words.many(more, "more checkpoint") if more else ""
