"""What the exporter in a pod is told: its files, variables and flags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manifests import Manifest, container, only, variables

from exporter.app.flags import parse_command_line, setting_flags
from exporter.config.load import load, unknown_variables
from exporter.config.settings import Settings

SECRET = "canary-from-a-secret"
"""What every key of every Secret holds, and every file of one."""


def told(
    workload: Manifest, manifests: Sequence[Manifest], folder: Path, pod_index: int = 0
) -> Settings:
    """Return what the exporter reads in a pod of a workload, its files below a folder.

    Raises:
        ConfigurationError: the exporter would not start.
    """
    pod = workload["spec"]["template"]["spec"]
    _lay_out(pod, manifests, folder)
    arguments = parse_command_line(container(pod)["args"])
    environ = {
        name: _resolved(value, pod_index, folder)
        for name, value in variables(workload).items()
    }
    assert unknown_variables(environ) == ()
    return load(flags=setting_flags(arguments), environ=environ, file=None)


def _lay_out(pod: Manifest, manifests: Sequence[Manifest], folder: Path) -> None:
    """Write the files that a pod has mounted, each where it stands, below a folder."""
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    for mount in container(pod).get("volumeMounts", []):
        files = _files(volumes[mount["name"]], manifests)
        place = folder / mount["mountPath"].lstrip("/")
        if "subPath" in mount:
            files = {place.name: files[mount["subPath"]]}
            place = place.parent
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name).write_text(text, encoding="utf-8")


def _files(volume: Manifest, manifests: Sequence[Manifest]) -> dict[str, str]:
    """Return what a volume holds, by the names of its files."""
    if "secret" in volume:
        items = volume["secret"].get("items")
        if items is None:
            return {"web-config.yml": ""}
        return {item["path"]: SECRET for item in items}
    name = volume["configMap"]["name"]
    found = [one for one in manifests if one["metadata"]["name"] == name]
    maps = [one for one in found if one["kind"] == "ConfigMap"]
    return dict(only("ConfigMap", maps)["data"]) if maps else {}


def _resolved(value: Any, pod_index: int, folder: Path) -> str:
    """Return a variable as the container has it."""
    if isinstance(value, str):
        is_path = value.startswith(("/etc/", "/run/"))
        return str(folder / value.lstrip("/")) if is_path else value
    if "secretKeyRef" in value:
        return SECRET
    label = "metadata.labels['apps.kubernetes.io/pod-index']"
    assert value == {"fieldRef": {"fieldPath": label}}
    return str(pod_index)
