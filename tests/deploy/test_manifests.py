"""What every way of deployment in Kubernetes holds: each overlay and chart example."""

from __future__ import annotations

import json
import re
from functools import partial
from operator import itemgetter
from pathlib import Path

import pytest
import replicas
import yaml
from eventually import eventually
from manifests import (
    DEPLOY,
    OVERLAYS,
    SECRET,
    VERSIONS,
    WAYS,
    Manifest,
    container,
    environment_of,
    faults,
    kustomized,
    made,
    of_kind,
    only,
    pod_of,
    pods,
    put_in_volume,
    rights,
    settings_of,
    variables,
    workloads,
)
from paths import ROOT
from programs import clean_environment, line_with

from exporter import __version__
from exporter.app.leader import lease_name
from exporter.config.catalogue import PREFIX
from exporter.model.durations import parse_duration

NAME = "rocketmq-dr-exporter"
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
KEY = "run/secrets/rocketmq-dr-exporter"
FILES = ("access-key-id", "access-key-secret", "security-token")
SIMULATED = {"overlay simulated", "chart simulated", "chart observed"}

each_way = pytest.mark.parametrize("way", WAYS)


def both(overlay: str, *examples: str) -> pytest.MarkDecorator:
    """Run a test for an overlay and for examples of the chart."""
    charts = [pytest.param(f"chart {x}", marks=pytest.mark.go) for x in examples]
    return pytest.mark.parametrize("way", [f"overlay {overlay}", *charts])


def is_pair(way: str) -> bool:
    """Return whether replicas share a Lease."""
    return way.split()[1].startswith("ha")


def exporters(way: str) -> list[Manifest]:
    """Return the pods that run exporters."""
    return [pod_of(workload) for workload in workloads(made(way))]


@each_way
def test_kubernetes_accepts_it(way: str) -> None:
    """No key is unknown, misplaced or of another type, in the oldest and newest."""
    assert [faults(made(way), version) for version in VERSIONS] == [[], []]


@each_way
def test_its_pods_are_restricted(way: str) -> None:
    """Not root, no privilege, a read-only root; the API's token only for a Lease.

    Probes ask what does not depend on the cloud.
    """
    for pod in pods(made(way)):
        found = container(pod)
        assert found["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            **dict.fromkeys(["runAsUser", "runAsGroup", "fsGroup"], 65532),
        }
        assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(pod)
        assert pod["enableServiceLinks"] is False
    for pod in exporters(way):
        assert pod["automountServiceAccountToken"] is is_pair(way)
        assert container(pod)["ports"] == [{"name": "http", "containerPort": 10063}]
        # It stops within 5 s.
        assert pod["terminationGracePeriodSeconds"] > 5
        for name, path in (("liveness", "/-/healthy"), ("readiness", "/-/ready")):
            asked = container(pod)[f"{name}Probe"].items()
            by_http = {"httpGet": {"path": path, "port": "http"}}
            connect = {"tcpSocket": {"port": "http"}}  # behind TLS or a password
            assert asked >= (connect if way == "chart web" else by_http).items()
    for account in of_kind("ServiceAccount", made(way)):
        assert account["automountServiceAccountToken"] is False
        assert exporters(way)[0]["serviceAccountName"] == account["metadata"]["name"]


@each_way
def test_the_exporter_understands_what_it_is_told(way: str, tmp_path: Path) -> None:
    """Each variable and flag names a setting, the file is good, the key is a secret."""
    for workload in workloads(made(way)):
        api = settings_of(workload, made(way), tmp_path).api

        assert api.access_key_secret is api.security_token is None
        assert api.access_key_id is None
        for file in (api.access_key_id_file, api.access_key_secret_file):
            assert file is None or file.read_text() == SECRET
        if way in SIMULATED:
            assert container(pod_of(workload))["args"][0] == "demo"
            assert variables(workload) == {}
            assert "volumes" not in pod_of(workload)


@both("single", "existing-secret")
async def test_a_new_key_is_taken_up_without_a_restart(
    way: str, tmp_path: Path
) -> None:
    """Id and secret change at once, when kubelet replaces them behind the mount."""
    (workload,) = workloads(made(way))
    env = environment_of(workload, made(way), tmp_path)
    async with replicas.simulated_cloud() as cloud:
        env |= {f"{PREFIX}API__ENDPOINT": cloud, f"{PREFIX}POLL__INTERVAL": "1s"}
        async with replicas.replica(clean_environment(tmp_path, **env)) as running:
            await line_with(running.process.stderr, "discovery", "credentials")
            put_in_volume(tmp_path / KEY, dict.fromkeys(FILES, "simulator"))

            await eventually(partial(running.samples, replicas.LAG), within=120)


@each_way
def test_a_secret_is_in_no_manifest_and_only_the_pod_s_group_reads_it(way: str) -> None:
    """Unless it is a value of the chart: then it is in a Secret, and only there."""
    secrets = ["Secret"] if way == "chart inline-secret" else []

    assert [each["kind"] for each in of_kind("Secret", made(way))] == secrets
    holding = [x["kind"] for x in made(way) if "LTAI-example" in json.dumps(x)]
    assert holding == secrets
    for pod in exporters(way):
        for volume in pod.get("volumes", []):
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440


@each_way
def test_everything_selects_the_same_pods_by_labels_that_never_change(way: str) -> None:
    """A selector cannot be changed: a new version must not ask for that."""
    manifests = made(way)
    service = only("Service", manifests)
    selector = service["spec"]["selector"]

    assert set(selector) <= {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
    assert service["spec"]["ports"][0]["targetPort"] == "http"
    for workload in workloads(manifests):
        spec = workload["spec"]
        own = dict(spec["selector"]["matchLabels"])
        assert own.items() <= spec["template"]["metadata"]["labels"].items()
        own.pop("rocketmq-dr/shard", None)
        assert own == selector
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
            # The operator ignores a monitor with a timeout above its interval.
            timeout, interval = endpoint["scrapeTimeout"], endpoint["interval"]
            assert parse_duration(timeout) <= parse_duration(interval)


@each_way
def test_each_object_has_the_recommended_labels(way: str) -> None:
    """They find everything that belongs to the exporter."""
    for each in made(way):
        name = each["metadata"]["name"]
        labels = each["metadata"].get("labels", {})
        if way.startswith("chart") and not name.endswith(("-extra", "-connection")):
            assert labels["app.kubernetes.io/instance"] == "dr"
            assert labels["app.kubernetes.io/name"] in {NAME, "drx"}
            assert labels["app.kubernetes.io/version"] == __version__
            assert labels["app.kubernetes.io/managed-by"] == "Helm"
        elif each["kind"] in {"Deployment", "StatefulSet", "Service"}:
            assert labels["app.kubernetes.io/name"] == NAME
            assert labels["app.kubernetes.io/part-of"]


@each_way
def test_a_network_policy_allows_scrapes_and_what_the_exporter_asks(way: str) -> None:
    """Monitoring may scrape; it asks DNS, HTTPS, and as a pair the API server."""
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


@both("ha", "ha", "ha-sharded")
def test_a_pair_shares_a_lease_that_it_may_use(way: str, tmp_path: Path) -> None:
    """One is replaced after the other, on another node; each shard is such a pair."""
    manifests = made(way)
    pairs = of_kind("Deployment", manifests)
    leases = []

    for shard, workload in enumerate(pairs):
        spec = workload["spec"]
        assert spec["replicas"] == 2
        assert spec["strategy"] == {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        }
        assert pod_of(workload)["topologySpreadConstraints"] == [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": spec["selector"],
            }
        ]
        settings = settings_of(workload, manifests, tmp_path)
        assert (settings.shard.index, settings.shard.total) == (shard, len(pairs))
        leases.append(lease_name(settings))
    assert len(set(leases)) == len(pairs) == (3 if way == "chart ha-sharded" else 1)
    selectors = [str(each["spec"]["selector"]) for each in pairs]
    assert len(set(selectors)) == len(pairs)
    assert rights(manifests) == {"create": None, "get": leases, "update": leases}
    role, binding = only("Role", manifests), only("RoleBinding", manifests)
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    (subject,) = binding["subjects"]
    account = only("ServiceAccount", manifests)["metadata"]["name"]
    assert (subject["kind"], subject["name"]) == ("ServiceAccount", account)


@both("sharded", "sharded")
def test_a_shard_s_index_is_its_pod_s_ordinal(way: str, tmp_path: Path) -> None:
    """There are as many replicas as the setting says shards."""
    workload = only("StatefulSet", made(way))
    spec = workload["spec"]

    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["serviceName"] == only("Service", made(way))["metadata"]["name"]
    for index in range(spec["replicas"]):
        shard = settings_of(workload, made(way), tmp_path, index).shard
        assert (shard.index, shard.total) == (index, spec["replicas"])


@both("single", "default")
def test_a_single_exporter_stops_before_the_next_starts(way: str) -> None:
    """Two at once would ask the cloud twice; the image is this version's.

    docs/benchmarks.md: 172 MB at 100,000 checkpoints, and 200,000 are shown.
    """
    workload = only("Deployment", made(way))
    unit = (DEPLOY / "systemd" / "rocketmq-dr-exporter.service").read_text()
    found = container(exporters(way)[0])

    assert workload["spec"]["replicas"] == 1
    assert workload["spec"]["strategy"] == {"type": "Recreate"}
    assert found["image"] == f"{NAME}:{__version__}"
    limit = int(found["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert limit > 2 * 172
    assert f"\nMemoryMax={limit}M\n" in unit


@both("observed", "observed")
def test_rules_and_dashboards_are_the_repository_s_own(way: str) -> None:
    """What each job needs, and dashboards that Grafana's sidecar finds."""
    maps = [
        each
        for each in of_kind("ConfigMap", made(way))
        if each["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]
    shown = [json.loads(text) for each in maps for text in each["data"].values()]
    files = (ROOT / "grafana" / "dashboards").glob("*.json")
    folder = DEPLOY / "prometheus" / "rules"
    rules = (folder / "recording.yml", folder / "alerts.yml")
    groups = [x for file in rules for x in yaml.safe_load(file.read_text())["groups"]]

    own = [json.loads(file.read_text()) for file in files]
    assert sorted(shown, key=str) == sorted(own, key=str)
    found = only("PrometheusRule", made(way))["spec"]["groups"]
    name = itemgetter("name")
    assert sorted(found, key=name) == sorted(groups, key=name)


def test_the_page_lists_every_overlay() -> None:
    """Its commands name no other, except the one that users write themselves."""
    folders = set(re.findall(r"deploy/kubernetes/overlays/(\w+)", PAGE))
    names = {each.name for each in OVERLAYS}

    assert folders - names == {"own"}
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == names


def test_the_overlay_that_the_page_shows_works(tmp_path: Path) -> None:
    """And so do the patches that components show."""
    folder = tmp_path / "deploy" / "kubernetes" / "overlays" / "own"
    folder.mkdir(parents=True)
    for place in ("deploy/kubernetes/base", "deploy/kubernetes/components", "grafana"):
        (tmp_path / place).symlink_to(ROOT / place)
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (overlay,) = (each for each in blocks if "Kustomization" in each)
    (folder / "kustomization.yaml").write_text(overlay, encoding="utf-8")
    (folder / "config.yaml").write_text("api: {region: cn-beijing}\n")
    manifests = kustomized(str(folder))

    assert only("ServiceAccount", manifests)["metadata"]["annotations"] == {
        "pod-identity.alibabacloud.com/role-name": "rocketmq-dr-exporter"
    }
    (workload,) = workloads(manifests)
    assert "ROCKETMQ_DR_API__ACCESS_KEY_ID" not in variables(workload)
    assert of_kind("NetworkPolicy", made("overlay single")) == []
    image = container(pod_of(workload))["image"]
    assert image.startswith("registry.example.com/rocketmq-dr-exporter:")
    assert settings_of(workload, manifests, tmp_path).api.region == "cn-beijing"
    # A hash, so that a change of the configuration triggers a rollout.
    (volume,) = pod_of(workload)["volumes"]
    assert re.fullmatch(rf"{NAME}-\w+", volume["configMap"]["name"])
    assert {each["metadata"]["namespace"] for each in manifests} == {"rocketmq-dr"}
    for kind in ("ServiceMonitor", "PrometheusRule"):
        labels = only(kind, manifests)["metadata"]["labels"]
        assert labels["release"] == "kube-prometheus-stack"
    (rule,) = only("NetworkPolicy", manifests)["spec"]["ingress"]
    labels = {"kubernetes.io/metadata.name": "prometheus"}
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": labels}}]

    # Of two exporters each alert would fire twice.
    left = overlaid(folder, overlay, "prometheus-operator")
    assert of_kind("PrometheusRule", left) == []
    routes = overlaid(folder, overlay, "alertmanager-config")
    receivers = only("AlertmanagerConfig", routes)["spec"]["receivers"]
    assert [list(x)[1] for x in receivers] == ["pagerdutyConfigs", "webhookConfigs"]


def overlaid(folder: Path, overlay: str, name: str) -> tuple[Manifest, ...]:
    """Return an overlay with a component, and the patch in its comment."""
    component = DEPLOY / "kubernetes" / "components" / name / "kustomization.yaml"
    patch = "\n".join(re.findall(r"^#   (.*)$", component.read_text(), re.MULTILINE))
    whole = yaml.safe_load(overlay) | yaml.safe_load(patch)
    whole["components"] = sorted({*whole["components"], f"../../components/{name}"})
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(whole))
    kustomized.cache_clear()
    return kustomized(str(folder))
