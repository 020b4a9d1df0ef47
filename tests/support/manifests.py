"""Manifests as a cluster would get them, from Helm and from kustomize."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml
from paths import ROOT
from programs import real

Manifest = dict[str, Any]

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "rocketmq-dr-exporter"
CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
EXAMPLES = [file.name.removesuffix("-values.yaml") for file in CI_VALUES]
FULL_NAME = "dr-rocketmq-dr-exporter"
"""What the chart calls its objects in a release `dr`."""

OVERLAYS = sorted((DEPLOY / "kubernetes" / "overlays").iterdir())

WAYS = [
    *(f"overlay {overlay.name}" for overlay in OVERLAYS),
    *(pytest.param(f"chart {name}", marks=pytest.mark.go) for name in EXAMPLES),
]
"""Each way to deploy it in Kubernetes."""

VERSIONS = ("1.28.0", "1.37.0")
"""Of Kubernetes: the first that tells a pod its index, and the last known here."""

CUSTOM = {"ServiceMonitor", "PrometheusRule"}
"""Kinds of the Prometheus Operator, which Kubernetes has no schemas for."""


def helm(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm to its end, for the first Kubernetes that has all the chart can use."""
    # Without a cluster, a helm made by `go install` takes it to be a very old one.
    cluster = ["--kube-version", VERSIONS[0]] if command in {"template", "lint"} else []
    return subprocess.run(
        [real("helm"), command, *cluster, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def refused(*arguments: str) -> str:
    """Return what helm says when it makes nothing of values."""
    result = helm("template", "dr", str(CHART), *arguments)
    assert result.returncode != 0
    assert not result.stdout
    return result.stderr


@cache
def templated(values: str, *more: str) -> tuple[Manifest, ...]:
    """Return what the chart makes of a file in its ci/, in the namespace `tools`."""
    file = CHART / "ci" / f"{values}-values.yaml"
    arguments = ("--namespace", "tools", "--values", str(file), *more)
    result = helm("template", "dr", str(CHART), *arguments)
    assert result.returncode == 0, result.stderr
    return tuple(documents(result.stdout))


@cache
def kustomized(overlay: str) -> tuple[Manifest, ...]:
    """Return what an overlay makes."""
    folder = str(DEPLOY / "kubernetes" / "overlays" / overlay)
    command = (
        ["kubectl", "kustomize"] if shutil.which("kubectl") else ["kustomize", "build"]
    )
    result = subprocess.run(
        [real(command[0]), *command[1:], folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    # Of what is deprecated it warns.
    assert not result.stderr
    return tuple(documents(result.stdout))


def made(way: str) -> tuple[Manifest, ...]:
    """Return what one of the ways makes."""
    kind, name = way.split()
    return kustomized(name) if kind == "overlay" else templated(name)


def of_kind(kind: str, manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return the manifests of a kind."""
    return [each for each in manifests if each["kind"] == kind]


def only(kind: str, manifests: Iterable[Manifest]) -> Manifest:
    """Return the only manifest of a kind."""
    (found,) = of_kind(kind, manifests)
    return found


def workloads(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return what runs exporters."""
    return [each for each in manifests if each["kind"] in {"Deployment", "StatefulSet"}]


def pods(manifests: Iterable[Manifest]) -> Iterator[Manifest]:
    """Yield the spec of each pod."""
    for each in manifests:
        if each["kind"] == "Pod":
            yield each["spec"]
    for each in workloads(manifests):
        yield each["spec"]["template"]["spec"]


def container(pod: Manifest) -> Manifest:
    """Return the only container of a pod."""
    (found,) = pod["containers"]
    assert isinstance(found, dict)
    return found


def variables(workload: Manifest) -> dict[str, Any]:
    """Return the environment of a workload's container: values, or their sources."""
    env = container(workload["spec"]["template"]["spec"]).get("env", [])
    names = [each["name"] for each in env]
    assert len(names) == len(set(names)), "a variable is set twice"
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in env}


def faults(manifests: Sequence[Manifest], version: str) -> list[str]:
    """Return what Kubernetes' own schemas have against manifests, strictly."""
    found = []
    for each in manifests:
        if each["kind"] in CUSTOM:
            continue
        try:
            kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{each['kind']} {each['metadata']['name']}: {error.message}")
    return found


def unrestricted(pod: Manifest) -> list[str]:
    """Return what the pod security standard *restricted* has against a pod."""
    rules = pod.get("securityContext", {})
    found = [
        f"{name} is true"
        for name in ("hostNetwork", "hostPID", "hostIPC")
        if pod.get(name)
    ]
    found += [
        f"volume {volume['name']} is none of the kinds that are allowed"
        for volume in pod.get("volumes", [])
        if not set(volume) & {"configMap", "secret", "projected", "emptyDir"}
    ]
    if rules.get("seccompProfile", {}).get("type") not in {
        "RuntimeDefault",
        "Localhost",
    }:
        found.append("no seccomp profile")
    if rules.get("runAsNonRoot") is not True or not rules.get("runAsUser"):
        found.append("may be root")
    for each in (*pod["containers"], *pod.get("initContainers", [])):
        found += _unrestricted_container(each)
    return found


def _unrestricted_container(each: Manifest) -> Iterator[str]:
    own = each.get("securityContext", {})
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield f"{each['name']} may gain privileges"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{each['name']} keeps capabilities"
    # Ours, beyond the standard.
    if own.get("readOnlyRootFilesystem") is not True:
        yield f"{each['name']} may write"
    if any("hostPort" in port for port in each.get("ports", [])):
        yield f"{each['name']} takes a port of the host"


def mentions(pattern: str, manifests: Iterable[Manifest]) -> list[str]:
    """Return the kinds of the manifests in which a pattern is found."""
    return [each["kind"] for each in manifests if re.search(pattern, yaml.dump(each))]


def documents(text: str) -> Iterator[Manifest]:
    """Yield the manifests of a stream, none with a key twice."""
    for each in yaml.load_all(text, Loader=_StrictLoader):
        if each is not None:
            yield each


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in a map, as the API server does."""


def _unique_keys(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [key.value for key, _ in node.value]
    assert len(keys) == len(set(keys)), f"a key stands twice: {sorted(keys)}"
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _unique_keys)


def rights(made: tuple[Manifest, ...]) -> dict[str, list[str] | None]:
    """Return by verb which leases the one role allows it of; None is all."""
    rules = only("Role", made)["rules"]
    assert all(rule["apiGroups"] == ["coordination.k8s.io"] for rule in rules)
    assert all(rule["resources"] == ["leases"] for rule in rules)
    return {verb: rule.get("resourceNames") for rule in rules for verb in rule["verbs"]}
