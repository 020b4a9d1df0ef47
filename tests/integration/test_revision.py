"""What was built says which commit it was built from."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from paths import ROOT

from exporter import __version__, revision

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WHEEL = f"rocketmq_dr_exporter-{__version__}-py3-none-any.whl"
SDIST = f"rocketmq_dr_exporter-{__version__}.tar.gz"


def build(
    folder: Path, source: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[str]:
    """Build wheel and source distribution into a folder."""
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)],
        cwd=source,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
    )


def told(wheel: Path, installed: Path) -> str:
    """Return what an installed wheel says of its revision."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)  # noqa: S202 - a wheel of ours
    return subprocess.run(
        [sys.executable, "-c", "from exporter import revision; print(revision())"],
        cwd=installed,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_a_build_carries_the_commit_it_was_told(tmp_path: Path) -> None:
    """The wheel has it, and so has the wheel that is built from the sdist."""
    assert build(tmp_path, REVISION=COMMIT).returncode == 0
    with tarfile.open(tmp_path / SDIST) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / "again", tmp_path / SDIST.removesuffix(".tar.gz"))

    assert again.returncode == 0, again.stderr
    assert told(tmp_path / WHEEL, tmp_path / "installed") == COMMIT
    assert told(tmp_path / "again" / WHEEL, tmp_path / "installed again") == COMMIT


def test_nothing_is_guessed(tmp_path: Path) -> None:
    """Neither by a checkout, nor by a build that was told nothing or is edited."""
    program = "from hatchling.build import build_editable; build_editable(__TO__)"
    edited = tmp_path / "edited"
    edited.mkdir()

    assert build(tmp_path).returncode == 0
    subprocess.run(
        [sys.executable, "-c", program.replace("__TO__", repr(str(edited)))],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "REVISION": COMMIT},
        check=True,
    )

    assert revision() == "unknown"
    assert told(tmp_path / WHEEL, tmp_path / "installed") == "unknown"
    [wheel] = edited.glob("*.whl")
    assert "exporter/REVISION" not in zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize("wrong", ["main", "012345", "01234567 main"])
def test_a_build_refuses_what_is_no_commit(wrong: str, tmp_path: Path) -> None:
    """A branch would name something else tomorrow; the shortest commit has seven."""
    built = build(tmp_path, REVISION=wrong)

    assert built.returncode != 0
    assert "REVISION: expected a commit" in built.stderr
