"""What docs/deploy.md and the chart's README tell to type works, short of a cluster."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from manifests import (
    CHART,
    DEPLOY,
    VERSIONS,
    Manifest,
    kustomized,
    mentions,
    of_kind,
    only,
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


def succeeds(*command: str, cwd: Path = ROOT) -> str:
    """Return what a program prints, which must succeed."""
    result = subprocess.run(
        [real(command[0]), *command[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


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
    template = ("helm", "template", "--kube-version", VERSIONS[0])
    for arguments in installations:
        made = succeeds(*template, *arguments, cwd=cwd)
        assert workloads(yaml.safe_load_all(made))


def test_each_overlay_that_is_named_is_there() -> None:
    """In the commands and in the table."""
    text = PAGE.read_text(encoding="utf-8")
    folders = re.findall(r"deploy/kubernetes/overlays/(\w+)", text)
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    there = {each.name for each in (DEPLOY / "kubernetes" / "overlays").iterdir()}

    assert folders
    # One is to be written, as the page shows it.
    assert set(folders) - there == {"own"}
    assert set(rows) == there


def own(overlay: str, root: Path) -> tuple[Manifest, ...]:
    """Return what an overlay of one's own makes, beside ours below another root."""
    folder = root / "deploy" / "kubernetes" / "overlays" / "own"
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text(overlay, encoding="utf-8")
    (folder / "config.yaml").write_text("api: {region: cn-beijing}\n")
    for place in ("deploy/kubernetes/base", "deploy/kubernetes/components", "grafana"):
        (root / place).symlink_to(ROOT / place)
    return kustomized(str(folder))


def shown_overlay() -> str:
    """Return the overlay that the page shows."""
    (overlay,) = (each for each in blocks(PAGE, "yaml") if "Kustomization" in each)
    return overlay


def test_an_overlay_of_one_s_own_works_as_it_is_shown(tmp_path: Path) -> None:
    """With a role in place of a key, another image, and another configuration."""
    made = own(shown_overlay(), tmp_path)

    assert only("ServiceAccount", made)["metadata"]["annotations"] == {
        "pod-identity.alibabacloud.com/role-name": "rocketmq-dr-exporter"
    }
    assert mentions("access-key", made) == []
    (workload,) = workloads(made)
    pod = workload["spec"]["template"]["spec"]
    image = "registry.example.com/rocketmq-dr-exporter:"
    assert pod["containers"][0]["image"].startswith(image)
    name = pod["volumes"][0]["configMap"]["name"]
    (config,) = (each for each in made if each["metadata"]["name"] == name)
    assert config["data"] == {"config.yaml": "api: {region: cn-beijing}\n"}
    assert {each["metadata"]["namespace"] for each in made} == {"rocketmq-dr"}


def test_an_overlay_of_one_s_own_suits_the_prometheus_that_is_there(
    tmp_path: Path,
) -> None:
    """Its operator selects monitor and rules, and it is let in from where it runs."""
    made = own(shown_overlay(), tmp_path)

    for kind in ("ServiceMonitor", "PrometheusRule"):
        labels = only(kind, made)["metadata"]["labels"]
        assert labels["release"] == "kube-prometheus-stack"
    (rule,) = only("NetworkPolicy", made)["spec"]["ingress"]
    (peer,) = rule["from"]
    assert peer == {
        "namespaceSelector": {
            "matchLabels": {"kubernetes.io/metadata.name": "prometheus"}
        }
    }
    (workload,) = workloads(made)
    assert workload["spec"]["selector"] == {
        "matchLabels": {"app.kubernetes.io/name": "rocketmq-dr-exporter"}
    }


def test_a_second_exporter_can_do_without_the_rules(tmp_path: Path) -> None:
    """By the patch that the component shows: in both, each alert would fire twice."""
    component = DEPLOY / "kubernetes/components/prometheus-operator/kustomization.yaml"
    comment = re.findall(r"^#   (.*)$", component.read_text(), re.MULTILINE)
    overlay = yaml.safe_load(shown_overlay())
    overlay["patches"] = yaml.safe_load("\n".join(comment))["patches"]

    made = own(yaml.safe_dump(overlay), tmp_path)

    assert of_kind("PrometheusRule", made) == []
    assert only("ServiceMonitor", made)


def test_the_vendor_asks_for_the_keys_of_a_role_where_the_page_says() -> None:
    """By default over the Internet; by the two variables within the VPC."""
    text = PAGE.read_text(encoding="utf-8")
    default, vpc = re.findall(r"`(sts[\w.-]*\.aliyuncs\.com)`", text)
    told = dict(re.findall(r"`(ALIBABA_CLOUD_(?:VPC|STS)_\w+)=([\w-]+)`", text))

    assert len(told) == 2
    assert asked_of({}) == default
    assert asked_of(told) == vpc


def asked_of(environ: Mapping[str, str]) -> str:
    """Return the host that the vendor's chain asks for the keys of a pod's role."""
    program = (
        "from alibabacloud_credentials.provider import OIDCRoleArnCredentialsProvider\n"
        "print(OIDCRoleArnCredentialsProvider()._sts_endpoint)"
    )
    # As the webhook of RRSA sets them.
    names = ("ROLE_ARN", "OIDC_PROVIDER_ARN", "OIDC_TOKEN_FILE")
    given = {f"ALIBABA_CLOUD_{name}": "given" for name in names}
    # The vendor's package reads its environment once, when it is imported.
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=given | dict(environ),
    ).stdout.strip()


def test_one_image_is_loaded_built_and_run() -> None:
    """By the name that the archive has; what has no tag is another, and not there."""
    image = f"rocketmq-dr-exporter:{__version__}"
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    by_docker = {
        word
        for words in commands(PAGE, "docker")
        for word in words
        if re.match(r"rocketmq-dr-exporter(:|$)", word)
    }
    (pushed,) = commands(PAGE, "buildah")

    # The name of the container is none of an image.
    assert by_docker == {image, "rocketmq-dr-exporter"}
    runs = [words for words in commands(PAGE, "docker") if words[0] == "run"]
    assert [image in words for words in runs] == [True] * 2
    (built,) = (words for words in commands(PAGE, "docker") if words[0] == "build")
    assert built[built.index("--tag") + 1] == image
    assert pushed[-1].endswith(f":{image}")
    assert compose["services"]["exporter"]["image"] == image
    assert f"image `{image}`" in PAGE.read_text(encoding="utf-8")


def test_the_compose_commands_are_said_where_the_file_is() -> None:
    """And by the variable that it has."""
    (block,) = (each for each in blocks(PAGE, "sh") if "docker compose" in each)

    folder = ROOT / block.splitlines()[0].removeprefix("cd ")
    (variable,) = set(re.findall(r"([A-Z_]+)=serve", block))
    assert f"${{{variable}:-demo}}" in (folder / "compose.yaml").read_text()


def test_a_typo_is_refused_as_the_page_shows_it() -> None:
    """To the letter, below what Helm says of the links."""
    (shown,) = blocks(PAGE, "text")
    command, *lines = shown.splitlines()

    result = subprocess.run(
        [real("helm"), *shlex.split(command)[2:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    told = [each for each in result.stderr.splitlines() if "symbolic link" not in each]
    assert [each for each in told if each] == lines


def test_each_file_that_is_linked_exists() -> None:
    """From the page and from the chart's README."""
    for page in (PAGE, CHART / "README.md"):
        text = page.read_text(encoding="utf-8")
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)

        assert links
        for link in links:
            assert (page.parent / link).exists(), link
