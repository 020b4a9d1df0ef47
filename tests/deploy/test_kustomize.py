"""The kustomizations, by the real kustomize: what each overlay makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from manifests import (
    DEPLOY,
    OVERLAYS,
    VERSIONS,
    Manifest,
    container,
    faults,
    kustomized,
    mentions,
    of_kind,
    only,
    pods,
    rights,
    unrestricted,
    variables,
    workloads,
)
from paths import ROOT
from pod_settings import SECRET, told

from exporter import __version__
from exporter.config import parse_duration

NAME = "rocketmq-dr-exporter"
CASES = [overlay.name for overlay in OVERLAYS]
WITH_A_KEY = sorted(set(CASES) - {"simulated"})


def workload(overlay: str) -> Manifest:
    """Return the only workload of an overlay."""
    (found,) = workloads(kustomized(overlay))
    return found


def test_there_is_an_overlay_for_each_way_to_run_it() -> None:
    """What docs/deploy.md tells of is there."""
    assert CASES == ["ha", "sharded", "simulated", "single"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_kubernetes_would_take_it(case: str, version: str) -> None:
    """No key is unknown, misplaced or of another type."""
    assert faults(kustomized(case), version) == []


@pytest.mark.parametrize("case", CASES)
def test_its_pods_are_restricted(case: str) -> None:
    """A namespace that enforces the pod security standard *restricted* takes them."""
    (pod,) = pods(kustomized(case))

    assert unrestricted(pod) == []
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is (case == "ha")


@pytest.mark.parametrize("case", CASES)
def test_the_exporter_understands_what_it_is_told(case: str, tmp_path: Path) -> None:
    """Each variable and flag names a setting, and the file is good."""
    assert told(workload(case), kustomized(case), tmp_path).warnings == ()


@pytest.mark.parametrize("case", CASES)
def test_everything_selects_the_same_pods(case: str) -> None:
    """Workload, Service, budget and policy; and the monitor selects the Service."""
    made = kustomized(case)
    labels = {"app.kubernetes.io/name": NAME}
    spec = workload(case)["spec"]

    assert spec["selector"]["matchLabels"] == labels
    assert spec["template"]["metadata"]["labels"].items() >= labels.items()
    assert only("Service", made)["spec"]["selector"] == labels
    budget, policy = only("PodDisruptionBudget", made), only("NetworkPolicy", made)
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    for monitor in of_kind("ServiceMonitor", made):
        assert monitor["spec"]["selector"]["matchLabels"] == labels
        assert only("Service", made)["metadata"]["labels"].items() >= labels.items()
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] == "http"
        # The operator ignores a monitor that waits longer than it pauses.
        timeout, interval = endpoint["scrapeTimeout"], endpoint["interval"]
        assert parse_duration(timeout) <= parse_duration(interval)


@pytest.mark.parametrize("case", CASES)
def test_probes_ask_what_the_contract_has_for_them(case: str) -> None:
    """Liveness never depends on the cloud."""
    (pod,) = pods(kustomized(case))
    found = container(pod)

    assert found["livenessProbe"]["httpGet"] == {"path": "/-/healthy", "port": "http"}
    assert found["readinessProbe"]["httpGet"] == {"path": "/-/ready", "port": "http"}
    assert found["ports"] == [{"name": "http", "containerPort": 10063}]
    assert found["image"] == f"{NAME}:{__version__}"


@pytest.mark.parametrize("case", CASES)
def test_the_policy_lets_in_who_scrapes_and_out_what_is_asked(case: str) -> None:
    """Monitoring; DNS, HTTPS, and for a pair the API server."""
    policy = only("NetworkPolicy", kustomized(case))["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (incoming,) = policy["ingress"]
    labels = {"kubernetes.io/metadata.name": "monitoring"}
    assert incoming == {
        "from": [{"namespaceSelector": {"matchLabels": labels}}],
        "ports": [{"port": "http", "protocol": "TCP"}],
    }
    ports = [[each["port"] for each in rule["ports"]] for rule in policy["egress"]]
    assert ports == [[53, 53], [443], *([[6443]] if case == "ha" else [])]


@pytest.mark.parametrize("case", CASES)
def test_service_and_budget_are_about_the_exporter(case: str) -> None:
    """One port, and one pod that may be away."""
    made = kustomized(case)

    assert only("Service", made)["spec"]["ports"] == [
        {"name": "http", "port": 10063, "targetPort": "http"}
    ]
    assert only("PodDisruptionBudget", made)["spec"]["maxUnavailable"] == 1
    account = only("ServiceAccount", made)
    assert account["automountServiceAccountToken"] is False
    (pod,) = pods(made)
    # What a role is given to (RRSA) is this account, and not the namespace's default.
    assert pod["serviceAccountName"] == account["metadata"]["name"]


@pytest.mark.parametrize("case", WITH_A_KEY)
def test_the_access_key_is_a_reference(case: str, tmp_path: Path) -> None:
    """The Secret is made by whoever has the key."""
    made = kustomized(case)
    api = told(workload(case), made, tmp_path).settings.api

    assert of_kind("Secret", made) == []
    assert api.access_key_id == SECRET
    assert api.access_key_secret_file is not None
    assert api.access_key_secret_file.read_text() == SECRET
    (pod,) = pods(made)
    (volume,) = (each for each in pod["volumes"] if "secret" in each)
    # Its owner is root: the exporter reads it by the group that the pod's files have.
    assert volume["secret"]["defaultMode"] == 0o440
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


@pytest.mark.parametrize("case", WITH_A_KEY)
def test_rules_and_dashboards_are_the_repository_s_own(case: str) -> None:
    """And Grafana's sidecar finds the latter."""
    made = kustomized(case)
    (dashboards,) = (
        each
        for each in of_kind("ConfigMap", made)
        if each["metadata"]["labels"].get("grafana_dashboard") == "1"
    )
    files = (ROOT / "grafana" / "dashboards").glob("*.json")
    component = DEPLOY / "kubernetes" / "components" / "prometheus-operator"
    rule = yaml.safe_load((component / "prometheus-rule.yaml").read_text())

    assert {name: json.loads(text) for name, text in dashboards["data"].items()} == {
        file.name: json.loads(file.read_text()) for file in files
    }
    assert only("PrometheusRule", made)["spec"] == rule["spec"]


@pytest.mark.parametrize("case", CASES)
def test_it_has_the_room_and_the_time_that_it_needs(case: str) -> None:
    """As much memory as the series it shows by default take; and to stop, 5 s."""
    (pod,) = pods(kustomized(case))
    limit = container(pod)["resources"]["limits"]["memory"].removesuffix("Mi")

    # docs/scaling.md: 172 MB at 100,000 checkpoints, and 200,000 are shown.
    assert int(limit) > 2 * 172
    assert pod["terminationGracePeriodSeconds"] > 5


def test_one_is_replaced_by_one() -> None:
    """Two at once would ask the cloud twice."""
    spec = workload("single")["spec"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_another_configuration_is_a_rollout() -> None:
    """The name of its ConfigMap is made of what it holds."""
    made = kustomized("single")
    (volume, _) = next(pods(made))["volumes"]

    name = volume["configMap"]["name"]
    assert name.startswith(f"{NAME}-")
    assert name in {each["metadata"]["name"] for each in of_kind("ConfigMap", made)}


def test_shards_take_their_index_from_their_ordinal(tmp_path: Path) -> None:
    """There are as many as they are told."""
    found = workload("sharded")

    assert found["kind"] == "StatefulSet"
    assert found["spec"]["podManagementPolicy"] == "Parallel"
    assert found["spec"]["serviceName"] == NAME
    for index in range(found["spec"]["replicas"]):
        settings = told(found, kustomized("sharded"), tmp_path, index).settings
        assert settings.shard.index == index
        assert settings.shard.total == found["spec"]["replicas"] == 3


def test_a_pair_shares_a_lease_that_it_may_use(tmp_path: Path) -> None:
    """The standby is there before the leader goes."""
    made = kustomized("ha")
    spec = workload("ha")["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    lease = told(workload("ha"), made, tmp_path).settings.ha.lease
    role, binding = only("Role", made), only("RoleBinding", made)
    assert rights(made) == {"create": None, "get": [lease], "update": [lease]}
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    account = only("ServiceAccount", made)["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account}]


def test_a_pair_is_on_two_nodes_where_there_are_two() -> None:
    """One that goes down takes one of them along; and one node alone is no obstacle."""
    spec = workload("ha")["spec"]

    assert spec["template"]["spec"]["topologySpreadConstraints"] == [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": spec["selector"],
        }
    ]


def test_the_simulated_cloud_needs_nothing() -> None:
    """Neither key nor operator: it runs in any cluster."""
    made = kustomized("simulated")

    assert container(next(pods(made)))["args"] == ["demo"]
    assert variables(workload("simulated")) == {}
    assert mentions("credentials|monitoring.coreos.com", made) == []
