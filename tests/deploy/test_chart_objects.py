"""The Helm chart: rollouts, image, and the objects beside the workload."""

from __future__ import annotations

import json
from typing import Any

import pytest
from manifests import (
    EXAMPLES,
    FULL_NAME,
    container,
    of_kind,
    only,
    pods,
    templated,
    workloads,
)

from exporter import __version__

pytestmark = [pytest.mark.go]


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


def test_what_the_chart_has_no_part_in_is_no_reason_for_a_rollout() -> None:
    """A configuration that is not mounted, or that the chart does not know."""
    mine = pod_annotations("default", "--set", "existingConfigMap=mine")

    assert "checksum/config" not in mine
    assert "checksum/config" not in pod_annotations("simulated")


def test_the_image_has_the_tag_that_is_asked_for() -> None:
    """Or the chart's, in the registry that is given."""

    def image(*given: str) -> str:
        found = container(pod(*(f"--set={each}" for each in given)))
        return str(found["image"])

    assert image() == f"rocketmq-dr-exporter:{__version__}"
    assert image("image.tag=v2") == "rocketmq-dr-exporter:v2"
    given = ("image.registry=a.example/b", "image.repository=c", "image.tag=d")
    assert image(*given) == "a.example/b/c:d"
    digest = "sha256:" + "a" * 64
    assert image(*given, f"image.digest={digest}") == f"a.example/b/c@{digest}"


def test_a_key_arrives_whatever_is_in_it() -> None:
    """Quotes, braces and lines are none of Helm's or YAML's business."""
    odd = "a\"b'c\\d{{ .Values }}\n#e: é\t%s"
    # Not by --set, to which backslashes and braces mean something.
    given = ("--set-json", f"credentials.accessKeySecret={json.dumps(odd)}")

    made = templated("inline-secret", *given)

    assert only("Secret", made)["stringData"]["access-key-secret"] == odd


def test_an_annotation_of_one_s_own_goes_before_the_chart_s() -> None:
    """Such as which container a shell is opened in."""
    name = "kubectl\\.kubernetes\\.io/default-container"
    given = pod_annotations("default", "--set", f"podAnnotations.{name}=proxy")

    assert given["kubectl.kubernetes.io/default-container"] == "proxy"
    assert "checksum/config" in given


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


def test_manifests_of_one_s_own_are_maps_or_text() -> None:
    """Text may have what YAML has no place for, such as a condition."""
    text = "{{ if .Release.IsInstall }}{kind: A, metadata: {name: a}}{{ end }}"
    given = ("--set-json", f"extraManifests={json.dumps([text, {'kind': 'B'}])}")

    made = templated("default", *given)

    assert only("A", made)["metadata"] == {"name": "a"}
    assert only("B", made) == {"kind": "B"}


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
    # And no other part of a chart around this one.
    assert wanted.items() == test_pod["metadata"]["labels"].items()
    assert incoming["ports"] == [{"port": "http", "protocol": "TCP"}]
    ports = [[each["port"] for each in rule["ports"]] for rule in policy["egress"]]
    assert ports == [[53, 53], [443, 6443]]
    single = templated("existing-secret", "--set", "networkPolicy.enabled=true")
    egress = only("NetworkPolicy", single)["spec"]["egress"]
    assert egress[1]["ports"] == [{"port": 443, "protocol": "TCP"}]


@pytest.mark.parametrize("case", EXAMPLES)
def test_the_policy_lets_out_to_the_node_s_role_where_no_key_is(case: str) -> None:
    """Whoever has a key or a role of their own has no business with the node's."""
    made = templated(
        case, "--set", "networkPolicy.enabled=true,networkPolicy.extraEgress=null"
    )
    egress = only("NetworkPolicy", made)["spec"]["egress"]

    metadata = {
        "to": [{"ipBlock": {"cidr": "100.100.100.200/32"}}],
        "ports": [{"port": 80, "protocol": "TCP"}],
    }
    assert egress[2:] == ([metadata] if case in {"default", "web"} else [])
