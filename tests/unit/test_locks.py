"""The locks pin every package by version and hash, and nothing names a registry."""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import pytest
from paths import ROOT

LOCKS = ["requirements.lock", "requirements-kubernetes.lock", "requirements-dev.lock"]
OTHERS = ["requirements-build.lock", "requirements-deploy.lock"]

PIN = re.compile(r"[a-z0-9-]+==(?:[0-9]+!)?[0-9][0-9a-z.+-]*(?: ; [\w .'=!<>()]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
REGISTRY = re.compile(
    r"\b(?:py-?pi|pythonhosted|npmjs|yarnpkg|crates|rubygems|goproxy|nuget|maven|"
    r"(?:proxy|sum)\.golang|artifactory|nexus|mirrors?)\.[\w.-]*[a-z]{2,}\b",
    re.IGNORECASE,
)


def lines(lock: str) -> list[str]:
    """Return the lines of a lock."""
    return (ROOT / lock).read_text(encoding="utf-8").splitlines()


def pins(lock: str) -> set[str]:
    """Return the lines of a lock that pin a package."""
    return {line for line in lines(lock) if PIN.fullmatch(line)}


def committed() -> Iterator[Path]:
    """Yield the files of the repository: all but what .gitignore names."""
    text = (ROOT / ".gitignore").read_text(encoding="utf-8")
    ignored = [".git", *(line.strip("/") for line in text.split())]
    for folder, folders, files in os.walk(ROOT):
        kept = [
            name
            for name in (*folders, *files)
            if not any(fnmatch(name, pattern) for pattern in ignored)
        ]
        folders[:] = [name for name in folders if name in kept]
        yield from (Path(folder, name) for name in files if name in kept)


@pytest.mark.parametrize("lock", [*LOCKS, *OTHERS])
def test_a_lock_holds_exact_versions_and_sha256_and_nothing_else(lock: str) -> None:
    """No range, no weaker hash, no address and no option of pip finds its way in."""
    other = [
        line
        for line in lines(lock)
        if not (PIN.fullmatch(line) or HASH.fullmatch(line))
    ]

    assert other == []


@pytest.mark.parametrize("lock", [*LOCKS, *OTHERS])
def test_each_pinned_package_has_a_hash(lock: str) -> None:
    """A pin ends with a backslash, so what follows it is its first hash."""
    kinds = ["hash" if HASH.fullmatch(line) else "pin" for line in lines(lock)]

    assert ("pin", "pin") not in pairwise(kinds)
    assert kinds[-1] == "hash"


def test_development_runs_what_is_released() -> None:
    """The tests see the very versions that users install.

    A marker may be wider there: what only development needs may ask for one as well.
    """
    versions = [
        {re.split(r" [;\\]", line)[0] for line in lines(lock) if PIN.fullmatch(line)}
        for lock in LOCKS
    ]

    assert versions[0] < versions[1] < versions[2]
    assert all(re.fullmatch(r"[\w-]+==[\w.+-]+", pin) for pin in versions[0])


def test_the_image_is_built_with_what_builds_the_wheel() -> None:
    """The backend and what it needs are those that tests have seen."""
    others = pins("requirements-build.lock") - pins("requirements-dev.lock")

    # For a dependency that comes as source only.
    assert [pin.partition("==")[0] for pin in others] == ["setuptools"]


@pytest.mark.parametrize(
    "host", [("py" + "pi", "org"), ("files", "pythonhosted", "org"), ("mirror", "corp")]
)
def test_a_registry_is_known_by_its_host(host: tuple[str, ...]) -> None:
    """Else the test below would find nothing because it looks for nothing."""
    assert REGISTRY.search(f"from {'.'.join(host)}/simple") is not None


def test_no_file_names_a_registry() -> None:
    """Where packages come from is a matter of each machine, not of the repository."""
    named = {
        str(file.relative_to(ROOT)): found[0]
        for file in committed()
        if (found := REGISTRY.search(file.read_text(encoding="utf-8", errors="ignore")))
    }

    assert named == {}
