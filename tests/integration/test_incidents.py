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

SYNC = ("SyncStalled", "SyncDelayed", "GroupNotOnTarget", "CopyDelayed")

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
    symptoms = [dict(each) for each in held_back(verdict.at_its_worst)]
    assert {
        each["alertname"] + "!" * (each["severity"] == "critical") for each in symptoms
    } == alerts(incident.inhibited)


PLAN, ITEM, ROUTE = "plan_id", "plan_id item_id", "plan_id item_id source_instance_id"
# A cause, its symptoms, a page with a "!", with the labels that they have, and those in
# which they have to agree, the job apart.
HIDES = [
    ("PlanDown!", PLAN, "ItemStopped!", ITEM, PLAN),
    *(("PlanDown!", PLAN, f"{sync}!", ROUTE, PLAN) for sync in SYNC),
    ("PlanDown!", PLAN, "ObjectiveBurn!", PLAN, PLAN),
    *(("ItemStopped!", ITEM, f"{sync}!", ROUTE, ITEM) for sync in SYNC[:3]),
    *(("ItemStopped", ITEM, sync, ROUTE, ITEM) for sync in SYNC[:3]),
    ("SyncStalled!", PLAN, "SyncDelayed", ROUTE, PLAN),
    *(
        (cause, "", symptom, ROUTE, "")
        for cause in ("ExporterDown!", "AccessRefused!")
        for symptom in ("DataStale!", "ExporterDegraded")
    ),
    ("AccessRefused", PLAN, "DataStale", ROUTE, PLAN),
    ("DataStale!", ROUTE, "SyncStalled!", ROUTE, ROUTE),
    ("DataStale!", ROUTE, "SyncDelayed!", ROUTE, ROUTE),
    ("ShardMissing!", "", "CheckpointsVanished", ROUTE, ""),
    ("SyncDelayed!", ROUTE, "SyncDelayed", ROUTE, ROUTE),
    ("DataStale!", ROUTE, "DataStale", ROUTE, ROUTE),
    ("SyncStalled!", PLAN, "SyncStalled", ROUTE, PLAN),
    ("CopyDelayed!", PLAN, "CopyDelayed", PLAN, PLAN),
    ("ObjectiveBurn!", PLAN, "ObjectiveBurn", PLAN, PLAN),
]
SHOWS = [
    ("ItemStopped", ITEM, "SyncDelayed!", ROUTE),
    ("ItemStopped!", ITEM, "SyncStalled!", PLAN),
    ("SyncStalled", ROUTE, "SyncDelayed", ROUTE),
    ("SyncStalled!", PLAN, "SyncDelayed!", ROUTE),
    ("ExporterDown!", "instance", "DataStale!", ROUTE),
    ("AccessRefused", PLAN, "DataStale!", ROUTE),
    ("AccessRefused", PLAN, "ExporterDegraded", ""),
    ("DataStale", ROUTE, "SyncDelayed", ROUTE),
]


def told(name: str, labels: str, job: str, other: str = "") -> Labels:
    """Return an alert of a job; of another thing, by the label that says so."""
    named = {"alertname": f"RocketMQDR{name.rstrip('!')}", "job": job}
    named["severity"] = "critical" if name.endswith("!") else "warning"
    named |= {label: "2" if label == other else "1" for label in labels.split()}
    return tuple(sorted(named.items()))


def test_a_cause_hides_its_symptoms_and_nothing_else(held_back: HeldBack) -> None:
    """Those of the same thing, and none that is worse; each pair has its own job."""
    alerts, hidden = [], set()
    for job, (cause, its, symptom, labels, agree) in enumerate(HIDES):
        for other in ("", *agree.split()):
            name = f"{job} {other}"
            alerts += [told(cause, its, name), told(symptom, labels, name, other)]
            if not other:
                hidden.add(alerts[-1])
        alerts.append(told(symptom, labels, f"{job} elsewhere"))
    for job, (cause, its, symptom, labels) in enumerate(SHOWS):
        name = f"shows {job}"
        alerts += [told(cause, its, name), told(symptom, labels, name)]

    assert held_back(alerts) == hidden


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
