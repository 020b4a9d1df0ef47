"""What docs/deploy.md and the chart's README tell to type works, short of a cluster."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from manifests import (
    CHART,
    DEPLOY,
    OVERLAYS,
    VERSIONS,
    kustomized,
    of_kind,
    only,
    variables,
    workloads,
)
from paths import ROOT
from programs import real

from exporter import __version__

pytestmark = [pytest.mark.go]

PAGE = ROOT / "docs" / "deploy.md"


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page that are in a language."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return fence.findall(page.read_text(encoding="utf-8"))


def commands(page: Path, program: str) -> list[list[str]]:
    """Return the command lines of a program that a page tells to type."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [words[1:] for words in lines if words[:1] == [program]]


def helm(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run helm to its end."""
    return subprocess.run(
        [real("helm"), *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("page", "cwd"), [(PAGE, ROOT), (CHART / "README.md", CHART.parent)]
)
def test_each_installation_by_helm_can_be_rendered(page: Path, cwd: Path) -> None:
    """All values of these commands exist."""
    installations = [
        [word for word in words[1:] if word != "--install"]
        for words in commands(page, "helm")
        if words[0] in {"install", "upgrade"}
    ]

    assert len(installations) >= 2
    for arguments in installations:
        made = helm("template", "--kube-version", VERSIONS[0], *arguments, cwd=cwd)
        assert made.returncode == 0, made.stderr
        assert workloads(yaml.safe_load_all(made.stdout))


def test_a_typo_is_refused_as_the_page_shows_it() -> None:
    """To the letter, below what Helm says of the links."""
    (shown,) = blocks(PAGE, "text")
    command, *lines = shown.splitlines()

    result = helm(*shlex.split(command)[2:])

    told = [each for each in result.stderr.splitlines() if "symbolic link" not in each]
    assert [each for each in told if each] == lines


def test_each_overlay_is_named_and_there() -> None:
    """In the commands and in the table; one is to be written, as the page shows it."""
    text = PAGE.read_text(encoding="utf-8")
    folders = set(re.findall(r"deploy/kubernetes/overlays/(\w+)", text))
    there = {each.name for each in OVERLAYS}

    assert folders - there == {"own"}
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == there


def test_an_overlay_of_one_s_own_works_as_it_is_shown(tmp_path: Path) -> None:
    """A role for a key, another image and configuration, the Prometheus that is there.

    And without the rules, by the patch that the component shows: of two exporters each
    alert would fire twice.
    """
    folder = tmp_path / "deploy" / "kubernetes" / "overlays" / "own"
    folder.mkdir(parents=True)
    for place in ("deploy/kubernetes/base", "deploy/kubernetes/components", "grafana"):
        (tmp_path / place).symlink_to(ROOT / place)
    (overlay,) = (each for each in blocks(PAGE, "yaml") if "Kustomization" in each)
    (folder / "kustomization.yaml").write_text(overlay, encoding="utf-8")
    (folder / "config.yaml").write_text("api: {region: cn-beijing}\n")
    made = kustomized(str(folder))

    assert only("ServiceAccount", made)["metadata"]["annotations"] == {
        "pod-identity.alibabacloud.com/role-name": "rocketmq-dr-exporter"
    }
    (workload,) = workloads(made)
    assert "ROCKETMQ_DR_API__ACCESS_KEY_ID" not in variables(workload)
    pod = workload["spec"]["template"]["spec"]
    image = "registry.example.com/rocketmq-dr-exporter:"
    assert pod["containers"][0]["image"].startswith(image)
    name = pod["volumes"][0]["configMap"]["name"]
    (config,) = (each for each in made if each["metadata"]["name"] == name)
    assert config["data"] == {"config.yaml": "api: {region: cn-beijing}\n"}
    assert {each["metadata"]["namespace"] for each in made} == {"rocketmq-dr"}
    for kind in ("ServiceMonitor", "PrometheusRule"):
        labels = only(kind, made)["metadata"]["labels"]
        assert labels["release"] == "kube-prometheus-stack"
    (rule,) = only("NetworkPolicy", made)["spec"]["ingress"]
    labels = {"kubernetes.io/metadata.name": "prometheus"}
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": labels}}]

    component = DEPLOY / "kubernetes/components/prometheus-operator/kustomization.yaml"
    comment = re.findall(r"^#   (.*)$", component.read_text(), re.MULTILINE)
    second = yaml.safe_load(overlay)
    second["patches"] = yaml.safe_load("\n".join(comment))["patches"]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(second))
    kustomized.cache_clear()
    assert of_kind("PrometheusRule", kustomized(str(folder))) == []


def test_it_names_what_is_released() -> None:
    """Archive, wheel and image, each of this version."""
    text = PAGE.read_text(encoding="utf-8")
    image = f"rocketmq-dr-exporter:{__version__}"
    files = set(re.findall(r"rocketmq[-_]dr[-_]exporter-\d[\w.-]+[a-z]", text))
    runs = [words for words in commands(PAGE, "docker") if words[0] == "run"]

    assert files == {
        f"rocketmq-dr-exporter-{__version__}-image.tar.gz",
        f"rocketmq_dr_exporter-{__version__}-py3-none-any.whl",
    }
    assert runs
    assert all(image in words for words in runs)


def test_each_file_that_is_linked_exists() -> None:
    """From the page and from the chart's README."""
    for page in (PAGE, CHART / "README.md"):
        text = page.read_text(encoding="utf-8")
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)

        assert links
        for link in links:
            assert (page.parent / link).exists(), link
