"""The Helm chart: what it refuses, and how it is packed, installed and tried."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from manifests import (
    CHART,
    EXAMPLES,
    VERSIONS,
    container,
    example,
    faults,
    helm,
    only,
    pods,
    rendered,
    templated,
    workloads,
)
from paths import ROOT

from deploy.chart import Value, values
from exporter import __version__

pytestmark = [pytest.mark.go]

PAGE = ROOT / "docs" / "deploy.md"
IMAGE = "image.repository=a.example/b"
ROUTES = "alertmanagerConfig"
VALUES = values((CHART / "values.yaml").read_text())


def refused(*options: str) -> str:
    """Return why helm refuses to render the chart."""
    result = helm("template", "dr", str(CHART), *options)
    assert result.returncode != 0
    assert not result.stdout
    return result.stderr


@pytest.mark.parametrize("case", EXAMPLES)
def test_helm_lint_finds_nothing(case: str) -> None:
    """`--strict` fails for warnings too; each example passes the schema."""
    result = helm("lint", "--strict", str(CHART), example(case))

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("page", "cwd"), [(PAGE, ROOT), (CHART / "README.md", CHART.parent)]
)
def test_each_installation_that_a_page_shows_can_be_rendered(
    page: Path, cwd: Path
) -> None:
    """All values of these commands exist."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"^helm (?:install|upgrade --install) (.*)", text, re.MULTILINE)

    assert len(found) >= 2
    for line in found:
        assert workloads(rendered(*shlex.split(line, comments=True), cwd=cwd))


def test_a_typo_is_refused_as_the_page_shows_it() -> None:
    """Word for word."""
    text = PAGE.read_text(encoding="utf-8")
    (shown,) = re.findall(
        r"^```text\n\$ helm (.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    command, *lines = shown.splitlines()

    result = helm(*shlex.split(command))

    assert [each for each in result.stderr.splitlines() if each] == lines


@pytest.mark.parametrize(
    ("given", "message"),
    [
        # By the schema, which test_deploy_build.py tries in full.
        ("config.api.regoin=cn-beijing", "additional properties 'regoin' not allowed"),
        ("image.digest=latest", "at '/image/digest'"),
        ("simulator.scenario=calm", "at '/simulator/scenario'"),
        # By a template.
        ("image.repository=", "image.repository is not given. The chart of a release"),
        ("replicaCount=2", "Set ha.enabled for a pair of which one polls"),
        ("replicaCount=2,ha.enabled=true", "(ha.replicas for more)"),
        ("credentials.accessKeyId=a", "accessKeySecret belong together"),
        (
            "credentials.existingSecret=a,credentials.accessKeyId=b",
            "existingSecret and accessKeyId are both given",
        ),
        (
            "credentials.existingSecret=a,credentials.rrsaRoleName=b",
            "(rrsaRoleName) and an access key are both given",
        ),
        (
            "credentials.rrsaRoleName=b,serviceAccount.create=false",
            "it needs serviceAccount.create",
        ),
        ("credentials.securityTokenKey=a", "securityTokenKey is a key of existing"),
        ("config.api.region=a,existingConfigMap=b", "config and existingConfigMap"),
        ("simulator.enabled=true,shards=2", "simulator.enabled takes no config"),
        ("simulator.enabled=true,ha.enabled=true", "simulator.enabled takes no config"),
        ("simulator.enabled=true,config.api.region=a", "simulator.enabled takes no"),
        (
            "simulator.enabled=true,credentials.existingSecret=a",
            "simulator.enabled takes no",
        ),
        (
            "prometheusRule.enabled=true,prometheusRule.disabled={RocketMQDR}",
            "there is no alert RocketMQDR",
        ),
        (
            "prometheusRule.enabled=true,prometheusRule.thresholds.lag=1",
            "there is no threshold lag, only: critical_objectives.",
        ),
        ("alertmanagerConfig.enabled=true", "there is no receiver pager. The routes"),
        (
            f"{ROUTES}.enabled=true,{ROUTES}.receivers[0].name=pager",
            "there is no receiver tickets",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    given: str, message: str
) -> None:
    """They fail before they reach a cluster, and one line says where and what to do."""
    told = refused("--set", f"{IMAGE},{given}")

    assert [message in line for line in told.splitlines()].count(True) == 1


def test_shards_are_refused_where_a_pod_cannot_know_its_index() -> None:
    """Each pod would take itself for shard 0; pairs are told theirs."""
    older = ("--kube-version", "v1.27.16-aliyun.1")

    told = refused(*older, "--set", f"{IMAGE},shards=2")
    assert "need Kubernetes 1.28" in told
    assert "Set shards=1, or ha.enabled=true" in told
    assert templated("sharded", options=("--kube-version", "v1.28.0-aliyun.1"))
    assert templated("default", options=older)
    assert templated("ha-sharded", options=older)


def test_a_key_without_a_value_means_the_default() -> None:
    """`extraArgs:` with nothing below it is the same as no `extraArgs`."""
    empty = [".".join(value.path) for value in VALUES if value.default in ("", [], {})]

    for case in ("observed", "default", "ha-sharded"):
        given = (CHART / "ci" / f"{case}-values.yaml").read_text()
        own = [path for path in empty if f"{path.rpartition('.')[2]}:" not in given]
        assert len(own) > 20
        nothing = ",".join(f"{path}=null" for path in own)
        assert templated(case, nothing) == templated(case)


@pytest.mark.parametrize(
    "value",
    [value for value in VALUES if value.default and isinstance(value.default, dict)],
    ids=lambda value: ".".join(value.path),
)
def test_a_default_that_is_a_map_can_be_removed_by_null(value: Value) -> None:
    """Kubernetes accepts what is left."""
    more = f"{value.path[0]}.enabled=true," if len(value.path) > 1 else ""

    made = templated("default", f"{more}{'.'.join(value.path)}=null")

    assert faults(made, VERSIONS[0]) == []


def test_it_can_be_part_of_another_chart_twice(tmp_path: Path) -> None:
    """By an alias each; a condition switches one off, and `global` is allowed."""
    chart = tmp_path / "umbrella"
    shutil.copytree(CHART, chart / "charts" / "rocketmq-dr-exporter")
    parts = [
        {"name": "rocketmq-dr-exporter", "version": __version__, "alias": alias}
        | {"condition": f"{alias}.enabled"}
        for alias in ("east", "west", "north")
    ]
    about = {"apiVersion": "v2", "name": "umbrella", "version": "1.0.0"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**about, "dependencies": parts}))
    on = {
        "enabled": True,
        "image": {"repository": "a"},
        "podSecurityContext": {"runAsUser": None},
    }
    given = {"east": on, "west": on, "north": {"enabled": False}, "global": {"a": 1}}
    (chart / "values.yaml").write_text(yaml.safe_dump(given))

    made = rendered("dr", str(chart))

    names = [each["metadata"]["name"] for each in workloads(made)]
    assert names == ["dr-east", "dr-west"]
    assert len({(x["kind"], x["metadata"]["name"]) for x in made}) == len(made)
    # null removes a default there, too; OpenShift wants that.
    assert not any("runAsUser" in each["securityContext"] for each in pods(made))


def test_a_package_holds_rules_and_dashboards_and_no_examples(tmp_path: Path) -> None:
    """Its copies are the repository's: see test_deploy_build.py."""
    result = helm("package", str(CHART), "--destination", str(tmp_path))
    assert result.returncode == 0, result.stderr

    with tarfile.open(tmp_path / f"rocketmq-dr-exporter-{__version__}.tgz") as archive:
        packed = {Path(x.name).relative_to("rocketmq-dr-exporter") for x in archive}

    copies = {x.relative_to(CHART) for x in (CHART / "files").rglob("*.*")}
    assert len(copies) == 8
    assert packed >= {*copies, Path("values.schema.json")}
    assert not [file for file in packed if file.parts[0] == "ci"]


@pytest.mark.parametrize(
    ("case", "says", "does_not_say"),
    [
        ("default", ["No credentials are set", "Nothing alerts"], "WARNING"),
        ("inline-secret", ["WARNING: the access key's secret is part"], "No cred"),
        ("existing-secret", [], "WARNING"),
        ("observed", [], "Nothing"),
        ("web", ["curl https://localhost:10063/dr-metrics"], "WARNING"),
    ],
)
def test_the_notes_say_what_is_missing(
    case: str, says: list[str], does_not_say: str, tmp_path: Path
) -> None:
    """NOTES.txt warns of no credentials, of a key in the release, and of no alerts."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    # `helm template` prints manifests alone.
    text = '{{ define "notes" }}' + (chart / "templates" / "NOTES.txt").read_text()
    (chart / "templates" / "_notes.tpl").write_text(text + "{{ end }}")
    manifest = 'kind: Notes\ntext: {{ include "notes" . | quote }}\n'
    (chart / "templates" / "notes.yaml").write_text(manifest)

    notes = only("Notes", rendered("dr", str(chart), example(case)))["text"]

    assert all(each in notes for each in says)
    assert does_not_say not in notes


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Answer /metrics with a status, at a port of loopback, and all else with 404."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/metrics" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write no log."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            serving.join()


def connection_test(port: int, scheme: str, path: str) -> int:
    """Return how the program of `helm test` ends."""
    python, flag, program, *_ = container(pods(templated("default"))[1])["command"]
    assert (python, flag) == ("python", "-c")
    command = [sys.executable, "-c", program, "localhost", str(port), scheme, path]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("status", "scheme", "path", "code"),
    [
        (200, "http", "/metrics", 0),
        (200, "http", "/elsewhere", 1),
        (503, "http", "/metrics", 1),
        (401, "http", "/metrics", 0),
        (503, "https", "/metrics", 0),
    ],
)
def test_the_connection_test_passes_only_while_metrics_are_answered(
    status: int, scheme: str, path: str, code: int
) -> None:
    """It has no password: asked for one, it passes. Over TLS it only connects."""
    with answering(status) as port:
        assert connection_test(port, scheme, path) == code
    for each in ("http", "https"):
        assert connection_test(port, each, path) == 1
