"""Containers of the image, run by podman as a careful user would."""

from __future__ import annotations

import functools
import gzip
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import Any

from programs import real
from release import NAME, STORAGE, release

from exporter import __version__

IMAGE = f"localhost/{NAME}:{__version__}"
BASE = "localhost/python-debian"

# Not 0 and no name, no capability, nothing to write to, not even /tmp.
HARDENED = (
    *("--read-only", "--read-only-tmpfs=false"),
    *("--cap-drop=all", "--security-opt=no-new-privileges", "--network=host"),
)


@dataclass(frozen=True, slots=True)
class Container:
    """A container that runs."""

    name: str

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return podman("exec", self.name, *command)

    def python(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run a program of Python in it."""
        return self.run("python", "-c", program)

    def stop(self) -> int:
        """Stop it as `docker stop` does; return the exit status of its process."""
        podman("stop", "--time=20", self.name).check_returncode()
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


@functools.cache
def loaded() -> None:
    """Load the image from the archive that is released, as its users do."""
    # Docker takes it as it is, podman wants it unpacked.
    with NamedTemporaryFile() as unpacked:
        with gzip.open(release().image) as packed:
            shutil.copyfileobj(packed, unpacked)
        unpacked.flush()
        podman("load", "--quiet", f"--input={unpacked.name}").check_returncode()


def run(
    *arguments: str, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the image to its end, with arguments of the exporter."""
    loaded()
    return podman(
        "run",
        "--rm",
        *HARDENED,
        *_limits(),
        *options,
        IMAGE,
        *arguments,
    )


@contextmanager
def running(
    name: str, *arguments: str, options: tuple[str, ...] = ()
) -> Iterator[Container]:
    """Run the image while the context is open."""
    loaded()
    podman("rm", "--force", "--time=0", name)
    podman(
        *("run", "--detach", f"--name={name}", *HARDENED, *_limits(), *options),
        *(IMAGE, *arguments),
    ).check_returncode()
    try:
        yield Container(name)
    finally:
        podman("rm", "--force", "--time=0", name)


def idle(name: str, *options: str) -> AbstractContextManager[Container]:
    """Run the image's Python instead of the exporter, and leave it waiting."""
    wait = "import time; time.sleep(100)"
    return running(name, "-c", wait, options=("--entrypoint=python", *options))


def _limits() -> tuple[str, ...]:
    """Return no more than this machine has: podman asks for a million."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    processes = min(resource.getrlimit(resource.RLIMIT_NPROC)[0], 4096)
    return (f"--ulimit=nofile={files}", f"--ulimit=nproc={processes}")
