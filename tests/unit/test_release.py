"""What a release is made with: workflows, notes, revision, archive of the image."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from paths import ROOT

from exporter import __version__, revision
from scripts.image_archive import rewrite
from scripts.release_notes import CHANGELOG, main, notes, released
from scripts.revision_hook import RevisionHook

TEXT = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-03-01

## [1.1.0] - 2026-02-01

### Added

- A page, [docs/a.md](docs/a.md), after
  [theirs](https://example.com/b).

## [1.0.0] - 2026-01-01

- The first.
"""
NAME = "rocketmq-dr-exporter:1.0"
LAYERS = [b"a layer", b"another"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_each_action_is_pinned_by_one_commit_and_says_its_version() -> None:
    """A tag can be moved to other code; a commit cannot."""
    text = "".join(workflow.read_text() for workflow in WORKFLOWS)
    uses = set(re.findall(r"uses: (.*)$", text, re.MULTILINE))

    assert len({each.partition("@")[0] for each in uses}) == len(uses) > 0
    for each in uses:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)


def test_dependabot_watches_whatever_is_pinned() -> None:
    """Of the locks only what ends in .txt: it reads no other, however it is called."""
    text = (ROOT / ".github" / "dependabot.yml").read_text()
    watched = {x["package-ecosystem"]: x for x in yaml.safe_load(text)["updates"]}

    assert set(watched) == {"docker", "docker-compose", "github-actions", "pip"}
    assert watched["docker-compose"]["directory"] == "/deploy/compose"
    assert len(list(ROOT.glob("requirements*.txt"))) == 5
    assert all(x.stat().st_size < 500_000 for x in ROOT.glob("requirements*.txt"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_only_the_job_that_publishes_may_write(workflow: Path) -> None:
    """All other jobs run our code, with make's targets, and cannot write."""
    content = yaml.safe_load(workflow.read_text())

    assert content["permissions"] == {}
    for name, job in content["jobs"].items():
        writes = {each for each, how in job["permissions"].items() if how == "write"}
        wanted = {"attestations", "contents", "id-token", "packages"}
        assert writes == (wanted if name == "publish" else set())
        for step in job["steps"]:
            if "run" in step and name != "publish":
                assert step["run"].startswith((".ci/run", "make "))


def test_a_release_is_tested_then_built_from_its_tag_then_attested() -> None:
    """GitHub's environment can ask a person for consent before."""
    content = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    build, publish = content["jobs"]["build"], content["jobs"]["publish"]
    (dist,) = (each for each in build["steps"] if each.get("run") == "make dist")
    image, files = (x for x in publish["steps"] if "attest-build" in x.get("uses", ""))

    # `on` is a truth value to YAML 1.1.
    assert content[True] == {"push": {"tags": ["v*"]}}
    assert dist["env"]["TAG"] == "${{ github.ref_name }}"
    assert (build["needs"], publish["needs"]) == ("ci", "build")
    assert publish["environment"] == "release"
    assert image["with"]["push-to-registry"] is True
    assert files["with"]["subject-path"] == "dist/*"
    owner = "${{ github.repository_owner }}"
    assert content["env"] == {"IMAGE": f"ghcr.io/{owner}/rocketmq-dr-exporter"}
    assert publish["steps"][-1]["run"].endswith(" dist/*")


def added(version: str, monkeypatch: pytest.MonkeyPatch, commit: str) -> list[str]:
    """Return what the build adds as exporter/REVISION."""
    monkeypatch.setenv("REVISION", commit)
    data: dict[str, Any] = {"force_include": {}}
    unused: Any = None
    hook = RevisionHook("", {}, unused, unused, "", "wheel")
    hook.initialize(version, data)
    found = [Path(file).read_text() for file in data["force_include"]]
    assert set(data["force_include"].values()) <= {"exporter/REVISION"}
    hook.finalize(version, data, "")
    return found


def test_a_build_carries_the_commit_that_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without one, in an editable build and in a checkout, it is unknown."""
    assert added("standard", monkeypatch, COMMIT) == [f"{COMMIT}\n"]
    assert added("standard", monkeypatch, "") == []
    assert added("editable", monkeypatch, COMMIT) == []
    assert revision() == "unknown"
    for wrong in ("main", "012345", "01234567 main"):
        with pytest.raises(ValueError, match="REVISION: expected a commit"):
            added("standard", monkeypatch, wrong)


def test_notes_are_a_section_of_the_changelog() -> None:
    """Without its heading; of a build between two releases there may be none."""
    assert notes(TEXT, "1.1.0") == (
        "### Added\n\n- A page, docs/a.md, after\n  [theirs](https://example.com/b).\n"
    )
    assert notes(TEXT, "1.0.0") == "- The first.\n"
    assert notes(TEXT, "Unreleased") == "Nothing yet.\n"


@pytest.mark.parametrize(
    ("version", "complaint"),
    [("1.2.0", "says nothing of"), ("1.0", "has no section"), ("1", "no section")],
)
def test_a_version_without_notes_is_not_released(version: str, complaint: str) -> None:
    """An empty section is a fault, and so is a missing one."""
    with pytest.raises(ValueError, match=complaint):
        notes(TEXT, version)


def test_a_tag_must_be_that_of_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a tag the notes are of what is unreleased."""
    assert released(f"v{__version__}") == __version__
    for wrong in (__version__, "v9.9.9", ""):
        with pytest.raises(ValueError, match="the tag is"):
            released(wrong)

    main(None)

    text = CHANGELOG.read_text(encoding="utf-8")
    assert capsys.readouterr().out == notes(text, "Unreleased")


def image(hostname: str, container: str) -> dict[str, Any]:
    """Return the configuration of an image as buildah writes it."""
    return {
        "container": container,
        "container_config": {"Hostname": hostname},
        "config": {"Hostname": hostname, "User": "65532:65532", "Cmd": ["serve"]},
        "rootfs": {"diff_ids": [hashlib.sha256(layer).hexdigest() for layer in LAYERS]},
    }


def archived(config: dict[str, Any], mtime: int) -> bytes:
    """Return an image, with its first layer twice, as it is released."""
    paths = [f"{hashlib.sha256(layer).hexdigest()}.tar" for layer in LAYERS]
    used = [*paths, paths[0]]
    manifest = [{"Config": "c.json", "RepoTags": ["localhost/x:y"], "Layers": used}]
    files = {
        "c.json": json.dumps(config).encode(),
        **dict(zip(paths, LAYERS, strict=True)),
        "manifest.json": json.dumps(manifest).encode(),
    }
    read, written = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=read, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime = len(content), mtime
            tar.addfile(entry, io.BytesIO(content))
    read.seek(0)
    rewrite(read, written, NAME)
    return written.getvalue()


def test_two_builds_of_an_image_give_the_same_bytes() -> None:
    """Every build invents a container; what runs is kept, each layer once."""
    one = archived(image("f00", "1"), mtime=1)
    other = image("f00", "1")
    other["config"]["User"] = "0"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(one))) as tar:
        names = tar.getnames()

    assert len(names) == len(set(names)) == len(["manifest", "config", *LAYERS])
    assert one == archived(image("ba2", "2"), mtime=2)
    # The time of packing, which gzip would write into bytes 4 to 7.
    assert one[4:8] == bytes(4)
    assert one != archived(other, mtime=1)
