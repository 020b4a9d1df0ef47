"""The release, built once, and containers of its image, as a careful user runs them."""

from __future__ import annotations

import functools
import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from paths import ROOT
from programs import real

from exporter import __version__

NAME = "rocketmq-dr-exporter"
STORAGE = ROOT / ".cache" / "images"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BUILT_AT = 1_767_225_600
IMAGE = f"localhost/{NAME}:{__version__}"
BASE = "localhost/python-debian"
DEMO = "demo"
"""The one container that runs for long."""

# Not 0 and no name, no capability, nothing to write to, not even /tmp.
HARDENED = (
    *("--read-only", "--read-only-tmpfs=false"),
    *("--cap-drop=all", "--security-opt=no-new-privileges", "--network=host"),
)


@functools.cache
def release() -> Path:
    """Return the folder of a release of these sources and a made-up commit."""
    folder = ROOT / ".cache" / "release"
    # Tests that were killed leave it, and no image is replaced that a container uses.
    podman("rm", "--force", "--ignore", "--time=0", DEMO)
    built = subprocess.run(
        ["scripts/dist.sh", str(folder)],
        cwd=ROOT,
        env={
            **os.environ,
            "BASE": "debian",
            "PYTHON": sys.executable,
            "REVISION": COMMIT,
            "SOURCE_DATE_EPOCH": str(BUILT_AT),
            "STORAGE": str(STORAGE),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@functools.cache
def loaded() -> None:
    """Load the image from the archive that is released, as its users do."""
    # Docker takes it as it is, podman wants it unpacked.
    with NamedTemporaryFile() as unpacked:
        with gzip.open(release() / f"{NAME}-{__version__}-image.tar.gz") as packed:
            shutil.copyfileobj(packed, unpacked)
        unpacked.flush()
        podman("load", "--quiet", f"--input={unpacked.name}").check_returncode()


@dataclass(frozen=True, slots=True)
class Container:
    """A container that runs."""

    name: str

    def python(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run a program of Python in it."""
        return podman("exec", self.name, "python", "-c", program)

    def stop(self) -> int:
        """Stop it as `docker stop` does; return the exit status of its process."""
        podman("stop", "--time=60", self.name).check_returncode()
        state: int = inspected("container", self.name)["State"]["ExitCode"]
        return state


def podman(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run podman on the images of this folder."""
    sudo = () if os.geteuid() == 0 else ("sudo",)
    return subprocess.run(
        [
            *sudo,
            real("podman"),
            f"--root={STORAGE / 'store'}",
            f"--runroot={STORAGE / 'run'}",
            *("--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--runtime=runc"),
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def inspected(kind: str, name: str) -> dict[str, Any]:
    """Return what podman knows of a container or an image."""
    known = podman("inspect", f"--type={kind}", name)
    known.check_returncode()
    [found] = json.loads(known.stdout)
    return dict(found)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the image to its end, with arguments of the exporter."""
    loaded()
    given = [f"--env={name}={value}" for name, value in environment.items()]
    return podman("run", "--rm", *HARDENED, *_limits(), *given, IMAGE, *arguments)


@contextmanager
def running(name: str, *arguments: str) -> Iterator[Container]:
    """Run the image while the context is open."""
    loaded()
    named = ("--detach", f"--name={name}")
    command = (*named, *HARDENED, *_limits(), IMAGE, *arguments)
    podman("run", *command).check_returncode()
    try:
        yield Container(name)
    finally:
        podman("rm", "--force", "--time=0", name)


def _limits() -> tuple[str, ...]:
    """Return no more than this machine has: podman asks for a million."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    processes = min(resource.getrlimit(resource.RLIMIT_NPROC)[0], 4096)
    return (f"--ulimit=nofile={files}", f"--ulimit=nproc={processes}")
