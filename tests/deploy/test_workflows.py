"""GitHub's workflows: what they run is make's, what they may do is little."""

from __future__ import annotations

import re
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
    """Return a workflow with nearly every fault that there is."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "bad.yml").write_text(BAD)
    return folder / "bad.yml"


@pytest.mark.go
def test_actionlint_finds_nothing(bad: Path) -> None:
    """And it looks."""
    assert "ubuntu-lates" in told("actionlint", file=bad).stdout
    for workflow in WORKFLOWS:
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


def test_each_action_is_pinned_by_one_commit_and_says_its_version() -> None:
    """A tag can be moved to other code; a commit cannot."""
    text = "".join(workflow.read_text() for workflow in WORKFLOWS)
    uses = set(re.findall(r"uses: (.*)$", text, re.MULTILINE))

    assert len({each.partition("@")[0] for each in uses}) == len(uses) > 0
    for each in uses:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_only_the_job_that_publishes_may_write(workflow: Path) -> None:
    """Nothing by default; and what builds, which runs our code, cannot write."""
    assert yaml.safe_load(workflow.read_text())["permissions"] == {}
    for name, job in jobs(workflow).items():
        writes = {each for each, how in job["permissions"].items() if how == "write"}
        wanted = {"attestations", "contents", "id-token"}
        assert writes == (wanted if name == "publish" else set())
        for step in job["steps"]:
            if "run" in step and name != "publish":
                # What CI does, everybody can do.
                assert step["run"].startswith((".ci/run", "make "))


def test_a_release_is_tested_built_of_its_tag_and_attested() -> None:
    """In this order; an environment can ask for somebody's consent."""
    # `on` is a truth value to YAML 1.1.
    triggers = yaml.safe_load((FOLDER / "release.yml").read_text())[True]
    of = jobs(FOLDER / "release.yml")
    (build,) = (x for x in of["build"]["steps"] if x.get("run") == "make dist")
    (attested,) = (
        step["with"]["subject-path"]
        for step in of["publish"]["steps"]
        if "attest-build-provenance" in step.get("uses", "")
    )

    assert triggers == {"push": {"tags": ["v*"]}}
    assert build["env"]["TAG"] == "${{ github.ref_name }}"
    assert (of["build"]["needs"], of["publish"]["needs"]) == ("ci", "build")
    assert of["publish"]["environment"] == "release"
    assert attested == "dist/*"
    assert of["publish"]["steps"][-1]["run"].endswith(" dist/*")
