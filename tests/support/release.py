"""What tests of the release look at: built once, as `make dist` builds it."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from paths import ROOT

from exporter import __version__

NAME = "rocketmq-dr-exporter"
STORAGE = ROOT / ".cache" / "images"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BUILT_AT = 1_767_225_600


@dataclass(frozen=True, slots=True)
class Release:
    """A folder with all that a release is."""

    folder: Path

    @property
    def wheel(self) -> Path:
        """The wheel."""
        return self.folder / f"rocketmq_dr_exporter-{__version__}-py3-none-any.whl"

    @property
    def image(self) -> Path:
        """The image, as an archive."""
        return self.folder / f"{NAME}-{__version__}-image.tar.gz"


def build(
    folder: Path, source: Path = ROOT, umask: int = 0o022, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run scripts/dist.sh as make does, told of a commit that is none."""
    return subprocess.run(
        ["scripts/dist.sh", str(folder)],
        cwd=source,
        env={
            **os.environ,
            "BASE": "debian",
            "PYTHON": sys.executable,
            "REVISION": COMMIT,
            "SOURCE_DATE_EPOCH": str(BUILT_AT),
            "STORAGE": str(STORAGE),
            **more,
        },
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
    )


@functools.cache
def release() -> Release:
    """Return a release of the sources as they are."""
    folder = ROOT / ".cache" / "release"
    built = build(folder)
    assert built.returncode == 0, built.stderr
    return Release(folder)
