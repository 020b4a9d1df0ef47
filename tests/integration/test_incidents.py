"""By the shipped rules each incident wakes whom it should, in time, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml
from alerting import ALERTMANAGER
from incidents.alertmanager import judge
from incidents.incident import Fires, Incident, alerts
from incidents.library import LIBRARY, RULES
from incidents.promtool import Labels
from incidents.verdict import play

# The exporter has no metrics of copying yet: test_alerting.py has series of them.
ELSEWHERE = {"RocketMQDRCopyDelayed"}

HeldBack = Callable[[list[Labels]], set[Labels]]


@pytest.fixture(scope="module")
def held_back(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldBack]:
    """Return which alerts the real Alertmanager holds back, as it is shipped."""
    config = yaml.safe_load(ALERTMANAGER.read_text())
    with asyncio.Runner() as runner:
        running = judge(config, tmp_path_factory.mktemp("alertmanager"))
        server = runner.run(running.__aenter__())
        yield lambda alerts: runner.run(server.inhibited(alerts))
        runner.run(running.__aexit__(None, None, None))


@pytest.mark.parametrize("incident", LIBRARY, ids=lambda incident: incident.name)
def test_an_incident_wakes_whom_it_should_and_nobody_else(
    incident: Incident, held_back: HeldBack
) -> None:
    """What fires is what is declared, in whole sentences; symptoms are held back."""
    verdict = play(incident, RULES)

    assert not verdict.missed, str(verdict)
    assert not verdict.false, str(verdict)
    assert verdict.unrendered == []
    assert {each.name for each in verdict.firings}.isdisjoint(
        alerts(incident.looks_like)
    )
    symptoms = held_back(verdict.at_its_worst)
    assert {dict(each)["alertname"] for each in symptoms} == alerts(incident.inhibited)


def is_of(rule: Mapping[str, Any], fires: Fires) -> bool:
    """Tell whether a rule makes this alert; rules of one name differ in two labels."""
    severity, window = fires.labels.get("severity"), fires.labels.get("long")
    return (
        fires.alert == rule["alert"]
        and severity in {None, rule["labels"]["severity"]}
        and (window is None or f'"{window}"' in rule["expr"])
    )


def test_every_rule_is_declared_to_fire_in_an_incident() -> None:
    """A rule that never fired may never fire; one alert may have several rules."""
    declared = [fires for each in LIBRARY for fires in each.fires]
    unproven = [
        (rule["alert"], rule["labels"])
        for rule in RULES.alerting
        if rule["alert"] not in ELSEWHERE
        and not any(is_of(rule, fires) for fires in declared)
    ]

    assert unproven == []


def test_every_alert_is_silent_in_an_incident_that_looks_like_it() -> None:
    """A name that is no alert's would be silent for ever."""
    assert set(RULES.alerts) - ELSEWHERE == alerts(
        " ".join(incident.looks_like for incident in LIBRARY)
    )


def test_where_nothing_happens_what_is_declared_is_missed() -> None:
    """The library itself can fail: its incidents are what makes alerts fire."""
    first = LIBRARY[0]
    verdict = play(Incident(first.name, first.lasts, fires=first.fires), RULES)

    assert verdict.missed == list(first.fires)
    assert verdict.firings == []
