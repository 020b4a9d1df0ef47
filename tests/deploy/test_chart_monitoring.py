"""The Helm chart: what Prometheus Operator and Grafana find."""

from __future__ import annotations

import json

import pytest
import yaml
from manifests import (
    DEPLOY,
    Manifest,
    of_kind,
    only,
    templated,
)
from paths import ROOT

pytestmark = [pytest.mark.go]


def rules() -> list[Manifest]:
    """Return the groups of the repository's rules."""
    files = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
    return [
        group for file in files for group in yaml.safe_load(file.read_text())["groups"]
    ]


def test_a_service_monitor_finds_the_service() -> None:
    """By its labels, its namespace and its port's name."""
    made = templated("full")
    monitor, service = only("ServiceMonitor", made), only("Service", made)
    (endpoint,) = monitor["spec"]["endpoints"]
    (port,) = service["spec"]["ports"]

    labels = service["metadata"]["labels"]
    # And by no label that a new version changes.
    assert monitor["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["tools"]}
    assert monitor["metadata"]["namespace"] == "monitoring"
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert endpoint["port"] == port["name"]
    assert port["port"] == 9999
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("1m", "20s")
    assert set(endpoint) >= {"relabelings", "metricRelabelings"}


def test_the_rules_are_the_repository_s_own() -> None:
    """Every group and rule, to the letter."""
    made = only("PrometheusRule", templated("observed"))

    assert made["spec"]["groups"] == rules()


def test_rules_can_be_left_out_labelled_and_added() -> None:
    """Without an alert, with a label on each, beside a group of one's own."""
    *ours, mine = only("PrometheusRule", templated("full"))["spec"]["groups"]
    made = [rule for group in ours for rule in group["rules"]]
    wanted = [
        {**rule, "labels": {**rule["labels"], "team": "sre"}}
        if "alert" in rule
        else rule
        for group in rules()
        for rule in group["rules"]
        if rule.get("alert") != "RocketMQDRClockSkew"
    ]

    assert mine["name"] == "mine"
    assert made == wanted
    assert len(made) == sum(len(group["rules"]) for group in rules()) - 1


def test_a_label_of_one_s_own_goes_before_a_rule_s() -> None:
    """Such as a severity that another Alertmanager routes by."""
    given = ("--set", "prometheusRule.additionalRuleLabels.severity=page")
    groups = only("PrometheusRule", templated("observed", *given))["spec"]["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]

    assert {rule["labels"]["severity"] for rule in alerts} == {"page"}


def test_a_group_of_which_every_alert_is_left_out_is_left_out() -> None:
    """One without rules says nothing."""
    group = next(
        group for group in rules() if all("alert" in rule for rule in group["rules"])
    )
    alerts = ",".join(rule["alert"] for rule in group["rules"])
    given = f"prometheusRule.disabled={{{alerts}}}"

    made = only("PrometheusRule", templated("observed", "--set", given))

    assert made["spec"]["groups"] == [each for each in rules() if each != group]


def test_the_dashboards_are_the_repository_s_own() -> None:
    """Each in a ConfigMap that Grafana's sidecar finds."""
    maps = [
        each
        for each in of_kind("ConfigMap", templated("observed"))
        if each["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]
    made = [json.loads(text) for each in maps for text in each["data"].values()]
    files = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))

    assert files
    assert made == [json.loads(file.read_text()) for file in files]
    assert {each["metadata"]["annotations"]["grafana_folder"] for each in maps} == {
        "RocketMQ DR"
    }
    # Of what the sidecar takes from many ConfigMaps, it makes one folder of files.
    names = [name for each in maps for name in each["data"]]
    assert len(set(names)) == len(names)
    # Beside everybody else's.
    assert all(name.startswith("rocketmq-dr-") for name in names)
