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
def test_each_action_is_pinned_by_commit_and_says_its_version(workflow: Path) -> None:
    """A tag can be moved to other code; a commit cannot."""
    uses = re.findall(r"uses: (.*)$", workflow.read_text(), re.MULTILINE)

    assert uses
    for each in uses:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)


def test_an_action_is_the_same_commit_everywhere() -> None:
    """One that is raised in one place only would be forgotten in the other."""
    pins: dict[str, set[str]] = {}
    for workflow in WORKFLOWS:
        for name, pin in re.findall(r"uses: (actions/\S+)@(.*)", workflow.read_text()):
            pins.setdefault(name, set()).add(pin)

    assert all(len(each) == 1 for each in pins.values())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_a_job_may_do_what_it_needs_and_no_more(workflow: Path) -> None:
    """Nothing by default; and what builds, which runs our code, cannot write."""
    assert yaml.safe_load(workflow.read_text())["permissions"] == {}
    for name, job in jobs(workflow).items():
        writes = {each for each, how in job["permissions"].items() if how == "write"}
        assert writes == {each for each, by in WRITES.items() if by == name}
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                # Else what is built or tested could read the token from .git/config.
                assert step["with"]["persist-credentials"] is False


def test_they_run_what_everybody_can_run() -> None:
    """What CI does is in the Makefile; a release is published by GitHub's own tool."""
    runs = {
        f"{workflow.stem} {name}": [
            step["run"] for step in job["steps"] if "run" in step
        ]
        for workflow in WORKFLOWS
        for name, job in jobs(workflow).items()
    }
    check, publish = runs.pop("release publish")

    assert runs == {
        "ci ci": [".ci/run"],
        "ci python": ['make test PYTHON="python$VERSION"'],
        "nightly nightly": ['make "$TARGET"'],
        "release ci": [".ci/run"],
        "release build": ["make dist"],
    }
    assert check == "sha256sum --check --strict SHA256SUMS"
    assert publish.startswith('gh release create "$TAG" --verify-tag ')


def test_nothing_is_published_that_was_not_tested() -> None:
    """The jobs of a release wait for each other."""
    of = jobs(FOLDER / "release.yml")

    assert (of["build"]["needs"], of["publish"]["needs"]) == ("ci", "build")


def test_a_release_is_that_of_its_tag() -> None:
    """Of a tag alone, whose name the build compares with the version."""
    # `on` is a truth value to YAML 1.1.
    triggers = yaml.safe_load((FOLDER / "release.yml").read_text())[True]
    (build,) = (
        step
        for step in jobs(FOLDER / "release.yml")["build"]["steps"]
        if step.get("run") == "make dist"
    )

    assert triggers == {"push": {"tags": ["v*"]}}
    assert build["env"]["TAG"] == "${{ github.ref_name }}"


def test_whoever_publishes_may_be_asked_and_attests_all_of_it() -> None:
    """An environment can want somebody's consent; each file says where it was built."""
    publish = jobs(FOLDER / "release.yml")["publish"]
    (attested,) = (
        step["with"]["subject-path"]
        for step in publish["steps"]
        if "attest-build-provenance" in step.get("uses", "")
    )

    assert publish["environment"] == "release"
    assert attested == "dist/*"
    assert publish["steps"][-1]["run"].endswith(" dist/*")
