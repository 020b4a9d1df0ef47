"""What every way of deployment in Kubernetes holds: each overlay and chart example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifests import (
    DEPLOY,
    FULL_NAME,
    VERSIONS,
    WAYS,
    Manifest,
    container,
    faults,
    made,
    mentions,
    of_kind,
    only,
    pods,
    rights,
    templated,
    unrestricted,
    variables,
    workloads,
)
from paths import ROOT
from pod_settings import SECRET, told

from exporter import __version__
from exporter.app.leader import lease_name
from exporter.model.durations import parse_duration

NAME = "rocketmq-dr-exporter"
SIMULATED = {"overlay simulated", "chart simulated", "chart observed"}
PAIRS = ["overlay ha", pytest.param("chart ha", marks=pytest.mark.go)]
SHARDS = ["overlay sharded", pytest.param("chart sharded", marks=pytest.mark.go)]
SINGLE = ["overlay single", pytest.param("chart default", marks=pytest.mark.go)]
MONITORED = ["overlay single", pytest.param("chart observed", marks=pytest.mark.go)]

each_way = pytest.mark.parametrize("way", WAYS)


def is_pair(way: str) -> bool:
    """Return whether replicas share a Lease."""
    return way.split()[1].startswith("ha")


def exporters(way: str) -> list[Manifest]:
    """Return the pods that run exporters."""
    return list(pods(workloads(made(way))))


def rule_groups() -> list[dict[str, Any]]:
    """Return the groups of the repository's rules."""
    files = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"), reverse=True)
    return [x for file in files for x in yaml.safe_load(file.read_text())["groups"]]


@each_way
def test_kubernetes_takes_it(way: str) -> None:
    """No key is unknown, misplaced or of another type, in the oldest and newest."""
    assert [faults(made(way), version) for version in VERSIONS] == [[], []]


@each_way
def test_its_pods_are_restricted(way: str) -> None:
    """Not root, nothing gained, a read-only root; the token only for a Lease."""
    found = list(pods(made(way)))

    assert [fault for pod in found for fault in unrestricted(pod)] == []
    assert all(pod["enableServiceLinks"] is False for pod in found)
    for pod in exporters(way):
        assert pod["automountServiceAccountToken"] is is_pair(way)
        # It stops within 5 s.
        assert pod["terminationGracePeriodSeconds"] > 5
    for account in of_kind("ServiceAccount", made(way)):
        assert account["automountServiceAccountToken"] is False
        assert exporters(way)[0]["serviceAccountName"] == account["metadata"]["name"]


@each_way
def test_probes_ask_what_does_not_depend_on_the_cloud(way: str) -> None:
    """By HTTP; behind TLS or a password they only connect."""
    for pod in exporters(way):
        found = container(pod)
        assert found["ports"] == [{"name": "http", "containerPort": 10063}]
        for name, path in (("liveness", "/-/healthy"), ("readiness", "/-/ready")):
            probe = found[f"{name}Probe"]
            if way == "chart web":
                assert probe["tcpSocket"] == {"port": "http"}
                assert "httpGet" not in probe
            else:
                assert probe["httpGet"] == {"path": path, "port": "http"}


@each_way
def test_the_exporter_understands_what_it_is_told(way: str, tmp_path: Path) -> None:
    """Each variable and flag names a setting, the file is good, the key is a secret."""
    for workload in workloads(made(way)):
        api = told(workload, made(way), tmp_path).api

        assert api.access_key_secret is api.security_token is None
        if api.access_key_id is not None:
            assert api.access_key_id == SECRET
            assert api.access_key_secret_file is not None
            assert api.access_key_secret_file.read_text() == SECRET
        if way in SIMULATED:
            pod = workload["spec"]["template"]["spec"]
            assert container(pod)["args"][0] == "demo"
            assert variables(workload) == {}
            assert "volumes" not in pod


@each_way
def test_a_secret_is_in_no_manifest_and_readable_for_the_pod_s_group(way: str) -> None:
    """Unless it is given as a value of the chart: then in a Secret, and only there."""
    is_given = way == "chart inline-secret"

    assert bool(of_kind("Secret", made(way))) is is_given
    assert mentions("LTAI-example", made(way)) == ["Secret"] * is_given
    for pod in exporters(way):
        assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
        for volume in pod.get("volumes", []):
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440


@each_way
def test_everything_selects_the_same_pods_by_labels_that_never_change(way: str) -> None:
    """A selector cannot be changed: a new version must not ask for that."""
    manifests = made(way)
    service = only("Service", manifests)
    selector = service["spec"]["selector"]

    stable = {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
    assert set(selector) <= stable
    assert service["spec"]["ports"][0]["targetPort"] == "http"
    for workload in workloads(manifests):
        spec = workload["spec"]
        own = spec["selector"]["matchLabels"]
        assert selector.items() <= own.items()
        assert set(own) - {"rocketmq-dr/replica"} == set(selector)
        assert own.items() <= spec["template"]["metadata"]["labels"].items()
    for budget in of_kind("PodDisruptionBudget", manifests):
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["selector"]["matchLabels"] == selector
    for policy in of_kind("NetworkPolicy", manifests):
        assert policy["spec"]["podSelector"]["matchLabels"] == selector
    for monitor in of_kind("ServiceMonitor", manifests):
        own = monitor["spec"]["selector"]["matchLabels"]
        assert own.items() <= service["metadata"]["labels"].items()
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] == service["spec"]["ports"][0]["name"]
        if endpoint.get("interval") and endpoint.get("scrapeTimeout"):
            # The operator ignores a monitor that waits longer than it pauses.
            timeout, interval = endpoint["scrapeTimeout"], endpoint["interval"]
            assert parse_duration(timeout) <= parse_duration(interval)


@each_way
def test_each_object_has_the_recommended_labels(way: str) -> None:
    """Whoever looks for what belongs to the exporter finds it."""
    for each in made(way):
        name = each["metadata"]["name"]
        if way.startswith("chart") and not name.endswith(("-extra", "-connection")):
            labels = each["metadata"]["labels"]
            assert labels["app.kubernetes.io/instance"] == "dr"
            assert labels["app.kubernetes.io/name"] in {NAME, "drx"}
            assert labels["app.kubernetes.io/version"] == __version__
            assert labels["app.kubernetes.io/managed-by"] == "Helm"
        elif each["kind"] in {"Deployment", "StatefulSet", "Service"}:
            assert each["metadata"]["labels"]["app.kubernetes.io/name"] == NAME
            assert each["metadata"]["labels"]["app.kubernetes.io/part-of"]


@each_way
def test_a_policy_lets_in_who_scrapes_and_out_what_is_asked(way: str) -> None:
    """Monitoring; DNS, HTTPS, and for a pair the API server."""
    for policy in of_kind("NetworkPolicy", made(way)):
        spec = policy["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        first = spec["ingress"][0]
        labels = {"kubernetes.io/metadata.name": "monitoring"}
        assert first["from"][0] == {"namespaceSelector": {"matchLabels": labels}}
        assert first["ports"] == [{"port": "http", "protocol": "TCP"}]
        ports = [port["port"] for rule in spec["egress"] for port in rule["ports"]]
        assert ports[:3] == [53, 53, 443]
        assert (6443 in ports) is is_pair(way)


@pytest.mark.parametrize("way", PAIRS)
def test_a_pair_shares_a_lease_that_it_may_use(way: str, tmp_path: Path) -> None:
    """The standby is there before the leader goes, on another node if there is one."""
    manifests = made(way)
    workload = only("Deployment", manifests)
    spec = workload["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    lease = lease_name(told(workload, manifests, tmp_path))
    assert rights(manifests) == {"create": None, "get": [lease], "update": [lease]}
    role, binding = only("Role", manifests), only("RoleBinding", manifests)
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    (subject,) = binding["subjects"]
    account = only("ServiceAccount", manifests)["metadata"]["name"]
    assert (subject["kind"], subject["name"]) == ("ServiceAccount", account)
    assert spec["template"]["spec"]["topologySpreadConstraints"] == [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": spec["selector"],
        }
    ]


@pytest.mark.parametrize("way", SHARDS)
def test_shards_take_their_index_from_their_ordinal(way: str, tmp_path: Path) -> None:
    """There are as many as they are told."""
    workload = only("StatefulSet", made(way))
    spec = workload["spec"]

    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["serviceName"] == only("Service", made(way))["metadata"]["name"]
    for index in range(spec["replicas"]):
        shard = told(workload, made(way), tmp_path, index).shard
        assert (shard.index, shard.total) == (index, spec["replicas"])


@pytest.mark.parametrize("way", SINGLE)
def test_one_is_replaced_by_one_of_this_version(way: str) -> None:
    """Two at once would ask the cloud twice."""
    workload = only("Deployment", made(way))

    assert workload["spec"]["replicas"] == 1
    assert workload["spec"]["strategy"] == {"type": "Recreate"}
    assert container(exporters(way)[0])["image"] == f"{NAME}:{__version__}"


@pytest.mark.parametrize("way", MONITORED)
def test_rules_and_dashboards_are_the_repository_s_own(way: str) -> None:
    """Every group and rule, and dashboards that Grafana's sidecar finds."""
    maps = [
        each
        for each in of_kind("ConfigMap", made(way))
        if each["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]
    shown = {name: json.loads(x) for each in maps for name, x in each["data"].items()}
    files = (ROOT / "grafana" / "dashboards").glob("*.json")
    own = {file.name: json.loads(file.read_text()) for file in files}

    groups = only("PrometheusRule", made(way))["spec"]["groups"]
    assert sorted(groups, key=str) == sorted(rule_groups(), key=str)
    assert list(shown.values()) == [own[name] for name in sorted(own)]


def test_an_overlay_s_limit_fits_the_series_that_are_shown() -> None:
    """docs/scaling.md: 172 MB at 100,000 checkpoints, and 200,000 are shown."""
    limit = container(exporters("overlay single")[0])["resources"]["limits"]["memory"]

    assert int(limit.removesuffix("Mi")) > 2 * 172


def test_a_change_of_the_configuration_triggers_a_rollout() -> None:
    """The overlay's ConfigMap has a hash in its name."""
    (volume, _) = exporters("overlay single")[0]["volumes"]
    name = volume["configMap"]["name"]

    assert name.startswith(f"{NAME}-")
    maps = of_kind("ConfigMap", made("overlay single"))
    assert name in {each["metadata"]["name"] for each in maps}


@pytest.mark.go
def test_pairs_of_shards_are_two_sets_of_one_lease_each(tmp_path: Path) -> None:
    """An ordinal is one pod's, so the second replicas are a set of their own."""
    manifests = templated("ha-sharded")
    sets = of_kind("StatefulSet", manifests)

    names = [each["metadata"]["name"] for each in sets]
    assert names == [f"{FULL_NAME}-a", f"{FULL_NAME}-b"]
    leases = [f"{FULL_NAME}-{shard}" for shard in range(3)]
    assert rights(manifests) == {"create": None, "get": leases, "update": leases}
    for each in sets:
        settings = told(each, manifests, tmp_path, pod_index=2)
        assert lease_name(settings) == leases[2]
        template = each["spec"]["template"]
        (spread,) = template["spec"]["topologySpreadConstraints"]
        # The two of a shard on different nodes, by the index that Kubernetes gives.
        assert spread["matchLabelKeys"] == ["apps.kubernetes.io/pod-index"]
        selected = spread["labelSelector"]["matchLabels"]
        assert selected.items() <= template["metadata"]["labels"].items()
        assert "rocketmq-dr/replica" not in selected
