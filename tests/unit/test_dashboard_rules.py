"""The committed dashboards keep every rule of dashboard-linter."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from dashboard_rules import RULES
from paths import ROOT

FOLDER = ROOT / "grafana" / "dashboards"
DASHBOARDS = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted(FOLDER.glob("*.json"))
}

Break = Callable[[dict[str, Any]], object]


def exclusions(rule: str) -> list[str]:
    """Return the complaints of a rule that .lint has a reason for, by their start."""
    text = (FOLDER / ".lint").read_text(encoding="utf-8")
    entry = yaml.safe_load(text)["exclusions"].get(rule, {"reason": "-", "entries": []})
    assert entry["reason"]
    return [
        f"{each['dashboard']}: {each['panel']} does not heed"
        for each in entry["entries"]
    ]


def complaints(rule: str) -> list[str]:
    """Return what a rule has to say of all dashboards."""
    return [
        f"{dashboard['title']}: {complaint}"
        for dashboard in DASHBOARDS.values()
        for complaint in RULES[rule](dashboard)
    ]


@pytest.mark.parametrize("rule", RULES)
def test_the_dashboards_keep_the_rule(rule: str) -> None:
    """What breaks it is what .lint names, and nothing in .lint is out of date."""
    found = complaints(rule)
    excluded = exclusions(rule)

    assert len(found) == len(excluded)
    assert all(map(str.startswith, sorted(found), sorted(excluded)))


def test_there_are_seventeen_rules() -> None:
    """All that the linter has at the time of writing."""
    assert len(RULES) == 17


def panel(dashboard: dict[str, Any]) -> dict[str, Any]:
    """Return the last panel of a dashboard."""
    last: dict[str, Any] = dashboard["panels"][-1]
    return last


def ask(expression: str, source: str = "prometheus") -> Break:
    """Return a break that makes a panel ask something else."""

    def change(dashboard: dict[str, Any]) -> None:
        [*_, target] = panel(dashboard)["targets"]
        target["expr"] = expression
        target["datasource"] = {"type": source, "uid": "${datasource}"}

    return change


def variable(number: int, **changes: Any) -> Break:
    """Return a break of a variable."""
    return lambda dashboard: dashboard["templating"]["list"][number].update(changes)


BOTH = 'job=~"$job", instance=~"$instance"'
BREAKS: list[tuple[str, Break]] = [
    ("template-datasource-rule", variable(0, label="Source")),
    ("template-datasource-rule", variable(0, name="prometheus")),
    ("template-job-rule", variable(1, allValue=".*")),
    ("template-job-rule", variable(1, multi=False)),
    ("template-job-rule", variable(1, datasource={"uid": "prometheus"})),
    ("template-instance-rule", variable(2, label="instance")),
    ("template-label-promql-rule", variable(1, query="label_values(up{, job)")),
    ("template-label-promql-rule", variable(1, query={"query": "label_values(job)"})),
    ("template-on-time-change-reload-rule", variable(2, refresh=1)),
    ("panel-datasource-rule", lambda d: panel(d).update(datasource={"uid": "x"})),
    ("panel-datasource-rule", lambda d: panel(d).update(targets=[{}])),
    ("panel-title-description-rule", lambda d: panel(d).update(description="")),
    ("panel-title-description-rule", lambda d: panel(d).pop("title")),
    ("panel-units-rule", lambda d: panel(d)["fieldConfig"]["defaults"].pop("unit")),
    (
        "panel-units-rule",
        lambda d: panel(d)["fieldConfig"].update(
            overrides=[{"properties": [{"id": "unit", "value": "sec"}]}]
        ),
    ),
    ("panel-no-targets-rule", lambda d: panel(d).update(targets=[])),
    ("target-promql-rule", ask(f"sum(up{{{BOTH}}}")),
    ("target-logql-rule", ask('{app="x"}', source="loki")),
    ("target-logql-auto-rule", ask('rate({app="x"}[5m])', source="loki")),
    ("target-rate-interval-rule", ask(f"rate(a_total{{{BOTH}}}[5m])")),
    ("target-rate-interval-rule", ask(f"irate(a_total{{{BOTH}}}[5m])")),
    ("target-job-rule", ask('up{instance=~"$instance"}')),
    ("target-job-rule", ask(f'up{{{BOTH}}} + up{{job="$job", {BOTH[12:]}}}')),
    ("target-instance-rule", ask('up{job=~"$job"}')),
    ("target-counter-agg-rule", ask(f"sum(a_total{{{BOTH}}})")),
    ("target-counter-agg-rule", ask(f"delta(a_total{{{BOTH}}}[$__rate_interval])")),
    ("uneditable-dashboard", lambda d: d.update(editable=True)),
    ("uneditable-dashboard", lambda d: d.pop("editable")),
]


@pytest.mark.parametrize(("rule", "change"), BREAKS)
def test_a_dashboard_that_breaks_the_rule_is_complained_of(
    rule: str, change: Break
) -> None:
    """Else the rule would hold because it looks at nothing."""
    good = DASHBOARDS["exporter"]
    bad = copy.deepcopy(good)
    change(bad)

    assert list(RULES[rule](good)) == []
    assert len(list(RULES[rule](bad))) == 1


def test_every_rule_is_broken_once() -> None:
    """A new rule comes with a dashboard that breaks it."""
    assert {rule for rule, _ in BREAKS} == set(RULES)
