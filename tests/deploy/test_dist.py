"""A release is all there, works by itself, and is the same wherever it is built."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from containers import idle
from paths import ROOT
from release import COMMIT, NAME, Release, build, release

from exporter import __version__
from scripts.release_notes import CHANGELOG, notes

# Whoever comes first builds the release.
pytestmark = [pytest.mark.timeout(600)]

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


def sums(of: Release) -> dict[str, str]:
    """Return what SHA256SUMS says, by name."""
    text = (of.folder / "SHA256SUMS").read_text(encoding="utf-8")
    return {name: digest for digest, name in map(str.split, text.splitlines())}


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """Copy what git knows, and what it does not yet, into another folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # The chart has links to folders.
        shutil.copyfile(ROOT / name, folder / name, follow_symlinks=False)
        shutil.copymode(ROOT / name, folder / name, follow_symlinks=False)
    yield folder
    shutil.rmtree(folder)


def test_it_is_the_same_wherever_and_whenever_it_is_built(tmp_path: Path) -> None:
    """Another folder, time zone, language and mask for files: byte for byte."""
    once = sums(release())
    with copied(tmp_path / "else" / "where") as source:
        built = build(
            tmp_path / "again", source, umask=0o077, TZ="Asia/Tokyo", LANG="C"
        )

    assert built.returncode == 0, built.stderr
    assert sums(Release(tmp_path / "again")) == once
    # It was tried, too.
    assert f".whl: installed, {NAME} {__version__}, " in built.stdout


def test_all_of_it_is_there_and_summed_up() -> None:
    """Wheel, source, image, chart, SBOM and notes."""
    of = release()
    prefix = f"{NAME}-{__version__}"
    expected = {
        *(f"{prefix}-image.tar.gz", f"{prefix}.cdx.json", "RELEASE_NOTES.md"),
        *(of.wheel.name, f"rocketmq_dr_exporter-{__version__}.tar.gz"),
        f"{prefix}.tgz",
    }

    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=of.folder,
        capture_output=True,
        check=False,
    )

    assert checked.returncode == 0
    assert set(sums(of)) == expected
    assert {file.name for file in of.folder.iterdir()} == {*expected, "SHA256SUMS"}


def test_the_image_runs_what_the_wheel_has() -> None:
    """It was built beside the wheel, not from it."""
    with zipfile.ZipFile(release().wheel) as wheel:
        packed = {
            name: hashlib.sha256(wheel.read(name)).hexdigest()
            for name in wheel.namelist()
            if name.startswith("exporter/")
        }
    with idle("hashes") as container:
        installed = json.loads(container.python(HASHES).stdout)

    assert installed == packed


def test_the_document_names_what_is_released() -> None:
    """Whoever copies its commands finds the files."""
    document = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    named = set(re.findall(r"rocketmq[-_]dr[-_]exporter-\d[\w.-]+[a-z]", document))

    assert named == {release().image.name, release().wheel.name}


def test_its_notes_and_its_bill_are_of_this_version() -> None:
    """The changelog's words, and the SBOM of what is installed at run time."""
    folder = release().folder
    bill = json.loads((folder / f"{NAME}-{__version__}.cdx.json").read_text())
    told = (folder / "RELEASE_NOTES.md").read_text(encoding="utf-8")

    assert bill["metadata"]["component"]["version"] == __version__
    assert bill["metadata"]["timestamp"] == "2026-01-01T00:00:00+00:00"
    assert told == notes(CHANGELOG.read_text(encoding="utf-8"), "Unreleased")


def test_a_tag_of_another_version_is_not_built(tmp_path: Path) -> None:
    """Before anything is."""
    built = build(tmp_path, TAG="v9.9.9")

    assert built.returncode == 1
    assert built.stderr == f"the tag is v9.9.9, the version {__version__}\n"


def test_a_wheel_that_says_something_else_is_not_released() -> None:
    """The try of the wheel can fail: here it is told of another commit."""
    other = COMMIT[::-1]
    command = (sys.executable, "-m", "scripts.try_wheel", str(release().wheel))

    tried = subprocess.run(
        [*command, "requirements.lock", other],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert tried.returncode == 1
    assert tried.stderr.splitlines()[-1].startswith("ValueError: the wheel does not")


def test_a_base_that_is_not_to_be_had_is_told() -> None:
    """With what helps on a machine that reaches no images."""
    built = subprocess.run(
        ["scripts/image.sh", "localhost/never"],
        cwd=ROOT,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "BASE": "localhost/no-such-base"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert built.returncode == 1
    assert "BASE=debian makes one" in built.stderr
