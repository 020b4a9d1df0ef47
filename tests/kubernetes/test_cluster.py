"""The Lease, the overlays and the chart in a real Kubernetes API."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import replicas
from cluster import Cluster, serving
from eventually import eventually
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import load_kube_config
from lease_api import MICRO_TIME
from manifests import (
    CHART,
    EXAMPLES,
    OVERLAYS,
    Ended,
    container,
    documents,
    kustomized,
    only,
    pods,
    variables,
    workloads,
)
from paths import ROOT
from programs import run_exporter
from replicas import LAG, simulated_cloud

from exporter.app.leader import LeaseClient

ACCOUNT = "rocketmq-dr-exporter"
"""The name of the service account, and of its role binding."""

# The example `full` needs this namespace and this priority class.
ELSEWHERE = "monitoring"
PRIORITY = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "high"},
    "value": 1,
}
KINDS = (
    *("deployments", "statefulsets", "services", "serviceaccounts", "configmaps"),
    *("roles", "rolebindings", "networkpolicies", "poddisruptionbudgets", "secrets"),
    *("servicemonitors", "prometheusrules", "alertmanagerconfigs"),
)
"""All kinds that the chart makes."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run a cluster that has what the examples name."""
    with serving(tmp_path_factory.mktemp("cluster")) as running:
        running.apply(PRIORITY)
        running.kubectl("create", "namespace", ELSEWHERE)
        yield running


@pytest.fixture
async def namespace(cluster: Cluster) -> str:
    """Return a namespace with the overlay `ha`."""
    name = cluster.new_namespace()
    cluster.apply_overlay("ha", name)
    await until_allowed(cluster, name)
    return name


async def until_allowed(
    cluster: Cluster, namespace: str, *, is_allowed: bool = True
) -> None:
    """Wait until the server applies the rights on the Lease: that takes a moment."""
    lease = f"leases.coordination.k8s.io/{lease_name()}"
    account = f"--as=system:serviceaccount:{namespace}:{ACCOUNT}"

    async def is_known() -> bool:
        asked = [
            cluster.run(
                "kubectl", "auth", "can-i", verb, lease, "-n", namespace, account
            )
            for verb in ("get", "create", "update")
        ]
        return all((each.returncode == 0) == is_allowed for each in asked)

    await eventually(is_known, within=120)


def lease_name() -> str:
    """Return the Lease of the overlay."""
    given = variables(only("Deployment", kustomized("ha")))
    return str(given["ROCKETMQ_DR_HA__LEASE"])


def environment(cluster: Cluster, namespace: str, cloud: str) -> dict[str, str]:
    """Return the settings of an exporter with the service account of the overlay."""
    file = cluster.kubeconfig_of(ACCOUNT, namespace)
    return replicas.environment(
        file.parent, cloud, file, lease=lease_name(), namespace=namespace
    )


async def test_the_standby_takes_the_lease_over_with_the_rights_of_the_overlay(
    cluster: Cluster, namespace: str
) -> None:
    """The Lease has client-go's fields, and no holder in the end."""

    def spec() -> dict[str, Any]:
        where = ("lease", lease_name(), f"--namespace={namespace}")
        return dict(cluster.got(*where)["spec"])

    async with simulated_cloud() as cloud:
        env = environment(cluster, namespace, cloud)
        async with replicas.pair(env) as (leader, standby):
            before = spec()
            assert await standby.samples(LAG) == []
            leader.process.send_signal(signal.SIGTERM)
            assert await leader.process.wait() == 0
            await eventually(standby.is_polling, within=120)
            after = spec()
            standby.process.send_signal(signal.SIGTERM)
            assert await standby.process.wait() == 0
    assert set(before) == {
        *("acquireTime", "holderIdentity", "leaseDurationSeconds"),
        *("leaseTransitions", "renewTime"),
    }
    assert before["holderIdentity"] != after["holderIdentity"]
    assert after["leaseTransitions"] > before["leaseTransitions"]
    assert MICRO_TIME.fullmatch(str(after["renewTime"]))
    assert not spec().get("holderIdentity")


async def test_of_several_writers_of_the_same_lease_one_succeeds(
    cluster: Cluster, namespace: str
) -> None:
    """A write fails if the Lease was written or deleted since it was read."""
    mine = {"holderIdentity": "me", "leaseDurationSeconds": 10, "leaseTransitions": 0}
    file = cluster.kubeconfig_of(ACCOUNT, namespace)
    async with AsyncExitStack() as stack:
        racing = [await client(stack, file, namespace) for _ in range(4)]
        for found in ({}, mine):
            leases = [await one.read() for one in racing]
            assert [lease["spec"] for lease in leases] == [found] * 4
            # Different holders, as the server ignores a write that changes nothing.
            writes = (
                one.write(leases[i], mine | {"holderIdentity": f"{i}"})
                for i, one in enumerate(racing)
            )
            won = await asyncio.gather(*writes)
            assert won.count(True) == 1
            assert await racing[0].write(await racing[0].read(), mine)

        lease = await racing[0].read()
        cluster.kubectl("delete", "lease", lease_name(), f"--namespace={namespace}")
        assert not await racing[0].write(lease, mine)


async def client(stack: AsyncExitStack, file: Path, namespace: str) -> LeaseClient:
    """Connect as an exporter does."""
    configuration = Configuration()
    await load_kube_config(str(file), client_configuration=configuration)
    api = await stack.enter_async_context(ApiClient(configuration))
    return LeaseClient(api, namespace, lease_name())


async def test_without_its_role_binding_the_first_line_says_so(
    cluster: Cluster, namespace: str
) -> None:
    """A service account alone has no rights."""
    env = environment(cluster, namespace, "http://127.0.0.1:1")
    cluster.kubectl("delete", "rolebinding", ACCOUNT, f"--namespace={namespace}")
    await until_allowed(cluster, namespace, is_allowed=False)

    result = await run_exporter("--web.listen-address=127.0.0.1:0", env=env)

    (line,) = result.err.splitlines()
    assert result.status == 2
    assert line.startswith("ha.lease: the Kubernetes API answered 403 to get of the")


@pytest.mark.parametrize("case", [overlay.name for overlay in OVERLAYS])
def test_an_overlay_is_applied_without_a_warning_and_leaves_no_difference(
    cluster: Cluster, case: str
) -> None:
    """The namespace refuses pods that are not restricted."""
    namespace = cluster.new_namespace()
    cluster.apply_overlay(case, namespace)

    folder = f"--kustomize=deploy/kubernetes/overlays/{case}"
    assert cluster.kubectl("diff", f"--namespace={namespace}", folder) == ""


def test_the_operator_s_kind_accepts_the_routes(cluster: Cluster) -> None:
    """As the component has them; rules and monitors are in overlays and examples."""
    routes = "deploy/kubernetes/components/alertmanager-config/alertmanager-config.yaml"

    where = f"--namespace={cluster.new_namespace()}"
    cluster.kubectl("create", where, f"--filename={routes}")


def test_one_overlay_replaces_another(cluster: Cluster) -> None:
    """Nothing of the first stays in the pod or in the strategy."""
    namespace = cluster.new_namespace()
    for case in ("single", "ha", "simulated", "single"):
        cluster.apply_overlay(case, namespace)

        (made,) = workloads(kustomized(case))
        name = made["metadata"]["name"]
        spec = cluster.got("deployment", name, f"--namespace={namespace}")["spec"]
        assert spec["strategy"] == made["spec"]["strategy"]
        (wanted,) = pods([made])
        (there,) = pods([{"kind": "Deployment", "spec": spec}])
        assert container(there).get("env") == container(wanted).get("env")
        for key in ("volumes", "topologySpreadConstraints"):
            assert len(there.get(key, [])) == len(wanted.get(key, []))


def test_shards_replace_a_deployment_by_the_page_s_command(
    cluster: Cluster,
) -> None:
    """`kubectl apply` alone would leave both."""
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^  `kubectl (delete deployment \S+)`", page, re.MULTILINE)
    namespace = cluster.new_namespace()
    where = f"--namespace={namespace}"
    cluster.apply_overlay("single", namespace)

    cluster.kubectl(*line.split(), where)
    cluster.apply_overlay("sharded", namespace)

    there = cluster.kubectl("get", where, "--output=name", "deployments,statefulsets")
    assert there.split() == ["statefulset.apps/rocketmq-dr-exporter"]


def test_a_secret_without_the_key_that_is_named_is_refused(cluster: Cluster) -> None:
    """Else a pod would wait for it; one line tells which keys there are."""
    namespace = cluster.new_namespace()
    keys = ("--from-literal=id=a", "--from-literal=secret=b", "--from-literal=token=c")
    where = f"--namespace={namespace}"
    cluster.kubectl("create", "secret", "generic", "my-key", *keys, where)

    def installed(case: str) -> Ended:
        values = (f"--values={CHART / 'ci' / f'{case}-values.yaml'}", where)
        return cluster.run("helm", "install", "other", str(CHART), *values)

    (line,) = installed("sharded").stderr.splitlines()
    assert line.endswith(
        "the Secret my-key has no key access-key-id, only: id, secret, token. Set "
        "credentials.accessKeyIdKey, or add the key to the Secret."
    )
    assert installed("existing-secret").returncode == 0


def test_a_release_is_upgraded_to_each_example(cluster: Cluster) -> None:
    """Without a warning; a rollback works, and uninstalling leaves nothing."""
    namespace = cluster.new_namespace()

    def helm(*arguments: str) -> str:
        result = cluster.run("helm", *arguments, f"--namespace={namespace}")
        assert result.returncode == 0, result.stderr
        assert not result.stderr
        return result.stdout

    def names(*kinds: str) -> set[str]:
        label = "--selector=app.kubernetes.io/instance=dr"
        command = ("get", ",".join(kinds), label, "--output=name", "--all-namespaces")
        return set(cluster.kubectl(*command).split())

    before = running = set[str]()
    for example in EXAMPLES:
        values = f"--values={CHART / 'ci' / f'{example}-values.yaml'}"
        before = running
        helm("upgrade", "--install", "dr", str(CHART), values)
        made = workloads(documents(helm("get", "manifest", "dr")))
        running = names("deployments", "statefulsets")
        assert running == {
            f"{each['kind']}.apps/{each['metadata']['name']}".lower() for each in made
        }
    helm("rollback", "dr")
    assert names("deployments", "statefulsets") == before
    helm("uninstall", "dr")
    assert names(*KINDS) == set()
