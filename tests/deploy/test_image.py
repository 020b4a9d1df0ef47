"""The release is complete; its image runs as nobody, writes nowhere, and answers."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from containers import (
    BASE,
    BUILT_AT,
    COMMIT,
    DEMO,
    IMAGE,
    NAME,
    Container,
    inspected,
    loaded,
    release,
    run,
    running,
)
from eventually import eventually
from paths import ROOT
from programs import free_port, real

from exporter import __version__

# Whoever comes first builds the release.
pytestmark = [pytest.mark.timeout(1200)]

LARGEST_MB = 120
HASHES = """
import hashlib, json, exporter
from pathlib import Path
root = Path(exporter.__file__).parents[1]
print(json.dumps({
    str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
    for file in (root / "exporter").rglob("*")
    if file.is_file() and file.suffix != ".pyc"
}))
"""
LEFT = """
from importlib.util import find_spec, cache_from_source
from pathlib import Path
import exporter.app.cli as cli
print([find_spec(each) is None for each in ("pip", "setuptools", "hatchling")])
print(Path("/build").exists(), Path(cache_from_source(cli.__file__)).exists())
"""
OTHERS_FILES = """
from pathlib import Path
print([str(each) for each in Path("/opt/venv").rglob("*")
       if each.lstat().st_uid != 0 or each.stat().st_mode & 0o002])
"""


@pytest.fixture(scope="module")
def port() -> int:
    """Return where the demo listens."""
    return free_port()


@pytest.fixture(scope="module")
def demo(port: int) -> Iterator[Container]:
    """Run the demo of the image; it ends with 0 when it is told to stop."""
    addresses = (
        f"--web.listen-address=127.0.0.1:{port}",
        "--listen-address=127.0.0.1:0",
    )
    with running(DEMO, "demo", *addresses) as container:
        yield container
        # SIGTERM, as Docker and Kubernetes send it; SIGKILL would be 137.
        assert container.stop() == 0


def test_the_release_is_complete_and_summed_up() -> None:
    """Wheel, source, image, chart, SBOM and notes; the bill is of this version."""
    folder = release()
    prefix = f"{NAME}-{__version__}"
    python = f"rocketmq_dr_exporter-{__version__}"
    expected = {
        *(f"{prefix}-image.tar.gz", f"{prefix}.cdx.json", "RELEASE_NOTES.md"),
        *(f"{python}-py3-none-any.whl", f"{python}.tar.gz", f"{prefix}.tgz"),
    }
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    sums = (folder / "SHA256SUMS").read_text(encoding="utf-8").split()

    assert checked.returncode == 0
    assert set(sums[1::2]) == expected
    assert {file.name for file in folder.iterdir()} == {*expected, "SHA256SUMS"}
    bill = json.loads((folder / f"{prefix}.cdx.json").read_text())
    assert bill["metadata"]["component"]["version"] == __version__
    assert bill["metadata"]["timestamp"] == "2026-01-01T00:00:00+00:00"


async def test_it_answers_and_says_what_it_is(demo: Container, port: int) -> None:
    """Metrics of checkpoints, and the commit that it was built from."""

    async def scraped() -> str | None:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{port}/metrics") as response,
            ):
                text = await response.text()
        except aiohttp.ClientConnectionError:
            return None
        return text if "\nrocketmq_dr_sync_lag_seconds{" in text else None

    metrics = await eventually(scraped, within=120)

    assert metrics is not None
    [line] = re.findall("^rocketmq_dr_exporter_build_info.*", metrics, re.MULTILINE)
    assert f'revision="{COMMIT}",version="{__version__}"' in line


def test_it_runs_as_nobody_and_may_do_nothing(demo: Container) -> None:
    """Neither root nor any capability, and no way to either; no folder takes a file."""
    status = demo.python("print(open('/proc/1/status').read())").stdout
    fields = dict(re.findall(r"^(\w+):\t(.*)$", status, re.MULTILINE))

    assert (fields["Uid"], fields["Gid"]) == ("\t".join(["65532"] * 4),) * 2
    assert [fields[f"Cap{each}"] for each in ("Inh", "Prm", "Eff", "Bnd", "Amb")] == (
        ["0" * 16] * 5
    )
    assert fields["NoNewPrivs"] == "1"
    for folder in ("/", "/tmp", "/opt/venv"):  # noqa: S108 - of the container
        tried = demo.python(f"open('{folder}/x', 'w')")
        assert "Read-only file system" in tried.stderr
    # Nor could it change itself without a read-only root.
    assert demo.python(OTHERS_FILES).stdout == "[]\n"


def test_it_runs_what_the_wheel_has_and_nothing_that_built_it(demo: Container) -> None:
    """No pip, no build folder, and its code is compiled already."""
    (wheel,) = release().glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {
            name: hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if name.startswith("exporter/")
        }

    assert json.loads(demo.python(HASHES).stdout) == packed
    assert demo.python(LEFT).stdout == "[True, True, True]\nFalse True\n"


def test_bad_configuration_ends_it_and_is_told_first() -> None:
    """A crash loop that says why in its first line."""
    ended = run(ROCKETMQ_DR_POLL__INTERVAL="often")

    assert ended.returncode == 2
    assert ended.stderr.splitlines()[0].startswith("ROCKETMQ_DR_POLL__INTERVAL: ")


def test_it_says_what_it_is_without_being_run() -> None:
    """Labels by the specification's names, a numeric user, and it is small."""
    loaded()
    image = inspected("image", IMAGE)
    labels = {
        key.removeprefix("org.opencontainers.image."): value
        for key, value in image["Labels"].items()
    }

    assert image["User"] == "65532:65532"
    assert image["Config"]["Entrypoint"] == ["rocketmq-dr-exporter"]
    assert image["Config"]["StopSignal"] == "SIGTERM"
    assert labels["version"] == __version__
    assert labels["revision"] == COMMIT
    assert labels["licenses"] == "Apache-2.0"
    assert labels["base.name"] == BASE
    created = datetime.fromisoformat(labels["created"])
    assert created == datetime.fromtimestamp(BUILT_AT, UTC)
    ours_mb = (image["Size"] - inspected("image", BASE)["Size"]) / 1e6
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
