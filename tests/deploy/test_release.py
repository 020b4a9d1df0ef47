"""The release is complete; its image runs without rights, and answers."""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from eventually import eventually
from paths import ROOT
from programs import free_port, real

from exporter import __version__

# The first test that needs the release builds it.
pytestmark = [pytest.mark.timeout(1200)]

NAME = "rocketmq-dr-exporter"
STORAGE = ROOT / ".cache" / "images"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BUILT_AT = 1_767_225_600
IMAGE = f"localhost/{NAME}:{__version__}"
BASE = "localhost/python-debian"
LARGEST_MB = 120
DEMO = "demo"
"""The name of the container that runs the demo."""

# No root, no capability, and no folder to write to, not even /tmp.
HARDENED = (
    *("--read-only", "--read-only-tmpfs=false"),
    *("--cap-drop=all", "--security-opt=no-new-privileges", "--network=host"),
)
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
WRITABLE = """
from pathlib import Path
print([str(each) for each in Path("/opt/venv").rglob("*")
       if each.lstat().st_uid != 0 or each.stat().st_mode & 0o002])
"""
BAD_WORKFLOW = """
name: Bad
on: pull_request_target
permissions: write-all
jobs:
  bad:
    runs-on: ubuntu-lates
    steps:
      - uses: actions/checkout@main
      - run: echo ${{ github.event.pull_request.title }}
"""
Ended = subprocess.CompletedProcess[str]


def ran(*command: str, **environment: str) -> Ended:
    """Run a program to its end."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def podman(*arguments: str) -> Ended:
    """Run podman on the images of this folder."""
    sudo = () if os.geteuid() == 0 else ("sudo",)
    storage = (f"--root={STORAGE / 'store'}", f"--runroot={STORAGE / 'run'}")
    options = ("--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--runtime=runc")
    return ran(*sudo, real("podman"), *storage, *options, *arguments)


def inspected(kind: str, name: str) -> dict[str, Any]:
    """Return what podman knows of a container or an image."""
    known = podman("inspect", f"--type={kind}", name)
    known.check_returncode()
    [found] = json.loads(known.stdout)
    return dict(found)


def start(*options: str) -> Ended:
    """Run the image with options of podman, hardened."""
    loaded()
    # No more than this machine allows: podman asks for a million.
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    processes = min(resource.getrlimit(resource.RLIMIT_NPROC)[0], 4096)
    limits = (f"--ulimit=nofile={files}", f"--ulimit=nproc={processes}")
    return podman("run", *HARDENED, *limits, *options)


def python(program: str) -> Ended:
    """Run a Python program in the container of the demo."""
    return podman("exec", DEMO, "python", "-c", program)


@functools.cache
def release() -> Path:
    """Build a release of these sources and an invented commit; return its folder."""
    folder = ROOT / ".cache" / "release"
    # A test run that was killed leaves it, and then its image cannot be replaced.
    podman("rm", "--force", "--ignore", "--time=0", DEMO)
    built = ran(
        "scripts/dist.sh",
        str(folder),
        BASE="debian",
        IMAGE=f"registry.example.com/Owner/{NAME}",
        PYTHON=sys.executable,
        REVISION=COMMIT,
        SOURCE_DATE_EPOCH=str(BUILT_AT),
        STORAGE=str(STORAGE),
    )
    assert built.returncode == 0, built.stderr
    return folder


@functools.cache
def loaded() -> None:
    """Load the image from the archive that is released, as users do."""
    # Docker accepts it as it is, podman needs it unpacked.
    with NamedTemporaryFile() as unpacked:
        with gzip.open(release() / f"{NAME}-{__version__}-image.tar.gz") as packed:
            shutil.copyfileobj(packed, unpacked)
        unpacked.flush()
        podman("load", "--quiet", f"--input={unpacked.name}").check_returncode()


@pytest.fixture(scope="module")
def port() -> int:
    """Return where the demo listens."""
    return free_port()


@pytest.fixture(scope="module")
def demo(port: int) -> Iterator[None]:
    """Run the demo of the image; it ends with 0 when it is stopped."""
    listen = (f"--web.listen-address=127.0.0.1:{port}", "--listen-address=127.0.0.1:0")
    start("--detach", f"--name={DEMO}", IMAGE, "demo", *listen).check_returncode()
    try:
        yield
        # SIGTERM, as Docker and Kubernetes send it; after SIGKILL it would be 137.
        podman("stop", "--time=60", DEMO).check_returncode()
        assert inspected("container", DEMO)["State"]["ExitCode"] == 0
    finally:
        podman("rm", "--force", "--time=0", DEMO)


@pytest.mark.parametrize(
    ("command", "place", "text", "finds"),
    [
        pytest.param(
            ("actionlint",),
            ".github/workflows/*.yml",
            BAD_WORKFLOW,
            {"ubuntu-lates"},
            marks=pytest.mark.go,
        ),
        # It does not ask GitHub whether a commit exists.
        (
            ("zizmor", "--offline", "--no-progress", "--format=plain"),
            ".github",
            BAD_WORKFLOW,
            {"dangerous-triggers", "unpinned-uses", "template-injection"},
        ),
        (("hadolint",), "Dockerfile", "FROM debian\nUSER root\n", {"DL3006", "DL3002"}),
    ],
)
def test_a_linter_accepts_our_files_and_finds_planted_faults(
    command: tuple[str, ...], place: str, text: str, finds: set[str], tmp_path: Path
) -> None:
    """Without the faults, a linter that reads nothing would pass."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "bad.yml").write_text(text)
    program, *options = command

    for file in ROOT.glob(place):
        found = ran(real(program), *options, str(file))
        assert found.returncode == 0, found.stdout
    bad = ran(real(program), *options, str(folder / "bad.yml")).stdout
    assert {each for each in finds if each not in bad} == set()


def test_the_release_is_complete_and_its_sums_are_right() -> None:
    """Wheel, source, image, chart, SBOM and notes."""
    folder = release()
    prefix = f"{NAME}-{__version__}"
    package = f"rocketmq_dr_exporter-{__version__}"
    expected = {
        *(f"{prefix}-image.tar.gz", f"{prefix}.cdx.json", "RELEASE_NOTES.md"),
        *(f"{package}-py3-none-any.whl", f"{package}.tar.gz", f"{prefix}.tgz"),
    }
    sums = (folder / "SHA256SUMS").read_text(encoding="utf-8").split()
    digests = [
        hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sums[1::2]
    ]

    assert digests == sums[::2]
    assert set(sums[1::2]) == expected
    assert {file.name for file in folder.iterdir()} == {*expected, "SHA256SUMS"}
    # A wheel that is built from the source has the commit, too.
    with tarfile.open(folder / f"{package}.tar.gz") as source:
        file = source.extractfile(f"{package}/exporter/REVISION")
        assert file is not None
        assert file.read() == f"{COMMIT}\n".encode()
    with tarfile.open(folder / f"{prefix}.tgz") as chart:
        file = chart.extractfile(f"{NAME}/values.yaml")
        assert file is not None
        given = yaml.safe_load(file)["image"]
        assert given["registry"] == "registry.example.com"
        assert given["repository"] == f"owner/{NAME}"
    bill = json.loads((folder / f"{prefix}.cdx.json").read_text())
    assert bill["metadata"]["component"]["version"] == __version__
    assert bill["metadata"]["timestamp"] == "2026-01-01T00:00:00+00:00"


@pytest.mark.go
async def test_image_and_chart_are_pushed_beside_each_other() -> None:
    """To a registry that takes everything; the script prints the image's digest."""
    statuses = {"GET": 200, "HEAD": 404, "POST": 202, "PATCH": 202, "PUT": 201}
    pushed: dict[str, tuple[bytes, str]] = {}

    async def registry(request: web.Request) -> web.Response:
        body = await request.read()
        if request.method == "PUT":
            pushed[request.path] = body, request.content_type
        kept, kind = pushed.get(request.path, (b"", "text/plain"))
        headers = {"Content-Type": kind, "Location": request.path}
        return web.Response(status=statuses[request.method], body=kept, headers=headers)

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/v2/{rest:.*}", registry)
    async with TestServer(app) as server:
        image = f"127.0.0.1:{server.port}/Owner/{NAME}"
        command = ("scripts/publish.sh", str(release()), image)
        told = await asyncio.to_thread(ran, *command)

    assert told.returncode == 0, told.stderr
    tag = f"{NAME}/manifests/{__version__}"
    digest = hashlib.sha256(pushed[f"/v2/owner/{tag}"][0]).hexdigest()
    assert told.stdout == f"sha256:{digest}"
    chart = json.loads(pushed[f"/v2/owner/charts/{tag}"][0])
    assert "cncf.helm" in chart["config"]["mediaType"]


@pytest.mark.usefixtures("demo")
async def test_the_image_answers_with_metrics_and_its_commit(port: int) -> None:
    """The demo in it shows checkpoints."""

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


@pytest.mark.usefixtures("demo")
def test_it_runs_as_a_nameless_user_without_any_right() -> None:
    """Neither root nor a capability, and no way to either; no folder is writable."""
    status = python("print(open('/proc/1/status').read())").stdout
    fields = dict(re.findall(r"^(\w+):\t(.*)$", status, re.MULTILINE))

    assert (fields["Uid"], fields["Gid"]) == ("\t".join(["65532"] * 4),) * 2
    capabilities = [
        fields[f"Cap{each}"] for each in ("Inh", "Prm", "Eff", "Bnd", "Amb")
    ]
    assert capabilities == ["0" * 16] * 5
    assert fields["NoNewPrivs"] == "1"
    for folder in ("/", "/tmp", "/opt/venv"):  # noqa: S108 - of the container
        tried = python(f"open('{folder}/x', 'w')")
        assert "Read-only file system" in tried.stderr
    # Nor could it change itself if the root were writable.
    assert python(WRITABLE).stdout == "[]\n"


@pytest.mark.usefixtures("demo")
def test_it_runs_what_the_wheel_has_and_nothing_that_built_it() -> None:
    """No pip, no build folder, and its code is compiled already."""
    (wheel,) = release().glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {
            name: hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if name.startswith("exporter/")
        }

    assert json.loads(python(HASHES).stdout) == packed
    assert python(LEFT).stdout == "[True, True, True]\nFalse True\n"


def test_a_bad_configuration_ends_it_and_is_in_the_first_line() -> None:
    """A container that restarts in a loop says why."""
    ended = start("--rm", "--env=ROCKETMQ_DR_POLL__INTERVAL=often", IMAGE)

    assert ended.returncode == 2
    assert ended.stderr.splitlines()[0].startswith("ROCKETMQ_DR_POLL__INTERVAL: ")


def test_the_image_s_labels_user_and_size() -> None:
    """Labels have the specification's names, the user is a number, and it is small."""
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
