"""Manifests as a cluster would get them, and what they tell an exporter in a pod."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import kubernetes_validate
import pytest
import yaml
from paths import ROOT
from programs import real

from exporter.app.flags import parse_command_line, setting_flags
from exporter.config.load import load, unknown_variables
from exporter.config.settings import Settings

Manifest = dict[str, Any]
Ended = subprocess.CompletedProcess[str]

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

CUSTOM = {"ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"}
"""Kinds of the Prometheus Operator, which Kubernetes has no schemas for."""

SECRET = "canary-from-a-secret"
"""What every key of every Secret holds, and every file of one."""


def example(name: str) -> str:
    """Return the option that gives an example's values to helm."""
    return f"--values={CHART / 'ci' / f'{name}-values.yaml'}"


def helm(command: str, *arguments: str, cwd: Path = ROOT) -> Ended:
    """Run helm to its end, for the first Kubernetes that has all the chart can use."""
    # Without a cluster, a helm made by `go install` assumes a very old one.
    cluster = ["--kube-version", VERSIONS[0]] if command in {"template", "lint"} else []
    command_line = [real("helm"), command, *cluster, *arguments]
    return subprocess.run(
        command_line, cwd=cwd, capture_output=True, text=True, check=False
    )


def rendered(*arguments: str, cwd: Path = ROOT) -> tuple[Manifest, ...]:
    """Return what `helm template` prints."""
    result = helm("template", *arguments, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return tuple(documents(result.stdout))


@cache
def templated(
    values: str, *given: str, options: Sequence[str] = ()
) -> tuple[Manifest, ...]:
    """Return what the chart makes of an example, in the namespace `tools`.

    `given` are further values, each as `name=value`.
    """
    sets = (f"--set={each}" for each in given)
    where = ("dr", str(CHART), "--namespace=tools", example(values))
    return rendered(*where, *sets, *options)


@cache
def kustomized(overlay: str) -> tuple[Manifest, ...]:
    """Return what an overlay makes."""
    folder = str(DEPLOY / "kubernetes" / "overlays" / overlay)
    has_kubectl = shutil.which("kubectl") is not None
    program, command = (
        ("kubectl", "kustomize") if has_kubectl else ("kustomize", "build")
    )
    result = subprocess.run(
        [real(program), command, folder], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    # It warns of what is deprecated.
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


def pod_of(workload: Manifest) -> Manifest:
    """Return the spec of a workload's pod."""
    found: Manifest = workload["spec"]["template"]["spec"]
    return found


def pods(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return the spec of each pod: first those of the exporters, then others."""
    others = [each["spec"] for each in of_kind("Pod", manifests)]
    return [*map(pod_of, workloads(manifests)), *others]


def container(pod: Manifest) -> Manifest:
    """Return the container of a pod that runs the exporter, or the test of it."""
    found: Manifest
    (found,) = (x for x in pod["containers"] if x["name"] in {"exporter", "test"})
    return found


def variables(workload: Manifest) -> dict[str, Any]:
    """Return the environment of a workload's container: values, or their sources."""
    env = container(pod_of(workload)).get("env", [])
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
# Helm writes `=` without quotes; YAML 1.1 has a type for that, PyYAML no constructor.
_StrictLoader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def rights(manifests: Sequence[Manifest]) -> dict[str, list[str] | None]:
    """Return by verb which leases the one role allows it of; None is all."""
    rules = only("Role", manifests)["rules"]
    assert all(rule["apiGroups"] == ["coordination.k8s.io"] for rule in rules)
    assert all(rule["resources"] == ["leases"] for rule in rules)
    return {verb: rule.get("resourceNames") for rule in rules for verb in rule["verbs"]}


def settings_of(
    workload: Manifest, manifests: Sequence[Manifest], folder: Path, pod_index: int = 0
) -> Settings:
    """Return what the exporter reads in a pod of a workload, its files below a folder.

    Raises:
        ConfigurationError: the exporter would not start.
    """
    arguments = parse_command_line(container(pod_of(workload))["args"])
    environ = environment_of(workload, manifests, folder, pod_index)
    assert unknown_variables(environ) == ()
    return load(flags=setting_flags(arguments), environ=environ, file=None)


def environment_of(
    workload: Manifest, manifests: Sequence[Manifest], folder: Path, pod_index: int = 0
) -> dict[str, str]:
    """Return the environment in a pod of a workload, its files below a folder."""
    pod = pod_of(workload)
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    for mount in container(pod).get("volumeMounts", []):
        # What is mounted by subPath never changes.
        assert "subPath" not in mount
        place = folder / mount["mountPath"].lstrip("/")
        put_in_volume(place, _files(volumes[mount["name"]], manifests))
    given = variables(workload).items()
    return {name: _resolved(value, pod_index, folder) for name, value in given}


def put_in_volume(place: Path, files: Mapping[str, str]) -> None:
    """Write the files of a volume as kubelet does: all of them change at once."""
    place.mkdir(parents=True, exist_ok=True)
    now, new = place / "..data", place / "..new"
    old = now.resolve() if now.exists() else None
    data = Path(mkdtemp(prefix="..", dir=place))
    for name, text in files.items():
        (data / name).write_text(text, encoding="utf-8")
        if old is None:
            (place / name).symlink_to(Path(now.name, name))
    new.symlink_to(data.name)
    new.rename(now)
    if old is not None:
        shutil.rmtree(old)


def _files(volume: Manifest, manifests: Sequence[Manifest]) -> dict[str, str]:
    """Return what a volume holds, by the names of its files."""
    if "secret" in volume:
        items = volume["secret"].get("items")
        if items is None:
            return {"web-config.yml": ""}
        return {item["path"]: SECRET for item in items}
    name = volume["configMap"]["name"]
    maps = of_kind("ConfigMap", manifests)
    (data,) = [x["data"] for x in maps if x["metadata"]["name"] == name] or [{}]
    return dict(data)


def _resolved(value: Any, pod_index: int, folder: Path) -> str:
    """Return a variable as the container has it."""
    if isinstance(value, str):
        is_path = value.startswith(("/etc/", "/run/"))
        return str(folder / value.lstrip("/")) if is_path else value
    label = "metadata.labels['apps.kubernetes.io/pod-index']"
    assert value == {"fieldRef": {"fieldPath": label}}
    return str(pod_index)
