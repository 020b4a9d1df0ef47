"""The Helm chart: names, image, and the objects beside the workload."""

from __future__ import annotations

from typing import Any

import pytest
from manifests import (
    CHART,
    FULL_NAME,
    container,
    documents,
    helm,
    of_kind,
    only,
    pods,
    templated,
    workloads,
)

from exporter import __version__

pytestmark = [pytest.mark.deploy, pytest.mark.go]


def pod_annotations(case: str, *more: str) -> dict[str, str]:
    """Return the annotations of the pod that an example makes."""
    (workload,) = workloads(templated(case, *more))
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["annotations"]
    return found


def pod(*more: str) -> dict[str, Any]:
    """Return the pod of the default with further values."""
    (found,) = pods(workloads(templated("default", *more)))
    return found


@pytest.mark.parametrize("given", ["api.region=cn-beijing", "poll.interval=30s"])
def test_another_configuration_is_a_rollout(given: str) -> None:
    """The pod changes with its file, and only then."""
    before = pod_annotations("default")

    assert before == pod_annotations("default", "--set", "service.port=1")
    assert before != pod_annotations("default", "--set", f"config.{given}")


def test_another_key_in_the_values_is_a_rollout() -> None:
    """What is not in the pod's own text has to be told to it."""
    before = pod_annotations("inline-secret")

    for name in ("accessKeyId", "accessKeySecret"):
        given = f"credentials.{name}=another"
        assert before != pod_annotations("inline-secret", "--set", given)
    assert "checksum/credentials" not in pod_annotations("existing-secret")


def test_the_image_has_the_tag_that_is_asked_for() -> None:
    """Or the chart's, in the registry that is given."""

    def image(*given: str) -> str:
        found = container(pod(*(f"--set={each}" for each in given)))
        return str(found["image"])

    assert image() == f"rocketmq-dr-exporter:{__version__}"
    assert image("image.tag=v2") == "rocketmq-dr-exporter:v2"
    given = ("image.registry=a.example/b", "image.repository=c", "image.tag=d")
    assert image(*given) == "a.example/b/c:d"


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("dr", FULL_NAME),
        ("rocketmq-dr-exporter", "rocketmq-dr-exporter"),
        ("rocketmq-dr-exporter-" + "r" * 32, "rocketmq-dr-exporter-" + "r" * 29),
        ("r" * 53, "r" * 50),
    ],
)
def test_names_stay_short_enough_for_what_is_appended(release: str, name: str) -> None:
    """The longest release name that Helm allows still makes valid names."""
    # What a StatefulSet appends ends up in labels, of at most 63 characters; a shard
    # appends its index to the Lease.
    assert len(f"{name}-a-0123456789") <= 63
    assert helm_names("ha-sharded", release) == {f"{name}-a", f"{name}-b"}


def helm_names(case: str, release: str) -> set[str]:
    """Return what the workloads of a release are called."""
    values = str(CHART / "ci" / f"{case}-values.yaml")
    result = helm("template", release, str(CHART), "--values", values)
    assert result.returncode == 0, result.stderr
    return {each["metadata"]["name"] for each in workloads(documents(result.stdout))}


def test_a_name_of_one_s_own_is_kept_short_too() -> None:
    """Whoever gives a long one sees its beginning."""
    (workload,) = workloads(
        templated("default", "--set", f"fullnameOverride={'x' * 60}")
    )

    assert workload["metadata"]["name"] == "x" * 50


def test_the_service_leads_to_the_exporter() -> None:
    """At the port that is given, to the one that has a name."""
    ports = [{"name": "http", "port": 10063, "targetPort": "http"}]
    spec = only("Service", templated("default"))["spec"]

    assert (spec["type"], spec["ports"]) == ("ClusterIP", ports)
    full = only("Service", templated("full"))
    assert full["spec"]["type"] == "NodePort"
    assert full["spec"]["ports"] == [{**ports[0], "port": 9999}]
    assert full["metadata"]["annotations"] == {"example.com/note": "hello"}


def test_the_service_account_is_made_or_named() -> None:
    """None of its own has a token that nobody asked for."""
    account = only("ServiceAccount", templated("default"))
    assert account["automountServiceAccountToken"] is False
    assert pod()["serviceAccountName"] == account["metadata"]["name"] == FULL_NAME

    without = ("--set", "serviceAccount.create=false")
    assert of_kind("ServiceAccount", templated("default", *without)) == []
    assert pod(*without)["serviceAccountName"] == "default"
    named = pod(*without, "--set", "serviceAccount.name=mine")
    assert named["serviceAccountName"] == "mine"


def test_a_config_map_of_one_s_own_takes_the_place_of_the_chart_s() -> None:
    """Nothing is made, and that is mounted."""
    given = ("--set", "existingConfigMap=mine")

    assert of_kind("ConfigMap", templated("default", *given)) == []
    (volume,) = pod(*given)["volumes"]
    assert volume["configMap"] == {"name": "mine"}


def test_a_role_of_one_s_own_takes_the_place_of_the_chart_s() -> None:
    """Whoever may make none brings one."""
    made = templated("ha", "--set", "rbac.create=false")

    assert of_kind("Role", made) == of_kind("RoleBinding", made) == []


def test_the_budget_counts_who_may_be_away() -> None:
    """By number or by share, of the pods of this release."""
    given = ("--set", "podDisruptionBudget.maxUnavailable=50%")
    spec = only("PodDisruptionBudget", templated("sharded", *given))["spec"]

    assert spec == {
        "maxUnavailable": "50%",
        "selector": {
            "matchLabels": only("Service", templated("sharded"))["spec"]["selector"]
        },
    }


def test_the_policy_lets_in_who_scrapes_and_out_what_is_asked() -> None:
    """Monitoring and the connection test; DNS, HTTPS, and for pairs the API server."""
    made = templated("ha")
    policy = only("NetworkPolicy", made)["spec"]
    (test_pod,) = of_kind("Pod", made)

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert (
        policy["podSelector"]["matchLabels"]
        == only("Service", made)["spec"]["selector"]
    )
    (incoming,) = policy["ingress"]
    monitoring, tests = incoming["from"]
    labels = {"kubernetes.io/metadata.name": "monitoring"}
    assert monitoring == {"namespaceSelector": {"matchLabels": labels}}
    wanted = tests["podSelector"]["matchLabels"]
    assert wanted.items() <= test_pod["metadata"]["labels"].items()
    assert incoming["ports"] == [{"port": "http", "protocol": "TCP"}]
    ports = [[each["port"] for each in rule["ports"]] for rule in policy["egress"]]
    assert ports == [[53, 53], [443, 6443]]
    single = templated("default", "--set", "networkPolicy.enabled=true")
    egress = only("NetworkPolicy", single)["spec"]["egress"]
    assert egress[1]["ports"] == [{"port": 443, "protocol": "TCP"}]
