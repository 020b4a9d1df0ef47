"""What is given to `docker load` is the same for the same image, and runs the same."""

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

from scripts.image_archive import rewrite

NAME = "rocketmq-dr-exporter:1.0"
LAYERS = [b"a layer", b"another"]


def image(hostname: str, container: str) -> dict[str, Any]:
    """Return the configuration of an image as buildah writes it."""
    return {
        "container": container,
        "container_config": {"Hostname": hostname},
        "config": {"Hostname": hostname, "User": "65532:65532", "Cmd": ["serve"]},
        "rootfs": {"diff_ids": [hashlib.sha256(layer).hexdigest() for layer in LAYERS]},
    }


def archive(config: dict[str, Any], *, mtime: int, twice: bool = False) -> bytes:
    """Return an image as a docker-archive; `twice` has its first layer two times."""
    paths = [f"{hashlib.sha256(layer).hexdigest()}.tar" for layer in LAYERS]
    used = [*paths, paths[0]] if twice else paths
    manifest = [{"Config": "c.json", "RepoTags": ["localhost/x:y"], "Layers": used}]
    files = {
        "c.json": json.dumps(config).encode(),
        **dict(zip(paths, LAYERS, strict=True)),
        "manifest.json": json.dumps(manifest).encode(),
    }
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime = len(content), mtime
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def rewritten(content: bytes) -> bytes:
    """Return an archive as it is released."""
    written = io.BytesIO()
    rewrite(io.BytesIO(content), written, NAME)
    return written.getvalue()


def files(content: bytes) -> dict[str, bytes]:
    """Return what is in a released archive."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as tar:
        members = {member.name: tar.extractfile(member) for member in tar}
        return {name: file.read() for name, file in members.items() if file}


def test_two_builds_of_an_image_give_the_same_bytes() -> None:
    """Though a build makes up a container, and takes its time."""
    one = archive(image("f00", "1"), mtime=1)
    other = archive(image("ba2", "2"), mtime=2)

    assert one != other
    assert rewritten(one) == rewritten(other)
    # The time of packing, which gzip would write into bytes 4 to 7.
    assert rewritten(one)[4:8] == bytes(4)


def test_another_image_gives_other_bytes() -> None:
    """Else the test above would compare nothing."""
    other = image("f00", "1")
    other["config"]["User"] = "0"

    assert rewritten(archive(other, mtime=1)) != rewritten(
        archive(image("f00", "1"), mtime=1)
    )


def test_what_runs_is_kept() -> None:
    """Layers, their order, and all of the configuration that a container gets."""
    found = files(rewritten(archive(image("f00", "1"), mtime=1)))
    [manifest] = json.loads(found["manifest.json"])
    config = json.loads(found[manifest["Config"]])

    assert config["config"] == {"User": "65532:65532", "Cmd": ["serve"]}
    assert config["rootfs"] == image("f00", "1")["rootfs"]
    assert [found[layer] for layer in manifest["Layers"]] == LAYERS
    assert manifest["RepoTags"] == [NAME]


def test_the_configuration_is_named_by_its_digest() -> None:
    """That is what an image's id is."""
    found = files(rewritten(archive(image("f00", "1"), mtime=1)))
    [manifest] = json.loads(found["manifest.json"])

    digest = hashlib.sha256(found[manifest["Config"]]).hexdigest()
    assert manifest["Config"] == f"{digest}.json"


def test_a_layer_that_is_there_twice_is_written_once() -> None:
    """An empty one often is."""
    content = rewritten(archive(image("f00", "1"), mtime=1, twice=True))
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as tar:
        names = tar.getnames()

    assert len(names) == len(set(names)) == 4
