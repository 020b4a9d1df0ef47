"""The dashboards are what `grafana/` says, fit together, and know the metrics."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from alerting import RULE_FILES
from dashboard_rules import LABEL_VALUES, panels, query_variables, targets
from promql_reading import names

from exporter.metrics.catalogue import ALL
from exporter.model.durations import format_duration
from exporter.model.lag import BUCKET_BOUNDS_MS
from grafana.build import ROOT, dashboards, main, stale, write

DASHBOARDS = dashboards()
UIDS = {
    "fleet": "rocketmq-dr-fleet",
    "plan": "rocketmq-dr-plan",
    "exporter": "rocketmq-dr-exporter",
}
OTHERS = {
    "ALERTS": "Prometheus, of the shipped rules",
    "scrape_samples_scraped": "Prometheus, of each scrape",
    "process_cpu_seconds_total": "prometheus_client",
    "process_max_fds": "prometheus_client",
    "process_open_fds": "prometheus_client",
    "process_resident_memory_bytes": "prometheus_client",
}
"""Metrics that are not of the catalogue, and who has them."""

VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|([a-z_]\w*))")
BUILT_IN = {"__rate_interval", "__url_time_range", "__data"}


def every_name() -> set[str]:
    """Return the name of every sample that the exporter may send."""
    endings = {
        "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
        "histogram": ("_bucket", "_count", "_sum"),
    }
    return {
        family.name + ending
        for family in ALL
        for ending in endings.get(family.kind, ("",))
    }


def used(text: str) -> set[str]:
    """Return the variables that a text names, Grafana's own left out."""
    found = {braced or plain for braced, plain in VARIABLE.findall(text)}
    return found - BUILT_IN


def test_the_committed_files_are_what_the_code_says() -> None:
    """`make check` asks the same."""
    assert main(["--check"]) == 0


def test_a_file_that_is_old_missing_or_too_many_is_told_of(tmp_path: Path) -> None:
    """Whoever changes one by hand hears of it."""
    (tmp_path / "grafana" / "dashboards").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    write(tmp_path)
    assert stale(tmp_path) == []

    folder = tmp_path / "grafana" / "dashboards"
    (folder / "fleet.json").unlink()
    (folder / "plan.json").write_text("{}", encoding="utf-8")
    (folder / "other.json").write_text("{}", encoding="utf-8")

    assert stale(tmp_path) == [
        "grafana/dashboards/fleet.json",
        "grafana/dashboards/other.json",
        "grafana/dashboards/plan.json",
    ]


def test_uids_and_titles_stay() -> None:
    """Links that people have saved lead to the same dashboard after an update."""
    assert {name: one["uid"] for name, one in DASHBOARDS.items()} == UIDS
    assert [one["title"] for one in DASHBOARDS.values()] == [
        "RocketMQ DR / Fleet",
        "RocketMQ DR / Plan",
        "RocketMQ DR / Exporter",
    ]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_it_can_be_provisioned_as_it_is_imported(name: str) -> None:
    """Classic JSON, no number of another Grafana, nothing to be filled in first."""
    dashboard = DASHBOARDS[name]

    assert {"__inputs", "__requires", "id", "version"}.isdisjoint(dashboard)
    assert dashboard["schemaVersion"] >= 36
    assert "DS_PROMETHEUS" not in json.dumps(dashboard)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_fill_the_grid_without_overlap(name: str) -> None:
    """Grafana would move what overlaps, and the page would look different."""
    cells: Counter[tuple[int, int]] = Counter()
    for panel in DASHBOARDS[name]["panels"]:
        at = panel["gridPos"]
        xs, ys = (range(at[k], at[k] + at[size]) for k, size in ("xw", "yh"))
        cells.update(product(xs, ys))

    assert set(cells.values()) == {1}
    assert max(x for x, _ in cells) == 23
    height = max(y for _, y in cells) + 1
    assert len(cells) == 24 * height


@pytest.mark.parametrize("name", DASHBOARDS)
def test_ids_and_letters_are_unique(name: str) -> None:
    """Grafana tells panels apart by number, and queries of a panel by letter."""
    ids = [panel["id"] for panel in DASHBOARDS[name]["panels"]]
    letters = [
        [target["refId"] for target in panel["targets"]]
        for panel in panels(DASHBOARDS[name])
    ]

    assert sorted(ids) == list(range(1, len(ids) + 1))
    assert all(each == list("ABCDEFGH"[: len(each)]) for each in letters)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_answers_and_tables_are_of_now_and_lines_are_not(name: str) -> None:
    """A table of a range would have a row for each moment, a line of now one dot."""
    for panel in panels(DASHBOARDS[name]):
        is_of_now = panel["type"] in {"stat", "table"}
        for target in panel["targets"]:
            assert target["instant" if is_of_now else "range"] is True
            assert not target.get("range" if is_of_now else "instant")
            kind = {"table": "table", "heatmap": "heatmap"}.get(panel["type"])
            assert target.get("format") == kind


@pytest.mark.parametrize("name", DASHBOARDS)
def test_tables_have_one_row_for_each_thing(name: str) -> None:
    """The answers of several queries are merged by their labels, time left out."""
    for panel in panels(DASHBOARDS[name]):
        if panel["type"] != "table":
            continue
        *merge, organize = panel["transformations"]
        count = len(panel["targets"])
        assert [each["id"] for each in merge] == (["merge"] if count > 1 else [])
        options = organize["options"]
        fields = (
            {"Value"} if count == 1 else {f"Value #{'ABCDE'[n]}" for n in range(count)}
        )
        assert options["excludeByName"]["Time"] is True
        assert {*options["excludeByName"], *options["renameByName"]} == {
            "Time",
            *fields,
        }


def test_a_status_is_told_by_name() -> None:
    """1 and 0 tell nobody that an item is stopped; all other answers are numbers."""
    told = {
        panel["title"]: panel["options"]["textMode"]
        for dashboard in DASHBOARDS.values()
        for panel in panels(dashboard)
        if panel["type"] == "stat"
    }

    assert told.pop("Plan and items") == "name"
    assert set(told.values()) == {"value_and_name"}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_only_known_metrics_are_asked_for(name: str) -> None:
    """A renamed metric takes the dashboards along; no recording rule is asked."""
    asked = {
        metric
        for _, target in targets(DASHBOARDS[name])
        for metric in names(target["expr"])
    }
    for variable in query_variables(DASHBOARDS[name]):
        [(selector, _)] = LABEL_VALUES.findall(variable["query"])
        asked |= names(selector)

    assert asked - set(OTHERS) <= every_name()


def test_every_other_metric_is_asked_for() -> None:
    """The list above has nothing that nobody needs."""
    asked = {
        metric
        for dashboard in DASHBOARDS.values()
        for _, target in targets(dashboard)
        for metric in names(target["expr"])
    }

    assert asked - every_name() == set(OTHERS)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_variables_are_declared_before_use_and_used(name: str) -> None:
    """A choice that changes nothing, or a name that stays a name, misleads."""
    dashboard = DASHBOARDS[name]
    declared: list[str] = []
    for variable in dashboard["templating"]["list"]:
        assert used(json.dumps(variable.get("query"))) <= set(declared)
        declared.append(variable["name"])

    assert used(json.dumps(dashboard["panels"])) == set(declared)


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
    assert len(links(DASHBOARDS["fleet"])) == 8


def test_every_alert_of_the_shipped_rules_is_shown_and_leads_to_its_runbook() -> None:
    """By its name, which is that of the page too."""
    rules = yaml.safe_load(RULE_FILES[1].read_text("utf-8"))
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    [panel] = [p for p in panels(DASHBOARDS["fleet"]) if p["title"] == "Alerts firing"]
    [shown] = re.findall(r'alertname=~"(.+?)"', panel["targets"][0]["expr"])
    [url] = re.findall(r'"url": "(https[^"]+)"', json.dumps(panel))

    assert len(alerts) > 20
    for alert in alerts:
        name = alert["alert"]
        assert re.fullmatch(shown, name)
        here = url.replace("${__data.fields.alertname:percentencode}", name)
        assert here == alert["annotations"]["runbook_url"]


def test_a_link_names_fields_that_its_table_has() -> None:
    """Grafana would leave the placeholder as it stands."""
    for panel in panels(DASHBOARDS["fleet"]):
        for field in re.findall(r"__data\.fields\.(\w+)", json.dumps(panel)):
            assert all(
                re.search(rf"by \([^)]*\b{field}\b", target["expr"])
                for target in panel["targets"]
            )


def test_each_objective_is_what_turns_red() -> None:
    """What is a share of an objective or a limit is red from all of it on."""
    for dashboard in DASHBOARDS.values():
        for panel in panels(dashboard):
            text = json.dumps(panel)
            if "rocketmq_dr_objective_seconds" not in text:
                continue
            is_line = any(t["legendFormat"] == "objective" for t in panel["targets"])
            is_share = '{"color": "red", "value": 1}' in text
            is_within = '{"color": "red", "value": null}' in text
            is_state = panel["type"] == "state-timeline"
            assert is_line or is_share or is_within or is_state, panel["title"]


def test_the_share_of_lags_names_the_objectives_that_it_can_tell_of() -> None:
    """They are the bounds of the distribution, and a new one is named too."""
    [panel] = [
        p for p in panels(DASHBOARDS["fleet"]) if p["title"] == "Within objectives"
    ]
    bounds = [
        format_duration(timedelta(milliseconds=ms)) for ms in BUCKET_BOUNDS_MS if ms > 0
    ]

    named = f"{', '.join(bounds[:-1])} or {bounds[-1]}"
    assert f"a bound of the distribution: {named}." in panel["description"]


def test_the_sidecar_and_the_provisioning_file_find_the_dashboards() -> None:
    """A ConfigMap of all of them under the usual label, and a provider of files."""
    folder = ROOT / "grafana"
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    [generator] = kustomization["configMapGenerator"]
    provisioning = folder / "provisioning" / "dashboards.yaml"
    [provider] = yaml.safe_load(provisioning.read_text("utf-8"))["providers"]

    assert generator["files"] == [f"dashboards/{name}.json" for name in DASHBOARDS]
    assert generator["options"]["labels"] == {"grafana_dashboard": "1"}
    assert provider["type"] == "file"
    assert not provider["allowUiUpdates"]
