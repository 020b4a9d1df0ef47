"""The Helm chart: what it refuses, how it is packed and tried, what it is part of."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from eventually import eventually
from manifests import (
    CHART,
    DEPLOY,
    VERSIONS,
    container,
    documents,
    faults,
    helm,
    of_kind,
    pods,
    refused,
    templated,
    workloads,
)
from paths import ROOT
from programs import clean_environment, exporter_command, free_port, started

from deploy.values import Value, values
from exporter import __version__

pytestmark = [pytest.mark.go]

VALUES = values((CHART / "values.yaml").read_text())


@pytest.mark.parametrize(
    ("given", "told_of"),
    [
        ("replicas=2", "additional properties 'replicas' not allowed"),
        ("config.api.regoin=cn-beijing", "additional properties 'regoin' not allowed"),
        ("config.api.access_key_secret=x", "'access_key_secret' not allowed"),
        ("config.shard.total=2", "additional properties 'shard' not allowed"),
        ("shards=0", "at '/shards': minimum: got 0, want 1"),
        ("service.type=Ingress", "at '/service/type'"),
        ("image.repository=", "at '/image/repository': minLength"),
        ("image.digest=latest", "at '/image/digest'"),
        ("simulator.scenario=calm", "at '/simulator/scenario'"),
        ("replicaCount=2", "Set ha.enabled for a pair of which one polls"),
        ("replicaCount=2,ha.enabled=true", "(ha.replicas for more)"),
        ("ha.replicas=27", "at '/ha/replicas': maximum: got 27, want 26"),
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
    ],
)
def test_values_that_cannot_be_meant_are_refused(given: str, told_of: str) -> None:
    """A typo or a contradiction fails before it reaches a cluster, and says where."""
    assert told_of in refused("--set", given)


def test_shards_are_refused_where_a_pod_does_not_learn_its_index() -> None:
    """Each pod would say that it is shard nothing, over and over."""
    older = ("--kube-version", "v1.27.16-aliyun.1")

    assert "shards above 1 need Kubernetes 1.28" in refused(*older, "--set", "shards=2")
    assert templated("sharded", "--kube-version", "v1.28.0-aliyun.1")
    assert templated("default", *older)


def test_a_key_without_a_value_is_as_good_as_none() -> None:
    """Whoever writes `extraArgs:` and nothing below it gets what is the default."""
    empty = [".".join(value.path) for value in VALUES if value.default in ("", [], {})]

    for case in ("observed", "default", "ha-sharded"):
        given = (CHART / "ci" / f"{case}-values.yaml").read_text()
        own = [path for path in empty if f"{path.rpartition('.')[2]}:" not in given]
        nothing = ",".join(f"{path}=null" for path in own)
        assert len(own) > 20
        assert templated(case, "--set", nothing) == templated(case)


@pytest.mark.parametrize(
    "value",
    [value for value in VALUES if value.default and isinstance(value.default, dict)],
    ids=lambda value: ".".join(value.path),
)
def test_what_is_a_map_can_be_taken_away(value: Value) -> None:
    """Null means nothing there, which Kubernetes has an answer for."""
    more = f"{value.path[0]}.enabled=true," if len(value.path) > 1 else ""

    made = templated("default", f"--set={more}{'.'.join(value.path)}=null")

    assert faults(made, VERSIONS[0]) == []


def test_it_can_be_part_of_another_chart_twice(tmp_path: Path) -> None:
    """By an alias each, of which a condition leaves one out, beside what is global."""
    chart = tmp_path / "umbrella"
    shutil.copytree(CHART, chart / "charts" / "rocketmq-dr-exporter")
    parts = [
        {"name": "rocketmq-dr-exporter", "version": __version__, "alias": alias}
        | {"condition": f"{alias}.enabled"}
        for alias in ("east", "west", "north")
    ]
    about = {"apiVersion": "v2", "name": "umbrella", "version": "1.0.0"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**about, "dependencies": parts}))
    on = {"enabled": True, "podSecurityContext": {"runAsUser": None}}
    given = {"east": on, "west": on, "north": {"enabled": False}, "global": {"a": 1}}
    (chart / "values.yaml").write_text(yaml.safe_dump(given))

    result = helm("template", "dr", str(chart))

    assert result.returncode == 0, result.stderr
    made = tuple(documents(result.stdout))
    names = [each["metadata"]["name"] for each in workloads(made)]
    assert names == ["dr-east", "dr-west"]
    assert len({(x["kind"], x["metadata"]["name"]) for x in made}) == len(made)
    # A default that is taken away, as OpenShift wants it, is so there too.
    assert not any("runAsUser" in each["securityContext"] for each in pods(made))


def test_a_chart_whose_links_got_lost_says_so(tmp_path: Path) -> None:
    """Flux leaves links out of what it takes from git: nothing would alert."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    shutil.rmtree(chart / "files" / "rules")

    observed = str(CHART / "ci" / "observed-values.yaml")
    result = helm("template", "dr", str(chart), "--values", observed)

    assert result.returncode != 0
    assert "files/rules is not there" in result.stderr
    # Whoever asks for none has no need of them.
    assert helm("template", "dr", str(chart)).returncode == 0


def test_what_is_packed_holds_rules_and_dashboards_and_no_examples(
    tmp_path: Path,
) -> None:
    """A package has files where the repository has links."""
    result = helm("package", str(CHART), "--destination", str(tmp_path))
    assert result.returncode == 0, result.stderr

    with tarfile.open(tmp_path / f"rocketmq-dr-exporter-{__version__}.tgz") as archive:
        packed = {
            Path(member.name).relative_to("rocketmq-dr-exporter"): file.read()
            for member in archive
            if member.isfile() and (file := archive.extractfile(member))
        }

    for place, source in (
        ("files/rules", DEPLOY / "prometheus" / "rules"),
        ("files/dashboards", ROOT / "grafana" / "dashboards"),
    ):
        held = {x.name: text for x, text in packed.items() if x.parent == Path(place)}
        assert held == {x.name: x.read_bytes() for x in source.glob("[!.]*")}
    assert Path("values.schema.json") in packed
    assert not [file for file in packed if file.parts[0] == "ci"]


def test_whoever_installs_is_told_what_is_missing(tmp_path: Path) -> None:
    """NOTES.txt warns of no credentials, of a key in the release, and of no alerts."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    text = (chart / "templates" / "NOTES.txt").read_text()
    (chart / "templates" / "_notes.tpl").write_text(
        '{{ define "notes" }}' + text + "{{ end }}"
    )
    (chart / "templates" / "notes.yaml").write_text(
        'text: {{ include "notes" . | quote }}\n'
    )

    def notes(case: str) -> str:
        values = f"--values={CHART / 'ci' / f'{case}-values.yaml'}"
        only_these = "--show-only=templates/notes.yaml"
        result = helm("template", "dr", str(chart), values, only_these)
        assert result.returncode == 0, result.stderr
        return str(yaml.safe_load(result.stdout)["text"])

    assert "No credentials are set" in notes("default")
    assert "Nothing alerts" in notes("default")
    assert "WARNING: the access key's secret is part" in notes("inline-secret")
    assert "WARNING" not in notes("existing-secret")
    assert "Nothing" not in notes("observed")
    assert "curl https://localhost:10063/dr-metrics" in notes("web")


@contextmanager
def answering(status: HTTPStatus) -> Iterator[int]:
    """Answer every request with a status, at a port of loopback."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep what was asked to itself."""

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
    (pod,) = pods(of_kind("Pod", templated("default")))
    python, flag, program, *_ = container(pod)["command"]
    assert (python, flag) == ("python", "-c")
    command: list[Any] = [sys.executable, "-c", program, "localhost", str(port)]
    done = subprocess.run([*command, scheme, path], capture_output=True, check=False)
    return done.returncode


@pytest.mark.parametrize(
    ("scheme", "status", "code"),
    [
        ("http", HTTPStatus.UNAUTHORIZED, 0),
        ("http", HTTPStatus.SERVICE_UNAVAILABLE, 1),
        ("https", HTTPStatus.SERVICE_UNAVAILABLE, 0),
    ],
)
def test_the_connection_test_has_no_password_and_trusts_no_certificate(
    scheme: str, status: HTTPStatus, code: int
) -> None:
    """Whoever asks for one is there; of TLS it takes a connection for an answer."""
    with answering(status) as port:
        assert connection_test(port, scheme, "/") == code


async def test_the_connection_test_passes_only_while_metrics_are_answered(
    tmp_path: Path,
) -> None:
    """The pod's own program, against the real exporter and against nobody."""
    port = free_port()

    async def tried(path: str) -> int:
        return await asyncio.to_thread(connection_test, port, "http", path)

    async def passes() -> bool:
        return await tried("/metrics") == 0

    assert await tried("/metrics") == 1
    flags = (f"--web.listen-address=127.0.0.1:{port}", "--listen-address=127.0.0.1:0")
    env = clean_environment(tmp_path)
    async with started(*exporter_command("demo", *flags), env=env):
        await eventually(passes, within=120)
        assert await tried("/elsewhere") == 1
