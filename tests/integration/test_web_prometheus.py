"""A real Prometheus scrapes over TLS, with certificate and password."""

from __future__ import annotations

import asyncio
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from certificates import Authority
from cryptography import x509
from eventually import eventually
from programs import (
    clean_environment,
    exporter_command,
    free_port,
    line_with,
    prometheus,
    real,
    run_exporter,
    started,
)
from web_config_cases import CASES, OLD_FORMAT, hashed, write_folder
from web_server import Server, rewrite

from exporter.simulator.server import running
from exporter.simulator.world import World

AUTHORITY = Authority()
REFUSED = (aiohttp.ClientError, OSError)
WEB = """
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_ca_file: ca.crt
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus.example]
basic_auth_users: {prometheus: HASH}
"""
SCRAPE = """
    scheme: https
    basic_auth: {username: prometheus, password: open sesame}
    tls_config:
      {ca_file: ca.crt, cert_file: client.crt, key_file: client.key,
       server_name: localhost}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a web configuration and all certificates."""
    (tmp_path / "ca.crt").write_text(AUTHORITY.cert)
    AUTHORITY.issue("server").write(tmp_path, "server")
    name = x509.DNSName("prometheus.example")
    AUTHORITY.issue("prometheus", name).write(tmp_path, "client")
    (tmp_path / "web.yml").write_text(WEB.replace("HASH", hashed("open sesame")))
    return tmp_path


@asynccontextmanager
async def exporter(folder: Path, cloud: str) -> AsyncIterator[Server]:
    """Run `serve` with the folder's web configuration, from another directory."""
    port = free_port()
    environment = clean_environment(
        folder,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_API__ENDPOINT=cloud,
    )
    command = exporter_command(
        "serve",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--web.config.file={folder / 'web.yml'}",
        "--poll.interval=1s",
    )
    async with started(*command, env=environment) as process:
        await line_with(process.stderr, "msg=started")
        yield Server(port)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 120) == 0


def identity(folder: Path) -> ssl.SSLContext:
    """Return a client's context with the certificate that is accepted."""
    context = AUTHORITY.trusted()
    context.load_cert_chain(folder / "client.crt", folder / "client.key")
    return context


async def test_prometheus_scrapes_over_tls_with_certificate_and_password(
    folder: Path,
) -> None:
    """It is refused as soon as its password is no longer the one of the file."""
    up = 'up{job="rocketmq-dr"} == %d'
    async with (
        running(World(scenario="mixed")) as cloud,
        exporter(folder, cloud) as server,
        prometheus(f"127.0.0.1:{server.port}", folder, SCRAPE) as prom,
    ):
        assert await eventually(lambda: prom.query(up % 1))
        assert await eventually(lambda: prom.query("rocketmq_dr_up"))
        rewrite(folder / "web.yml", WEB.replace("HASH", hashed("another")))
        assert await eventually(lambda: prom.query(up % 0))
        with pytest.raises(REFUSED):
            await server.get()
        with pytest.raises(REFUSED):
            await server.get(tls=AUTHORITY.trusted(), user=("prometheus", "another"))
        known = await server.get(tls=identity(folder), user=("prometheus", "another"))
        assert known.status == 200


async def test_a_comparison_under_way_does_not_hold_up_the_exit(folder: Path) -> None:
    """A hash that takes hours to compare with is no reason to outlive SIGTERM."""
    slow = hashed("x").replace("$04$", "$31$")
    rewrite(folder / "web.yml", f"basic_auth_users: {{slow: '{slow}'}}")
    async with exporter(folder, "http://127.0.0.1:9") as server:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.get(user=("slow", "y")), 0.5)


async def test_serve_does_not_start_with_a_configuration_it_cannot_keep(
    folder: Path,
) -> None:
    """It exits with 2 and says why, instead of serving without TLS."""
    (folder / "server.key").unlink()
    flag = f"--web.config.file={folder / 'web.yml'}"

    result = await run_exporter("serve", flag, env=clean_environment(folder))

    assert result.status == 2
    assert "failed to read key_file" in result.err
    assert len(result.err.splitlines()) == 1


def test_promtool_agrees_on_every_file_that_its_version_knows(tmp_path: Path) -> None:
    """Exceptions are listed with the cases, each with its reason."""
    write_folder(tmp_path, AUTHORITY)
    for case in CASES:
        file = tmp_path / f"{case.name}.yml"
        file.write_text(case.text)
        command = (real("promtool"), "check", "web-config", str(file))

        result = subprocess.run(command, capture_output=True, text=True, check=False)

        is_accepted = result.returncode == 0
        assert is_accepted == case.is_accepted_by_promtool, (case.name, result.stderr)
        assert case.reason != OLD_FORMAT or "not found in type" in result.stderr
