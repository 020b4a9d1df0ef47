"""The Helm chart: what it tells whoever installs it, and `helm test`."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from eventually import eventually
from manifests import (
    CHART,
    FULL_NAME,
    container,
    helm,
    of_kind,
    only,
    pods,
    templated,
)
from programs import clean_environment, exporter_command, free_port, started

pytestmark = [pytest.mark.go]


def noted(folder: Path, case: str) -> str:
    """Return the notes that an installation ends with.

    Helm shows them to whom it installs, which takes a cluster; so a copy of the chart
    renders them as a template beside the others.
    """
    chart = folder / "chart"
    shutil.copytree(CHART, chart, dirs_exist_ok=True)
    text = (chart / "templates" / "NOTES.txt").read_text()
    (chart / "templates" / "_notes.tpl").write_text(
        '{{ define "notes" }}' + text + "{{ end }}"
    )
    (chart / "templates" / "notes.yaml").write_text(
        'text: {{ include "notes" . | quote }}\n'
    )
    values = str(CHART / "ci" / f"{case}-values.yaml")
    only_these = ("--show-only", "templates/notes.yaml")
    result = helm(
        *("template", "dr", str(chart), "--namespace", "tools"),
        *("--values", values, *only_these),
    )
    assert result.returncode == 0, result.stderr
    return str(yaml.safe_load(result.stdout)["text"])


def test_whoever_installs_is_told_what_is_missing(tmp_path: Path) -> None:
    """NOTES.txt names the commands, warns of a key in the release, and of no alerts."""
    notes = partial(noted, tmp_path)

    assert "port-forward service/dr-rocketmq-dr-exporter 10063:10063" in notes(
        "default"
    )
    assert "No credentials are set" in notes("default")
    assert "Nothing alerts" in notes("default")
    assert "Nothing tells Prometheus of it" in notes("default")
    assert "curl https://localhost:10063/dr-metrics" in notes("web")
    assert "port-forward service/dr-exporter 10063:9999" in notes("full")
    assert "WARNING: the access key's secret is part" in notes("inline-secret")
    assert "WARNING" not in notes("existing-secret")
    assert (
        "rollout restart statefulset --selector app.kubernetes.io/name="
        "rocketmq-dr-exporter,app.kubernetes.io/instance=dr\n"
    ) in notes("sharded")
    assert "label namespace tools" in notes("rrsa")
    assert "It shows a simulated cloud" in notes("observed")
    assert "Nothing" not in notes("observed")
    # Each of its own, whatever stands before it.
    for case in ("default", "web"):
        assert "\n\nNothing alerts" in notes(case)


def test_the_connection_test_is_asked_for() -> None:
    """It is no part of an installation, and what is left of it makes way."""
    annotations = only("Pod", templated("default"))["metadata"]["annotations"]

    assert annotations["helm.sh/hook"] == "test"
    deleted = annotations["helm.sh/hook-delete-policy"]
    assert deleted == "before-hook-creation,hook-succeeded"


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
    program = container(next(pods(of_kind("Pod", templated("default")))))["command"][2]

    with answering(status) as port:
        command = [sys.executable, "-c", program, "localhost", str(port), scheme, "/"]
        result = subprocess.run(command, capture_output=True, check=False)

    assert result.returncode == code


async def test_the_connection_test_passes_only_while_metrics_are_answered(
    tmp_path: Path,
) -> None:
    """The pod's own program, against the real exporter and against nobody."""
    (pod,) = pods(of_kind("Pod", templated("default")))
    python, flag, program, host, _, *rest = container(pod)["command"]
    port = free_port()
    assert (python, flag, host, rest) == (
        "python",
        "-c",
        FULL_NAME,
        ["http", "/metrics"],
    )

    def tried(path: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, "localhost", str(port), "http", path]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    async def passes() -> bool:
        return (await asyncio.to_thread(tried, "/metrics")).returncode == 0

    refused_by_nobody = await asyncio.to_thread(tried, "/metrics")
    flags = (
        f"--web.listen-address=127.0.0.1:{port}",
        f"--listen-address=127.0.0.1:{free_port()}",
    )
    async with started(
        *exporter_command("demo", *flags), env=clean_environment(tmp_path)
    ):
        assert await eventually(passes)
        elsewhere = await asyncio.to_thread(tried, "/elsewhere")

    assert refused_by_nobody.returncode == 1
    assert elsewhere.returncode == 1
    assert "/elsewhere answered 404" in elsewhere.stderr
