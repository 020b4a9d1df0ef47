"""The committed dashboards fit together, and know the metrics and the alerts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any

import promql
import pytest
import yaml
from alerting import RULE_FILES
from grafana_client import LABEL_VALUES, panels, query_variables
from paths import ROOT

FOLDER = ROOT / "grafana"
DASHBOARDS: dict[str, Any] = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((FOLDER / "dashboards").glob("*.json"))
}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|([a-z_]\w*))")
BUILT_IN = {"__rate_interval", "__url_time_range", "__data"}

of_each = pytest.mark.parametrize("name", DASHBOARDS)


def expressions(name: str) -> Iterator[tuple[str, str]]:
    """Yield each query of a dashboard, with the title of its panel."""
    for panel in panels(DASHBOARDS[name]):
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def used(text: str) -> set[str]:
    """Return the variables that a text names, Grafana's own left out."""
    found = {braced or plain for braced, plain in VARIABLE.findall(text)}
    return found - BUILT_IN


def test_uids_and_titles_stay() -> None:
    """Links that people have saved lead to the same dashboard after an update."""
    assert {one["uid"]: one["title"] for one in DASHBOARDS.values()} == {
        "rocketmq-dr-fleet": "RocketMQ DR / Fleet",
        "rocketmq-dr-plan": "RocketMQ DR / Plan",
        "rocketmq-dr-exporter": "RocketMQ DR / Exporter",
    }


@of_each
def test_it_can_be_provisioned_as_it_is_imported(name: str) -> None:
    """No number of another Grafana, and nothing to be filled in first."""
    dashboard = DASHBOARDS[name]

    assert {"__inputs", "__requires", "id", "version"}.isdisjoint(dashboard)
    for panel in panels(dashboard):
        assert panel["targets"]
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == DATASOURCE


@of_each
def test_panels_fill_the_grid_without_overlap(name: str) -> None:
    """Grafana would move what overlaps."""
    cells: Counter[tuple[int, int]] = Counter()
    for panel in DASHBOARDS[name]["panels"]:
        at = panel["gridPos"]
        xs, ys = (range(at[k], at[k] + at[size]) for k, size in ("xw", "yh"))
        cells.update(product(xs, ys))

    assert set(cells.values()) == {1}
    assert len(cells) == 24 * (max(y for _, y in cells) + 1)


@of_each
def test_ids_and_letters_are_unique(name: str) -> None:
    """Grafana tells panels apart by number, and queries of a panel by letter."""
    ids = [panel["id"] for panel in DASHBOARDS[name]["panels"]]

    assert len(set(ids)) == len(ids)
    for panel in panels(DASHBOARDS[name]):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


@of_each
def test_answers_and_tables_are_of_now_and_lines_are_not(name: str) -> None:
    """A table of a range would have a row for each moment, a line of now one dot."""
    for panel in panels(DASHBOARDS[name]):
        is_of_now = panel["type"] in {"stat", "table"}
        for target in panel["targets"]:
            assert target["instant" if is_of_now else "range"] is True
            assert not target.get("range" if is_of_now else "instant")
            kind = {"table": "table", "heatmap": "heatmap"}.get(panel["type"])
            assert target.get("format") == kind


@of_each
def test_only_known_metrics_are_asked_for(name: str) -> None:
    """A renamed metric takes the dashboards along; no recording rule is asked."""
    asked = [expression for _, expression in expressions(name)]
    for variable in query_variables(DASHBOARDS[name]):
        asked += [selector for selector, _ in LABEL_VALUES.findall(variable["query"])]

    found = set().union(*map(promql.names, asked))
    assert found <= promql.exported() | promql.OTHERS


@of_each
def test_every_query_heeds_job_and_instance(name: str) -> None:
    """The shipped rules aggregate them away, so alerts are left out."""
    wanted = {'job=~"$job"', 'instance=~"$instance"'}
    for title, expression in expressions(name):
        for selector in promql.selectors(expression):
            is_alert = selector.name == "ALERTS"
            assert is_alert or wanted <= promql.matchers(selector), title


@of_each
def test_counters_are_taken_as_rates_over_grafanas_interval(name: str) -> None:
    """A range by hand is empty for a slow scrape, a counter by itself says nothing."""
    for title, expression in expressions(name):
        rates = [one for one in promql.ranges(expression) if "rate" in one[0]]
        assert {span for _, _, span in rates} <= {promql.STAND_IN}, title
        counters = {n for n in promql.names(expression) if n.endswith("_total")}
        assert counters <= {metric for _, metric, _ in promql.ranges(expression)}, title


@of_each
def test_variables_are_declared_before_use_used_and_read_again(name: str) -> None:
    """A choice that changes nothing, or a name that stays a name, misleads."""
    dashboard = DASHBOARDS[name]
    declared: list[str] = []
    for variable in dashboard["templating"]["list"]:
        assert used(json.dumps(variable.get("query"))) <= set(declared)
        declared.append(variable["name"])

    assert used(json.dumps(dashboard["panels"])) == set(declared)
    for variable in query_variables(dashboard):
        assert variable["refresh"] == 2, "read when the time range changes"


def links(dashboard: dict[str, Any]) -> list[str]:
    """Return where a dashboard leads."""
    fields = re.findall(r'"url": "(/[^"]+)"', json.dumps(dashboard["panels"]))
    return [*(link["url"] for link in dashboard["links"]), *fields]


def test_links_lead_to_dashboards_and_choices_that_are_there() -> None:
    """From any dashboard to the others, and from the tables to the plan."""
    variables = {
        one["uid"]: {v["name"] for v in one["templating"]["list"]}
        for one in DASHBOARDS.values()
    }
    for dashboard in DASHBOARDS.values():
        elsewhere = set()
        for url in links(dashboard):
            uid, _, query = url.removeprefix("/d/").partition("?")
            elsewhere.add(uid)
            chosen = re.findall(r"var-(\w+)=\$\{__data\.fields\.(\w+):", query)
            assert {name for name, _ in chosen} <= variables[uid]
            assert all(field in {name, f"{name}_id"} for name, field in chosen)
        assert elsewhere == set(variables) - {dashboard["uid"]}


def test_a_link_names_fields_that_its_table_has() -> None:
    """Grafana would leave the placeholder as it stands."""
    for panel in panels(DASHBOARDS["fleet"]):
        for field in re.findall(r"__data\.fields\.(\w+)", json.dumps(panel)):
            for target in panel["targets"]:
                assert field in promql.labels(target["expr"])


def test_every_alert_of_the_shipped_rules_is_there_and_leads_to_its_runbook() -> None:
    """By its name, which is that of the page too."""
    rules = yaml.safe_load(RULE_FILES[1].read_text("utf-8"))
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    [panel] = [p for p in panels(DASHBOARDS["fleet"]) if p["title"] == "Alerts firing"]
    [asked] = re.findall(r'alertname=~"(.+?)"', panel["targets"][0]["expr"])
    [url] = re.findall(r'"url": "(https[^"]+)"', json.dumps(panel))

    for alert in alerts:
        name = alert["alert"]
        assert re.fullmatch(asked, name)
        here = url.replace("${__data.fields.alertname:percentencode}", name)
        assert here == alert["annotations"]["runbook_url"]


def test_the_sidecar_and_the_provisioning_file_find_the_dashboards() -> None:
    """A ConfigMap of all of them under the usual label, and a provider of files."""
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
    [generator] = kustomization["configMapGenerator"]
    provisioning = FOLDER / "provisioning" / "dashboards.yaml"
    [provider] = yaml.safe_load(provisioning.read_text("utf-8"))["providers"]

    files = {f"dashboards/{name}.json" for name in DASHBOARDS}
    assert set(generator["files"]) == files
    assert generator["options"]["labels"] == {"grafana_dashboard": "1"}
    assert provider["type"] == "file"
