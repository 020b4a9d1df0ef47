"""GitHub's workflows: what they run is make's, what they may do is little."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from paths import ROOT
from programs import real

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))

BAD = """
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

WRITES = {
    "attestations": "publish",
    "contents": "publish",
    "id-token": "publish",
}
"""Which job may write what."""


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    """Return the jobs of a workflow."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(workflow.read_text())["jobs"]
    return found


def told(*command: str, file: Path) -> subprocess.CompletedProcess[str]:
    """Return what a linter says of a workflow."""
    return subprocess.run(
        [real(command[0]), *command[1:], str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """Return a workflow with every fault that there is, or nearly."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "bad.yml").write_text(BAD)
    return folder / "bad.yml"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_actionlint_finds_nothing(workflow: Path, bad: Path) -> None:
    """And it looks."""
    assert "ubuntu-lates" in told("actionlint", file=bad).stdout

    found = told("actionlint", file=workflow)
    assert (found.returncode, found.stdout) == (0, "")


def test_zizmor_finds_nothing(bad: Path) -> None:
    """And it looks, but not at what only GitHub knows: whether a commit is there."""
    zizmor = ("zizmor", "--offline", "--no-progress", "--format=plain")
    audits = told(*zizmor, file=bad).stdout
    for audit in ("dangerous-triggers", "unpinned-uses", "template-injection"):
        assert audit in audits

    found = told(*zizmor, file=ROOT / ".github")
    assert found.returncode == 0, found.stdout
