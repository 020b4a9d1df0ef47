"""Dependencies: declared, locked by hash, listed with their licences, and needed."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from paths import ROOT

from exporter import __version__
from scripts.locked import licence, locked, required, runtime
from scripts.sbom import main, sbom

IMPORTED_AS = {
    "aiohttp": "aiohttp",
    "alibabacloud-credentials": "alibabacloud_credentials",
    "bcrypt": "bcrypt",
    "cryptography": "cryptography",
    "google-re2": "re2",
    "isal": "isal",
    "jinja2": "jinja2",
    "msgspec": "msgspec",
    "prometheus-client": "prometheus_client",
    "pydantic": "pydantic",
    "pydantic-settings": "pydantic_settings",
    "pyyaml": "yaml",
    "rich": "rich",
    "structlog": "structlog",
}
"""The name under which each runtime dependency is imported."""

OPTIONAL = {"kubernetes-asyncio": "kubernetes_asyncio"}
"""The same of what the extra `kubernetes` adds."""

COMES_WITH = {"pydantic_core": "pydantic", "yarl": "aiohttp"}
"""What is imported by itself, but is part of a dependency's own interface."""

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
    """Return the top-level names that the package imports, its own and Python's not."""
    names = set()
    for module in (ROOT / "exporter").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    return tops - sys.stdlib_module_names - {"exporter"}


def lines(lock: str) -> list[str]:
    """Return the lines of a lock."""
    return (ROOT / lock).read_text(encoding="utf-8").splitlines()


def test_the_page_lists_what_is_declared_and_what_that_brings_along() -> None:
    """Whoever adds or drops a dependency says so on the page."""
    page, names = listed(), declared()
    packages = {package.name for package in runtime()}
    extra = {package.name for package in runtime("kubernetes")} - packages
    needed = set[str]().union(*required(runtime()).values())

    assert sorted(page["Runtime"]) == names["Runtime"]
    assert sorted(page["Development"]) == names["Development"]
    assert set(page["Brought along"]) == packages - set(names["Runtime"])
    assert set(page["Kubernetes"]) == extra >= set(names["Kubernetes"])
    # What no other requires would be installed for nothing.
    assert packages - set(names["Runtime"]) <= needed


def test_each_licence_is_what_the_package_states_and_permissive() -> None:
    """Who passes the exporter on owes its packages no more than credit."""
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
    """Nothing works only because something else happens to bring it along."""
    own = {*IMPORTED_AS.values(), *OPTIONAL.values()}

    assert sorted(IMPORTED_AS) == declared()["Runtime"]
    assert own <= imported()
    assert imported() - own == set(COMES_WITH)


@pytest.mark.parametrize("lock", [*LOCKS, *OTHERS])
def test_a_lock_holds_exact_versions_and_sha256_and_nothing_else(lock: str) -> None:
    """No range, no weaker hash, no address and no option of pip finds its way in."""
    kinds = [
        "hash" if HASH.fullmatch(line) else "pin" if PIN.fullmatch(line) else line
        for line in lines(lock)
    ]

    assert set(kinds) == {"pin", "hash"}
    assert ("pin", "pin") not in pairwise(kinds)
    assert kinds[-1] == "hash"


def test_development_and_the_image_s_build_run_what_is_released() -> None:
    """The tests see the very versions that users install."""
    versions = [
        {re.split(r" [;\\]", line)[0] for line in lines(lock) if PIN.fullmatch(line)}
        for lock in (*LOCKS, OTHERS[0])
    ]

    assert versions[0] < versions[1] < versions[2]
    # For a dependency that comes as source only.
    others = versions[3] - versions[2]
    assert [pin.partition("==")[0] for pin in others] == ["setuptools"]


def test_no_file_names_a_registry() -> None:
    """Where packages come from is a matter of each machine, not of the repository."""
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


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """Return the SBOM of requirements.lock."""
    bom: dict[str, Any] = json.loads(sbom(runtime()))
    return bom


def test_the_sbom_lists_exactly_what_is_locked(written: dict[str, Any]) -> None:
    """Names, versions, hashes and licences; and nothing of the machine or the hour."""
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


def test_the_sbom_says_who_needs_what_and_where(written: dict[str, Any]) -> None:
    """All is reached from the exporter; a scope tells what only some machines have."""
    ours = "rocketmq-dr-exporter"
    needs = {one["ref"]: one.get("dependsOn", []) for one in written["dependencies"]}
    reached, found = {ours}, {ours}
    while found:
        found = {each for ref in found for each in needs[ref]} - reached
        reached |= found

    assert reached == {ours, *(one["bom-ref"] for one in written["components"])}
    scopes = {one["name"]: one["scope"] for one in written["components"]}
    assert (scopes["aiohttp"], scopes["tzdata"]) == ("required", "optional")
    for marker, expected in (
        ("platform_python_implementation != 'PyPy'", True),
        ("sys_platform == 'linux'", False),
    ):
        [package] = locked(f"cffi==2 ; {marker} \\\n    --hash=sha256:{'0' * 64}")
        assert package.is_for_posix is expected
    [package] = locked("pyyaml==0.1 \\\n    --hash=sha256:" + "0" * 64)
    with pytest.raises(ValueError, match=r"pyyaml .+ is installed, 0\.1 is locked"):
        sbom([package])


def test_source_date_epoch_is_the_sbom_s_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who builds a release says when, and two builds of it agree."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    file = tmp_path / "dist" / "sbom.json"

    main(file)

    stamp = json.loads(file.read_text(encoding="utf-8"))["metadata"]["timestamp"]
    at = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert datetime.fromisoformat(stamp) == at
