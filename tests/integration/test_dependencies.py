"""Dependencies: declared, listed, locked by hash, permissive, and needed."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import pairwise
from subprocess import run

import pytest
from paths import ROOT

from exporter import __version__
from scripts.sbom import licence, locked, required, runtime, sbom

COMES_WITH = {"pydantic-core", "yarl"}
"""What is imported by itself, but is the interface of a dependency."""

PERMISSIVE = {
    *("Apache", "Apache-2.0", "Apache 2.0", "Apache License 2.0"),
    *("Apache Software License", "BSD-2-Clause", "BSD-3-Clause"),
    *("BSD 2-Clause License", "BSD License", "PSF-2.0"),
    *("MIT", "MIT License", "MIT-0", "The MIT License (MIT)"),
}
"""Licences that ask for no more than their notice, as packages spell them."""

# Copyleft file by file: it asks those who change it for their changes.
EXCEPTIONS = {"certifi": "MPL-2.0", "hypothesis": "MPL-2.0"}

LOCKS = ["requirements.txt", "requirements-kubernetes.txt", "requirements-dev.txt"]
OTHERS = ["requirements-build.txt", "requirements-deploy.txt"]
PIN = re.compile(r"[a-z0-9-]+==(?:[0-9]+!)?[0-9][0-9a-z.+-]*(?: ; [\w .'=!<>()]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
REGISTRY = re.compile(
    r"\b(?:py-?pi|pythonhosted|npmjs|yarnpkg|crates|rubygems|goproxy|nuget|maven|"
    r"(?:proxy|sum)\.golang|artifactory|nexus|mirrors?)\.[\w.-]*[a-z]{2,}\b",
    re.IGNORECASE,
)


def declared(*, development: bool = False) -> set[str]:
    """Return the packages that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["kubernetes"],
        *(project["dependency-groups"]["dev"] if development else []),
    ]
    return {re.split(r"[^\w.-]", each)[0] for each in named}


def imported() -> set[str]:
    """Return the packages that the exporter imports, but itself and Python's own."""
    names = set()
    for module in (ROOT / "exporter").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    owners = packages_distributions()
    foreign = tops - sys.stdlib_module_names - {"exporter"}
    return {owners[top][0].lower().replace("_", "-") for top in foreign}


def lines(lock: str) -> list[str]:
    """Return the lines of a lock."""
    return (ROOT / lock).read_text(encoding="utf-8").splitlines()


def test_contributing_lists_every_dependency() -> None:
    """A new dependency needs a line; and none is locked for nothing."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)[-2]
    heads = re.findall(r"^- (`.+?`):", section, re.MULTILINE)
    packages = {package.name for package in runtime()}
    needed = set[str]().union(*required(runtime()).values())

    assert set(re.findall(r"`([^`]+)`", " ".join(heads))) == declared(development=True)
    assert packages - declared() <= needed


def test_each_licence_is_permissive() -> None:
    """What users install, and what we develop with, asks for no more than a notice."""
    stated = {
        one.name: licence(one.name)
        for lock in LOCKS
        for one in locked("\n".join(lines(lock)))
        if one.is_installed_here
        and (lock != LOCKS[-1] or one.name in declared(development=True))
    }
    others = {
        name: words
        for name, words in stated.items()
        if not PERMISSIVE.issuperset(re.split(" AND | OR ", words))
    }

    assert others == EXCEPTIONS


def test_each_dependency_is_imported_and_each_import_a_dependency() -> None:
    """Nothing works only because another package needs it, too."""
    assert imported() == declared() | COMES_WITH


@pytest.mark.parametrize("lock", [*LOCKS, *OTHERS])
def test_a_lock_holds_exact_versions_and_sha256_and_nothing_else(lock: str) -> None:
    """No range, no weaker hash, no address and no option of pip."""
    kinds = [
        "hash" if HASH.fullmatch(line) else "pin" if PIN.fullmatch(line) else line
        for line in lines(lock)
    ]

    assert set(kinds) == {"pin", "hash"}
    assert ("pin", "pin") not in pairwise(kinds)
    assert kinds[-1] == "hash"


def test_all_locks_have_the_same_versions() -> None:
    """Tests and image use what users install."""
    versions = [
        {re.split(r" [;\\]", line)[0] for line in lines(lock) if PIN.fullmatch(line)}
        for lock in (*LOCKS, OTHERS[0])
    ]

    assert versions[0] < versions[1] < versions[2]
    # For a dependency that comes as source only.
    others = versions[3] - versions[2]
    assert [pin.partition("==")[0] for pin in others] == ["setuptools"]


def test_no_file_names_a_registry() -> None:
    """Each machine has its own settings for that."""
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    listing = run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = {
        name: found[0]
        for name in filter(None, listing.split("\0"))
        if (ROOT / name).is_file()
        and (found := REGISTRY.search((ROOT / name).read_text("utf-8", "ignore")))
    }

    assert named == {}
    for host in (("py" + "pi", "org"), ("files", "pythonhosted", "org")):
        assert REGISTRY.search(f"from {'.'.join(host)}/simple")


def test_the_sbom_lists_exactly_what_is_locked() -> None:
    """Names, versions and hashes; and nothing of the machine or the time.

    All is reached from the exporter; a scope says what only some machines have.
    """
    written = json.loads(sbom(runtime()))
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w-]+)==([\w.]+)((?:.*\\\n)+.*)", text, re.MULTILINE)
    found = {}
    for one in written["components"]:
        [files] = one["externalReferences"]
        assert {each["alg"] for each in files["hashes"]} == {"SHA-256"}
        hashes = sorted(each["content"] for each in files["hashes"])
        found[one["name"], one["version"]] = hashes

    assert found == {
        (name, version): sorted(re.findall("sha256:([0-9a-f]{64})", rest))
        for name, version, rest in pinned
    }
    assert written["metadata"]["component"]["version"] == __version__
    assert set(written["metadata"]) == {"component"}
    assert "serialNumber" not in written
    named = set(re.findall(r"https?://([^/\"]+)", json.dumps(written)))
    assert named == {"cyclonedx.org"}

    ours = "rocketmq-dr-exporter"
    needs = {one["ref"]: one.get("dependsOn", []) for one in written["dependencies"]}
    reached = new = {ours}
    while new:
        new = {each for ref in new for each in needs[ref]} - reached
        reached = reached | new
    assert reached == {ours, *(one["bom-ref"] for one in written["components"])}
    scopes = {one["name"]: one["scope"] for one in written["components"]}
    assert (scopes["aiohttp"], scopes["tzdata"]) == ("required", "optional")


def test_the_sbom_is_made_where_the_locked_version_is_installed() -> None:
    """Another version may have another licence."""
    [package] = locked("pyyaml==0.1 \\\n    --hash=sha256:" + "0" * 64)
    with pytest.raises(ValueError, match=r"pyyaml .+ is installed, 0\.1 is locked"):
        sbom([package])
