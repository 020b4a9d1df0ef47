"""What was built says which commit it was built from."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from paths import ROOT

from exporter import __version__
from exporter.app.revision import UNKNOWN, revision

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


def written(wheel: Path) -> str | None:
    """Return the revision that a wheel carries; None if it carries none."""
    with zipfile.ZipFile(wheel) as archive:
        if "exporter/REVISION" not in archive.namelist():
            return None
        return archive.read("exporter/REVISION").decode()


def test_a_checkout_says_that_its_revision_is_unknown() -> None:
    """What is edited is no longer what was committed."""
    assert revision() == UNKNOWN


def test_a_build_carries_the_commit_it_was_told(tmp_path: Path) -> None:
    """The wheel has it, and so has the wheel that is built from the sdist."""
    assert build(tmp_path, REVISION=COMMIT).returncode == 0
    with tarfile.open(tmp_path / SDIST) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / "again", tmp_path / SDIST.removesuffix(".tar.gz"))

    assert again.returncode == 0, again.stderr
    assert written(tmp_path / WHEEL) == f"{COMMIT}\n"
    assert written(tmp_path / "again" / WHEEL) == f"{COMMIT}\n"


def test_a_build_that_was_told_nothing_carries_nothing(tmp_path: Path) -> None:
    """Nothing is guessed."""
    assert build(tmp_path).returncode == 0

    assert written(tmp_path / WHEEL) is None


def test_an_editable_installation_carries_nothing(tmp_path: Path) -> None:
    """What it runs is edited after it was installed."""
    program = "from hatchling.build import build_editable; build_editable(__TO__)"

    subprocess.run(
        [sys.executable, "-c", program.replace("__TO__", repr(str(tmp_path)))],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "REVISION": COMMIT},
        check=True,
    )

    [wheel] = tmp_path.glob("*.whl")
    assert written(wheel) is None


@pytest.mark.parametrize("wrong", ["main", "0123456", "012345", "01234567 main"])
def test_a_build_refuses_what_is_no_commit(wrong: str, tmp_path: Path) -> None:
    """A branch would name something else tomorrow; the shortest commit has seven."""
    built = build(tmp_path, REVISION=wrong)

    is_commit = wrong == "0123456"
    assert (built.returncode == 0) is is_commit
    assert ("REVISION: expected a commit" in built.stderr) is not is_commit


def test_an_installed_exporter_tells_it(tmp_path: Path) -> None:
    """`revision` reads what the build wrote."""
    assert build(tmp_path, REVISION=COMMIT).returncode == 0
    program = "from exporter.app.revision import revision; print(revision())"

    told = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path / WHEEL)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == COMMIT
