"""What a release is made with: its notes, and the archive of its image."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

import pytest

from exporter import __version__
from scripts.image_archive import rewrite
from scripts.release_notes import CHANGELOG, main, notes, released

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
def test_what_is_not_told_is_not_released(version: str, complaint: str) -> None:
    """An empty section and none at all are faults, not empty notes."""
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
    """Though a build makes up a container; another image differs."""
    one = archived(image("f00", "1"), mtime=1)
    other = image("f00", "1")
    other["config"]["User"] = "0"

    assert one == archived(image("ba2", "2"), mtime=2)
    # The time of packing, which gzip would write into bytes 4 to 7.
    assert one[4:8] == bytes(4)
    assert one != archived(other, mtime=1)


def test_what_runs_is_kept() -> None:
    """Layers, their order, and all of the configuration that a container gets."""
    content = gzip.decompress(archived(image("f00", "1"), mtime=1))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        names = tar.getnames()
        found = {x.name: file.read() for x in tar if (file := tar.extractfile(x))}
    [manifest] = json.loads(found["manifest.json"])
    config = json.loads(found[manifest["Config"]])

    assert config["config"] == {"User": "65532:65532", "Cmd": ["serve"]}
    assert config["rootfs"] == image("f00", "1")["rootfs"]
    assert [found[x] for x in manifest["Layers"]] == [*LAYERS, LAYERS[0]]
    assert manifest["RepoTags"] == [NAME]
    # An image's id is its configuration's digest; a layer is written once.
    digest = hashlib.sha256(found[manifest["Config"]]).hexdigest()
    assert manifest["Config"] == f"{digest}.json"
    assert len(names) == len(set(names)) == 4
