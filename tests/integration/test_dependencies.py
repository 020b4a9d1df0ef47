"""Dependencies: declared, locked by hash, listed with their licences, and needed."""

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

LOCKS = ["requirements.lock", "requirements-kubernetes.lock", "requirements-dev.lock"]
OTHERS = ["requirements-build.lock", "requirements-deploy.lock"]
PIN = re.compile(r"[a-z0-9-]+==(?:[0-9]+!)?[0-9][0-9a-z.+-]*(?: ; [\w .'=!<>()]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
REGISTRY = re.compile(
    r"\b(?:py-?pi|pythonhosted|npmjs|yarnpkg|crates|rubygems|goproxy|nuget|maven|"
    r"(?:proxy|sum)\.golang|artifactory|nexus|mirrors?)\.[\w.-]*[a-z]{2,}\b",
    re.IGNORECASE,
)


def declared() -> dict[str, list[str]]:
    """Return the names in pyproject.toml, by the heading that the page has for them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {
        "Runtime": project["project"]["dependencies"],
        "Kubernetes": project["project"]["optional-dependencies"]["kubernetes"],
        "Development": project["dependency-groups"]["dev"],
    }
    return {
        heading: sorted(re.split(r"[^\w.-]", each)[0] for each in requirements)
        for heading, requirements in groups.items()
    }


def listed() -> dict[str, dict[str, str]]:
    """Return the licence of each package on the page, by heading and name."""
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    sections = dict(
        re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    )
    rows = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|", re.MULTILINE)
    return {heading: dict(rows.findall(body)) for heading, body in sections.items()}


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


def test_the_page_lists_every_dependency_and_what_it_needs() -> None:
    """A change of dependencies needs a change of the page."""
    page, names = listed(), declared()
    packages = {package.name for package in runtime()}
    extra = {package.name for package in runtime("kubernetes")} - packages
    needed = set[str]().union(*required(runtime()).values())

    assert sorted(page["Runtime"]) == names["Runtime"]
    assert sorted(page["Development"]) == names["Development"]
    assert set(page["Brought along"]) == packages - set(names["Runtime"])
    assert set(page["Kubernetes"]) == extra >= set(names["Kubernetes"])
    # A package that no other requires would be installed for nothing.
    assert packages - set(names["Runtime"]) <= needed


def test_each_licence_is_what_the_package_states_and_permissive() -> None:
    """They ask for no more than a notice."""
    elsewhere = {one.name for one in runtime() if not one.is_installed_here}
    pages = [row for rows in listed().values() for row in rows.items()]
    others = {
        name: stated
        for name, stated in pages
        if not PERMISSIVE.issuperset(re.split(" AND | OR ", stated))
    }

    for name, stated in pages:
        assert name in elsewhere or stated == licence(name)
    assert others == EXCEPTIONS


def test_each_dependency_is_imported_and_each_import_a_dependency() -> None:
    """Nothing works only because another package needs it, too."""
    names = declared()

    assert imported() == {*names["Runtime"], *names["Kubernetes"], *COMES_WITH}


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
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
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
