"""An image as an archive for `docker load`, the same bytes for the same image.

It changes nothing that runs: it removes times, and the random names that a build gives
to its container.
Usage: python -m scripts.image_archive IN OUT REPOSITORY:TAG
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

_MADE_UP = ("container", "container_config")


def rewrite(read: BinaryIO, written: BinaryIO, name: str) -> None:
    """Write a docker-archive again, gzipped, with its image under one name."""
    with (
        tarfile.open(fileobj=read) as archive,
        gzip.GzipFile("", "wb", 6, fileobj=written, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as packed,
    ):
        [image] = json.load(_member(archive, "manifest.json"))
        config = _config(json.load(_member(archive, image["Config"])))
        named = f"{hashlib.sha256(config).hexdigest()}.json"
        manifest = [{"Config": named, "RepoTags": [name], "Layers": image["Layers"]}]
        for path, content in (("manifest.json", _json(manifest)), (named, config)):
            packed.addfile(_entry(path, len(content)), io.BytesIO(content))
        for layer in _unique(image["Layers"]):
            size = archive.getmember(layer).size
            packed.addfile(_entry(layer, size), _member(archive, layer))


def _config(config: dict[str, Any]) -> bytes:
    """Return the image's configuration without random names."""
    kept = {key: value for key, value in config.items() if key not in _MADE_UP}
    kept["config"] = {
        key: value for key, value in config["config"].items() if key != "Hostname"
    }
    return _json(kept)


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _entry(path: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size = size
    return entry


def _member(archive: tarfile.TarFile, path: str) -> BinaryIO:
    content = archive.extractfile(path)
    if content is None:
        raise ValueError(f"{path} is no file")
    return content  # type: ignore[return-value]  # typeshed's IO[bytes] is one


def _unique(layers: list[str]) -> Iterator[str]:
    """Yield each layer once, for an image may have the same one twice."""
    yield from dict.fromkeys(layers)


if __name__ == "__main__":
    with Path(sys.argv[1]).open("rb") as source, Path(sys.argv[2]).open("wb") as target:
        rewrite(source, target, sys.argv[3])
