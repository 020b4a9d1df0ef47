"""By the shipped rules each incident wakes whom it should, in time, and nobody else."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from alerting import ALERTMANAGER
from incidents.alertmanager import judge
from incidents.incident import Incident
from incidents.library import LIBRARY, RULES
from incidents.outcome import Outcome, play
from incidents.proofs import noted, times, unproven
from incidents.verdict import precision, recall

CPU_SECONDS = 2.0


@cache
def outcome_of(number: int) -> Outcome:
    """Play an incident of the library, once for all that is asked of it."""
    return play(LIBRARY[number], RULES)


def outcomes() -> list[Outcome]:
    """Return what came of the whole library."""
    return [outcome_of(number) for number in range(len(LIBRARY))]


@pytest.mark.parametrize(
    "number", range(len(LIBRARY)), ids=lambda number: LIBRARY[number].name
)
def test_an_incident_wakes_whom_it_should_and_nobody_else(number: int) -> None:
    """What fires is what is declared, told in whole sentences, and found in no time."""
    outcome = outcome_of(number)

    verdict = outcome.verdict
    is_right = not verdict.missed and not verdict.false
    assert is_right, str(verdict)
    assert outcome.unrendered == []
    assert outcome.cpu_seconds < CPU_SECONDS


def test_precision_and_recall_over_the_library_are_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No false alarm, and nothing missed; the figures are printed."""
    played = outcomes()
    verdicts = [outcome.verdict for outcome in played]
    shares = precision(verdicts), recall(verdicts)

    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(played)} incidents, {sum(len(v.firings) for v in verdicts)} "
            f"alerts: precision {shares[0]:.3f}, recall {shares[1]:.3f}; "
            f"{max(outcome.cpu_seconds for outcome in played):.1f} s for the longest\n"
        )
    assert shares == (1, 1)


def test_every_rule_fires_in_an_incident() -> None:
    """A rule that never did may never do."""
    measured = times([outcome.verdict for outcome in outcomes()], RULES)

    assert unproven(measured, RULES) == set()


def test_every_alert_is_silent_in_an_incident_that_looks_like_it() -> None:
    """What an incident only looks like does not fire in it, and is an alert."""
    alike = {alert: incident for incident in LIBRARY for alert in incident.looks_like}
    wrong = [
        (outcome.incident.name, firing.name)
        for outcome in outcomes()
        for firing in outcome.verdict.firings
        if firing.name in outcome.incident.looks_like
    ]

    assert wrong == []
    assert set(RULES.alerts) == alike.keys()


def test_incidents_are_told_apart_by_their_names() -> None:
    """The documents name the incident that proves an alert."""
    names = [incident.name for incident in LIBRARY]

    assert len(set(names)) == len(names)


def test_what_the_documents_say_was_measured_is_what_is_measured() -> None:
    """`make incidents` notes the times anew."""
    assert times([outcome.verdict for outcome in outcomes()], RULES) == noted()


@pytest.fixture
def played() -> list[Outcome]:
    """Return what came of the library, played before any event loop runs."""
    return outcomes()


async def test_alertmanager_holds_back_what_says_no_more_than_another(
    played: list[Outcome], tmp_path: Path
) -> None:
    """At the worst of each incident, by the inhibitions that are shipped."""
    wrong = {}
    config = yaml.safe_load(ALERTMANAGER.read_text())
    async with judge(config, tmp_path) as server:
        for outcome in played:
            worst = [alert.labels for alert in outcome.at_its_worst]
            held_back = await server.inhibited(worst)
            names = {dict(labels)["alertname"] for labels in held_back}
            if names != set(outcome.incident.inhibited):
                wrong[outcome.incident.name] = names

    assert wrong == {}


def broken(incident: Incident) -> Incident:
    """Return an incident in which nothing befalls anybody."""
    return Incident(incident.name, incident.lasts, fires=incident.fires)


def test_where_nothing_happens_what_is_declared_is_missed() -> None:
    """The library itself can fail: its incidents are what makes alerts fire."""
    verdict = play(broken(LIBRARY[0]), RULES).verdict

    assert verdict.missed == list(LIBRARY[0].fires)
    assert verdict.firings == []
