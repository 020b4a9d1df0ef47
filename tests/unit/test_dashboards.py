"""The committed dashboards fit together, and know the metrics and the alerts."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import product
from typing import Any

import promql
import pytest
import yaml
from alerting import RULE_FILES
from paths import ROOT
from promql import LABEL_VALUES, panels, query_variables

FOLDER = ROOT / "grafana"
DASHBOARDS: dict[str, Any] = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((FOLDER / "dashboards").glob("*.json"))
}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|([a-z_]\w*))")
BUILT_IN = {"__rate_interval", "__url_time_range", "__data"}

of_each = pytest.mark.parametrize("name", DASHBOARDS)
of_each_query = pytest.mark.parametrize(
    "expression",
    [
        pytest.param(target["expr"], id=f"{name}: {panel['title']}")
        for name, dashboard in DASHBOARDS.items()
        for panel in panels(dashboard)
        for target in panel["targets"]
    ],
)


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
def test_panels_fill_the_grid_and_have_ids_of_their_own(name: str) -> None:
    """Grafana moves panels that overlap, and confuses two of one id."""
    ids = [panel["id"] for panel in DASHBOARDS[name]["panels"]]
    assert len(set(ids)) == len(ids)
    cells: Counter[tuple[int, int]] = Counter()
    for panel in DASHBOARDS[name]["panels"]:
        at = panel["gridPos"]
        xs, ys = (range(at[k], at[k] + at[size]) for k, size in ("xw", "yh"))
        cells.update(product(xs, ys))

    assert set(cells.values()) == {1}
    assert len(cells) == 24 * (max(y for _, y in cells) + 1)


@of_each
def test_only_numbers_and_tables_are_of_one_moment(name: str) -> None:
    """A table of a range would have a row per moment, a line of one moment a dot."""
    for panel in panels(DASHBOARDS[name]):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
        is_of_now = panel["type"] in {"stat", "table"}
        for target in panel["targets"]:
            assert target["instant" if is_of_now else "range"] is True
            assert not target.get("range" if is_of_now else "instant")
            kind = {"table": "table", "heatmap": "heatmap"}.get(panel["type"])
            assert target.get("format") == kind


@of_each_query
def test_a_query_uses_known_metrics_of_the_chosen_exporters(expression: str) -> None:
    """A metric that is renamed must be renamed here, too."""
    assert promql.names(expression) <= promql.exported() | promql.OTHERS
    for selector in promql.selectors(expression):
        # The shipped rules aggregate job and instance away.
        if selector.name != "ALERTS":
            wanted = {'job=~"$job"', 'instance=~"$instance"'}
            assert wanted <= promql.matchers(selector)


@of_each_query
def test_counters_are_rates_over_grafana_s_interval(expression: str) -> None:
    """A range by hand is empty for a slow scrape, a counter by itself says nothing."""
    ranges = promql.ranges(expression)
    spans = {span for function, _, span in ranges if "rate" in function}
    counters = {name for name in promql.names(expression) if name.endswith("_total")}

    assert spans <= {promql.STAND_IN}
    assert counters <= {metric for _, metric, _ in ranges}


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
        for selector, _ in LABEL_VALUES.findall(variable["query"]):
            assert promql.names(selector) <= promql.exported()


def test_links_lead_to_dashboards_and_choices_that_exist() -> None:
    """From each dashboard to the others; a table's link names fields that it has."""
    variables = {
        one["uid"]: {v["name"] for v in one["templating"]["list"]}
        for one in DASHBOARDS.values()
    }
    for dashboard in DASHBOARDS.values():
        urls = {link["url"] for link in dashboard["links"]}
        for panel in panels(dashboard):
            found = re.findall(r'"url": "(/[^"]+)"', json.dumps(panel))
            urls |= set(found)
            for field in re.findall(r"__data\.fields\.(\w+)", "".join(found)):
                for target in panel["targets"]:
                    assert field in promql.labels(target["expr"])
        for url in urls:
            uid = url.removeprefix("/d/").partition("?")[0]
            chosen = re.findall(r"var-(\w+)=\$\{__data\.fields\.(\w+):", url)
            assert {name for name, _ in chosen} <= variables[uid]
            assert all(field in {name, f"{name}_id"} for name, field in chosen)
        uids = {url.removeprefix("/d/").partition("?")[0] for url in urls}
        assert uids == set(variables) - {dashboard["uid"]}


def test_the_fleet_lists_every_shipped_alert_with_its_runbook() -> None:
    """The runbook has the alert's name."""
    rules = [
        rule
        for file in RULE_FILES
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]
    alerts = [rule for rule in rules if "alert" in rule]
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
