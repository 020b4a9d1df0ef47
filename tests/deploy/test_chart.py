"""The Helm chart, by the real helm: whether a cluster takes what it makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifests import (
    CHART,
    EXAMPLES,
    VERSIONS,
    container,
    faults,
    helm,
    only,
    pods,
    templated,
    unrestricted,
    workloads,
)
from pod_settings import told

from exporter import __version__

pytestmark = [pytest.mark.go]


def test_the_real_helm_has_nothing_against_it() -> None:
    """`helm lint --strict` fails for warnings too."""
    result = helm("lint", "--strict", str(CHART))

    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in result.stdout
    assert "[WARNING]" not in result.stdout


@pytest.mark.parametrize("case", EXAMPLES)
def test_the_real_helm_has_nothing_against_the_examples(case: str) -> None:
    """Each file in ci/ passes the schema, and renders."""
    values = CHART / "ci" / f"{case}-values.yaml"

    result = helm("lint", "--strict", str(CHART), "--values", str(values))

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", EXAMPLES)
def test_kubernetes_would_take_what_it_makes(case: str, version: str) -> None:
    """No key is unknown, misplaced or of another type."""
    assert faults(templated(case), version) == []


@pytest.mark.parametrize("case", EXAMPLES)
def test_its_pods_are_restricted(case: str) -> None:
    """A namespace that enforces the pod security standard *restricted* takes them."""
    found = list(pods(templated(case)))

    assert len(found) >= 2
    assert [fault for pod in found for fault in unrestricted(pod)] == []
    assert all(pod["enableServiceLinks"] is False for pod in found)


@pytest.mark.parametrize("case", EXAMPLES)
def test_the_exporter_understands_what_it_is_told(case: str, tmp_path: Path) -> None:
    """Each variable and flag names a setting, and the file is good."""
    for workload in workloads(templated(case)):
        loaded = told(workload, templated(case), tmp_path)

        assert loaded.warnings == ()


@pytest.mark.parametrize("case", EXAMPLES)
def test_each_object_has_the_recommended_labels(case: str) -> None:
    """Whoever looks for what belongs to a release finds it."""
    for each in templated(case):
        if each["metadata"]["name"].endswith(("-extra", "-test-connection")):
            continue
        labels = each["metadata"]["labels"]

        assert labels["app.kubernetes.io/instance"] == "dr"
        assert labels["app.kubernetes.io/name"] in {"rocketmq-dr-exporter", "drx"}
        assert labels["app.kubernetes.io/version"] == __version__
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"].startswith("rocketmq-dr-exporter-")


@pytest.mark.parametrize("case", EXAMPLES)
def test_selectors_match_their_pods_and_nothing_that_changes(case: str) -> None:
    """A selector cannot be changed: a new version or label must not ask for that."""
    manifests = templated(case)
    service = only("Service", manifests)["spec"]["selector"]

    for workload in workloads(manifests):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        selector = workload["spec"]["selector"]["matchLabels"]
        stable = {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
        assert set(selector) - {"rocketmq-dr/replica"} == stable
        assert selector.items() <= labels.items()
        assert service.items() <= labels.items()
    test = only("Pod", manifests)["metadata"]["labels"]
    assert not service.items() <= test.items()


def test_by_default_it_is_one_with_everything_else_off() -> None:
    """Nothing that not every cluster has, and no resources that nobody measured."""
    made = templated("default")

    assert sorted(each["kind"] for each in made) == [
        *("ConfigMap", "Deployment", "Pod", "Service", "ServiceAccount")
    ]
    deployment = only("Deployment", made)
    pod = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert pod["automountServiceAccountToken"] is False
    assert "resources" not in container(pod)
    assert container(pod)["image"] == f"rocketmq-dr-exporter:{__version__}"


def test_probes_ask_what_the_contract_has_for_them() -> None:
    """Liveness never depends on the cloud."""
    found = container(next(pods(workloads(templated("default")))))

    probes = {
        name: found[f"{name}Probe"]["httpGet"] for name in ("liveness", "readiness")
    }
    assert probes == {
        "liveness": {"path": "/-/healthy", "port": "http"},
        "readiness": {"path": "/-/ready", "port": "http"},
    }
    assert found["ports"] == [{"name": "http", "containerPort": 10063}]


def test_everything_that_can_be_given_arrives() -> None:
    """Each value of the full example is found in what it makes."""
    made = templated("full")
    (pod,) = pods(workloads(made))
    found = container(pod)

    digest = "sha256:" + "0123456789abcdef" * 4
    assert found["image"] == f"registry.example.com/tools/rocketmq-dr-exporter@{digest}"
    assert found["args"] == ["serve", "--log.level=debug"]
    assert found["envFrom"] == [{"configMapRef": {"name": "my-environment"}}]
    assert found["resources"]["limits"] == {"memory": "512Mi"}
    assert {"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"} in (
        found["env"]
    )
    assert found["imagePullPolicy"] == "Always"
    assert found["livenessProbe"]["periodSeconds"] == 20
    assert {each["name"] for each in found["volumeMounts"]} >= {"ca", "config"}
    assert pod["serviceAccountName"] == "dr"
    for key in ("imagePullSecrets", "nodeSelector", "tolerations", "affinity"):
        assert pod[key]
    assert pod["topologySpreadConstraints"][0]["maxSkew"] == 1
    assert pod["priorityClassName"] == "high"
    assert pod["terminationGracePeriodSeconds"] == 15
    assert "dr-exporter-extra" in {each["metadata"]["name"] for each in made}
    assert only("PodDisruptionBudget", made)["spec"]["maxUnavailable"] == 1
    policy = only("NetworkPolicy", made)["spec"]
    assert len(policy["ingress"]) == len(policy["egress"]) - 1 == 2
    assert only("Pod", made)["spec"]["containers"][0]["image"].endswith("python:3.11")
