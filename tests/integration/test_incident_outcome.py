"""An incident is played from its timeline to what fires, and what a reader is told."""

from __future__ import annotations

import pytest
from incidents.actions import lag, restart, start_prometheus, stop, stop_prometheus
from incidents.incident import HOUR, MINUTE, PLAN, Fires, Incident
from incidents.outcome import Outcome, play
from incidents.promtool import Alert, Rules
from incidents.verdict import Verdict
from paths import TESTDATA

RULES = Rules((TESTDATA / "incident_rules.yml",))
WITH_ABSENT = Rules((*RULES.files, TESTDATA / "incident_absent.yml"))


def test_what_befalls_the_cloud_fires_in_promtool_to_the_minute() -> None:
    """From a lag in the API's answers to an alert about its plan."""
    incident = Incident(
        "a lag",
        HOUR / 2,
        {10 * MINUTE: lag(400, plan=PLAN)},
        fires=[
            Fires("Behind", 12 * MINUTE, 14 * MINUTE, labels={"plan_id": PLAN}),
        ],
    )

    outcome = play(incident, RULES)

    assert (outcome.verdict.missed, outcome.verdict.false) == ([], [])
    assert len(outcome.verdict.firings) == 1
    assert [alert.at for alert in outcome.at_its_worst] == [
        outcome.verdict.firings[0].since
    ]
    assert outcome.unrendered == []


def test_what_a_reader_would_be_told_rubbish_by_is_found() -> None:
    """While the exporter is down, what its annotations ask for is not there."""
    outcome = play(Incident("down", 5 * MINUTE, {2 * MINUTE: stop()}), RULES)

    assert {firing.name for firing in outcome.verdict.firings} == {"Down"}
    assert outcome.unrendered == outcome.alerts


def test_a_restart_between_two_scrapes_is_not_seen_by_up() -> None:
    """It looks like an exporter that is down, and is none."""
    outcome = play(Incident("restart", 5 * MINUTE, {130.0: restart()}), RULES)

    assert outcome.verdict.firings == []
    assert outcome.at_its_worst == []


def test_while_prometheus_is_down_no_rule_is_evaluated() -> None:
    """Nobody is told that nothing is scraped, and what fires before goes on after."""
    short = {
        0.0: lag(400, plan=PLAN),
        4 * MINUTE: stop_prometheus(),
        8 * MINUTE: start_prometheus(),
    }
    long = {4 * MINUTE: stop_prometheus(), 14 * MINUTE: start_prometheus()}

    outcome = play(Incident("short", 10 * MINUTE, short), WITH_ABSENT)
    silent = play(Incident("long", 16 * MINUTE, long), WITH_ABSENT)

    (behind,) = outcome.verdict.firings
    assert (behind.name, behind.since, behind.until) == ("Behind", 2 * MINUTE, None)
    assert {alert.at / MINUTE for alert in outcome.alerts} == {2, 3, 8, 9, 10}
    assert silent.alerts == []


@pytest.mark.parametrize("text", ["by <no value>", "<error expanding x", "%!d(x)"])
def test_every_trace_of_a_failed_template_is_rubbish(text: str) -> None:
    """Whatever text/template leaves behind, in any annotation."""
    incident = Incident("told badly", MINUTE)
    told = [Alert(0, (), (("summary", words),)) for words in ("Behind.", text)]
    outcome = Outcome(incident, [], told, Verdict(incident, []), 0)

    assert outcome.unrendered == told[1:]
