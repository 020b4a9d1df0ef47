"""Overlays and chart in a real Kubernetes API: taken without a warning, and changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import pytest
from cluster import Cluster, serving
from manifests import (
    CHART,
    EXAMPLES,
    OVERLAYS,
    Manifest,
    container,
    documents,
    kustomized,
    pods,
    workloads,
)
from paths import ROOT

CASES = [overlay.name for overlay in OVERLAYS]
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
WAYS = ((), ("--server-side",))
LINK_TOLD_OF = "found symbolic link in path"
# Beside those of the release itself, by what the example `full` names.
ELSEWHERE = {"monitoring"}
PRIORITY = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "high"},
    "value": 1,
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run a cluster that has what the examples name."""
    with serving(tmp_path_factory.mktemp("cluster")) as running:
        running.apply(PRIORITY)
        for name in sorted(ELSEWHERE):
            running.kubectl("create", "namespace", name)
        yield running


def refusals(cluster: Cluster, namespace: str, made: Sequence[Manifest]) -> list[str]:
    """Return what the server has against the pods of workloads.

    Nothing here makes pods of workloads, so they are asked for one by one.
    """
    found = []
    for each in workloads(made):
        template = each["spec"]["template"]
        metadata = template["metadata"] | {
            "name": each["metadata"]["name"],
            "namespace": namespace,
        }
        pod = template | {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        found.append(cluster.attempt(pod).stderr)
    return [told for told in found if told]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", WAYS, ids=["client", "server"])
def test_an_overlay_is_applied_and_applied_again(
    cluster: Cluster, case: str, way: tuple[str, ...]
) -> None:
    """Its pods are restricted, and the second time nothing is left to change."""
    namespace = cluster.new_namespace()
    apply = ("apply", *way, f"--namespace={namespace}")
    overlay = f"--kustomize=deploy/kubernetes/overlays/{case}"
    cluster.kubectl(*apply, overlay)

    objects = cluster.kubectl(*apply, "--output=name", overlay).splitlines()
    assert cluster.kubectl("diff", f"--namespace={namespace}", *way, overlay) == ""
    assert len(objects) == len(kustomized(case))
    assert refusals(cluster, namespace, kustomized(case)) == []


@pytest.mark.parametrize("way", WAYS, ids=["client", "server"])
def test_a_deployment_s_overlays_take_each_other_s_place(
    cluster: Cluster, way: tuple[str, ...]
) -> None:
    """Nothing of the one before stays in the pod or in how it is replaced."""
    namespace = cluster.new_namespace()
    for case in ("single", "ha", "single", "simulated", "ha", "simulated", "single"):
        overlay = f"--kustomize=deploy/kubernetes/overlays/{case}"
        cluster.kubectl("apply", *way, f"--namespace={namespace}", overlay)

        (made,) = workloads(kustomized(case))
        name = made["metadata"]["name"]
        spec = cluster.got("deployment", name, f"--namespace={namespace}")["spec"]
        assert spec["strategy"] == made["spec"]["strategy"]
        (told,) = pods([made])
        (there,) = pods([{"kind": "Deployment", "spec": spec}])
        assert container(there).get("env") == container(told).get("env")
        for key in ("volumes", "topologySpreadConstraints"):
            assert len(there.get(key, [])) == len(told.get(key, []))


def test_shards_take_the_place_of_a_deployment_that_is_deleted(
    cluster: Cluster,
) -> None:
    """By the command that docs/deploy.md gives: apply alone would leave both."""
    (line,) = re.findall(r"^  `kubectl (delete deployment \S+)`", PAGE, re.MULTILINE)
    where = f"--namespace={cluster.new_namespace()}"
    overlays = "--kustomize=deploy/kubernetes/overlays"
    cluster.kubectl("apply", where, f"{overlays}/single")

    cluster.kubectl(*line.split(), where)
    cluster.kubectl("apply", where, f"{overlays}/sharded")

    there = cluster.kubectl("get", where, "--output=name", "deployments,statefulsets")
    assert there.split() == ["statefulset.apps/rocketmq-dr-exporter"]


def test_a_pod_that_may_gain_privileges_is_refused(cluster: Cluster) -> None:
    """So that the tests above would tell."""
    (workload,) = workloads(kustomized("single"))
    careless = json.loads(json.dumps(workload))
    (container,) = careless["spec"]["template"]["spec"]["containers"]
    container["securityContext"]["allowPrivilegeEscalation"] = True
    namespace = cluster.new_namespace()
    cluster.kubectl(
        *("create", "serviceaccount", f"--namespace={namespace}"),
        workload["spec"]["template"]["spec"]["serviceAccountName"],
    )

    (told,) = refusals(cluster, namespace, [careless])

    assert 'violates PodSecurity "restricted:latest"' in told
    assert refusals(cluster, namespace, [workload]) == []


class Release:
    """A release of the chart in a namespace of its own, by the real helm."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.namespace = cluster.new_namespace()

    def helm(self, command: str, *arguments: str) -> str:
        """Return what helm prints, which must succeed without a warning."""
        where = f"--namespace={self.namespace}"
        result = self._cluster.run("helm", *command.split(), "dr", *arguments, where)
        assert result.returncode == 0, result.stderr
        warnings = result.stderr.splitlines()
        assert [each for each in warnings if LINK_TOLD_OF not in each] == []
        return result.stdout

    def become(self, example: str) -> None:
        """Install or upgrade to an example of the chart."""
        values = f"--values={CHART / 'ci' / f'{example}-values.yaml'}"
        self.helm("upgrade --install", str(CHART), values)

    def names(self, *kinds: str) -> set[str]:
        """Return the objects of the release that the server has, anywhere."""
        label = "--selector=app.kubernetes.io/instance=dr"
        command = ("get", ",".join(kinds), label, "--output=name", "--all-namespaces")
        return set(self._cluster.kubectl(*command).split())


KINDS = (
    *("deployments", "statefulsets", "services", "serviceaccounts", "configmaps"),
    *("roles", "rolebindings", "networkpolicies", "poddisruptionbudgets", "secrets"),
    *("servicemonitors", "prometheusrules"),
)
"""What the chart makes."""


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_installed_and_leaves_nothing(
    cluster: Cluster, example: str
) -> None:
    """Its pods are restricted."""
    release = Release(cluster)

    release.become(example)

    manifests = tuple(documents(release.helm("get manifest")))
    assert workloads(manifests)
    assert release.names(*KINDS)
    assert refusals(cluster, release.namespace, manifests) == []
    release.helm("uninstall")
    assert release.names(*KINDS) == set()


def test_a_release_becomes_each_example_in_turn(cluster: Cluster) -> None:
    """No change of values asks for what a server cannot change; and back it goes."""
    release = Release(cluster)
    for example in (*EXAMPLES, *reversed(EXAMPLES)):
        release.become(example)
        made = workloads(documents(release.helm("get manifest")))
        names = {
            f"{each['kind']}.apps/{each['metadata']['name']}".lower() for each in made
        }
        assert release.names("deployments", "statefulsets") == names

    before = release.names("deployments", "statefulsets")
    release.become("sharded")
    release.helm("rollback")
    assert release.names("deployments", "statefulsets") == before
    release.helm("uninstall")
    assert release.names(*KINDS) == set()
