"""The image runs as nobody, writes nowhere, answers, and stops when told to."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from containers import BASE, IMAGE, Container, idle, inspected, loaded, run, running
from eventually import eventually
from paths import ROOT
from programs import free_port, real
from release import BUILT_AT, COMMIT

from exporter import __version__

# Whoever comes first builds the image.
pytestmark = [pytest.mark.timeout(600)]

LARGEST_MB = 120
STOPS_WITHIN_SECONDS = 5
READ_ONLY = "Read-only file system"


@pytest.fixture(scope="module")
def port() -> int:
    """Return where the demo listens."""
    return free_port()


@pytest.fixture(scope="module")
def demo(port: int) -> Iterator[Container]:
    """Run the demo of the image."""
    addresses = (
        f"--web.listen-address=127.0.0.1:{port}",
        f"--listen-address=127.0.0.1:{free_port()}",
    )
    with running("demo", "demo", *addresses) as container:
        yield container


async def scraped(port: int) -> str:
    """Return the metrics, once there are any of checkpoints."""

    async def look() -> str | None:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{port}/metrics") as response,
            ):
                text = await response.text()
        except aiohttp.ClientConnectionError:
            return None
        return text if "\nrocketmq_dr_sync_lag_seconds{" in text else None

    found = await eventually(look)
    assert found is not None
    return found


async def test_it_answers_and_says_what_it_is(demo: Container, port: int) -> None:
    """Metrics of checkpoints, and the commit that it was built from."""
    metrics = await scraped(port)

    [line] = re.findall("^rocketmq_dr_exporter_build_info.*", metrics, re.MULTILINE)
    assert f'revision="{COMMIT}",version="{__version__}"' in line


def test_it_runs_as_nobody_and_may_do_nothing(demo: Container) -> None:
    """Neither root nor any capability, and no way to either."""
    status = demo.python("print(open('/proc/1/status').read())").stdout
    fields = dict(re.findall(r"^(\w+):\t(.*)$", status, re.MULTILINE))

    assert (fields["Uid"], fields["Gid"]) == ("\t".join(["65532"] * 4),) * 2
    assert [fields[f"Cap{each}"] for each in ("Inh", "Prm", "Eff", "Bnd", "Amb")] == (
        ["0" * 16] * 5
    )
    assert fields["NoNewPrivs"] == "1"


@pytest.mark.parametrize("folder", ["/", "/tmp", "/opt/venv", "/var/tmp"])  # noqa: S108 - of the container
def test_it_needs_nothing_to_write_to(demo: Container, folder: str) -> None:
    """The demo runs though no folder takes a file."""
    tried = demo.python(f"open('{folder}/x', 'w')")

    assert READ_ONLY in tried.stderr


def test_without_a_read_only_root_it_cannot_change_itself() -> None:
    """What it runs belongs to root."""
    program = "open('/opt/venv/bin/x', 'w')"
    with idle("soft", "--read-only=false") as container:
        tried = container.python(program)

    assert "Permission denied" in tried.stderr


async def test_it_stops_when_told_to() -> None:
    """SIGTERM, as Docker and Kubernetes send it, and well within their patience."""
    port = free_port()
    addresses = (
        f"--web.listen-address=127.0.0.1:{port}",
        f"--listen-address=127.0.0.1:{free_port()}",
    )
    with running("stopped", "demo", *addresses) as container:
        await scraped(port)
        before = time.monotonic()
        status = await asyncio.to_thread(container.stop)
        took_seconds = time.monotonic() - before

    assert status == 0
    assert took_seconds < STOPS_WITHIN_SECONDS


def test_bad_configuration_ends_it_and_is_told_first() -> None:
    """A crash loop that says why in its first line."""
    ended = run(options=("--env=ROCKETMQ_DR_POLL__INTERVAL=often",))

    assert ended.returncode == 2
    assert ended.stderr.splitlines()[0].startswith("ROCKETMQ_DR_POLL__INTERVAL: ")


def test_a_secret_that_it_may_not_read_is_told_first(tmp_path: Path) -> None:
    """One of root's, as a careful user makes it."""
    secret = tmp_path / "secret"
    secret.write_text("canary")
    secret.chmod(0o600)
    place = "/run/secrets/access-key-secret"

    ended = run(
        options=(
            f"--volume={secret}:{place}:ro",
            "--env=ROCKETMQ_DR_API__ACCESS_KEY_ID=LTAI-no-key",
            f"--env=ROCKETMQ_DR_API__ACCESS_KEY_SECRET_FILE={place}",
        )
    )

    assert ended.returncode == 2
    told = f"api.access_key_secret_file: {place}: cannot be read: Permission denied\n"
    assert ended.stderr == told


def test_it_is_the_program_itself() -> None:
    """Arguments are those of the command line; no shell is between."""
    assert run("--version").stdout.strip() == f"rocketmq-dr-exporter {__version__}"


def test_it_says_what_it_is_without_being_run() -> None:
    """Labels by the specification's names, and a numeric user."""
    loaded()
    config = inspected("image", IMAGE)
    labels = {
        key.removeprefix("org.opencontainers.image."): value
        for key, value in config["Labels"].items()
    }

    assert config["User"] == "65532:65532"
    assert config["Config"]["Entrypoint"] == ["rocketmq-dr-exporter"]
    assert config["Config"]["StopSignal"] == "SIGTERM"
    assert labels["version"] == __version__
    assert labels["revision"] == COMMIT
    assert labels["licenses"] == "Apache-2.0"
    assert labels["base.name"] == BASE
    assert datetime.fromisoformat(labels["created"]) == datetime.fromtimestamp(
        BUILT_AT, UTC
    )


def test_nothing_that_built_it_is_left(demo: Container) -> None:
    """No pip, no build folder, and its code is compiled already."""
    program = """
from importlib.util import find_spec, cache_from_source
from pathlib import Path
import exporter.app.cli as cli
print([find_spec(each) is None for each in ("pip", "setuptools", "hatchling")])
print(Path("/build").exists(), Path(cache_from_source(cli.__file__)).exists())
"""
    assert demo.python(program).stdout.splitlines() == [
        "[True, True, True]",
        "False True",
    ]


def test_it_is_small() -> None:
    """What we put on top of the base, unpacked."""
    loaded()
    sizes = {name: inspected("image", name)["Size"] for name in (IMAGE, BASE)}
    ours_mb = (sizes[IMAGE] - sizes[BASE]) / 1e6

    assert ours_mb < LARGEST_MB


def linted(file: Path) -> subprocess.CompletedProcess[str]:
    """Return what hadolint says of a file."""
    return subprocess.run(
        [real("hadolint"), str(file)], capture_output=True, text=True, check=False
    )


def test_hadolint_finds_nothing(tmp_path: Path) -> None:
    """And it looks: it finds a moving base and a user who is root."""
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian\nUSER root\n")

    assert {"DL3006", "DL3002"} <= set(re.findall(r"DL\d+", linted(bad).stdout))
    found = linted(ROOT / "Dockerfile")
    assert (found.returncode, found.stdout) == (0, "")
