"""docs/dependencies.md lists what pyproject.toml depends on, and the code needs it."""

import ast
import re
import sys
import tomllib

import pytest
from paths import ROOT

from scripts.locked import licence, required, runtime

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
    *(
        "Apache",
        "Apache-2.0",
        "Apache 2.0",
        "Apache License 2.0",
        "Apache Software License",
    ),
    *("BSD-2-Clause", "BSD-3-Clause", "BSD 2-Clause License", "BSD License"),
    *("MIT", "MIT License", "MIT-0", "The MIT License (MIT)"),
    "PSF-2.0",
}
"""Licences that ask for no more than their notice, as packages spell them."""

EXCEPTIONS = {
    # Copyleft file by file: it asks those who change it for their changes.
    "certifi": "MPL-2.0",
    # The same, and nobody but us installs it.
    "hypothesis": "MPL-2.0",
}
"""Packages with another licence, each for its reason, which the page gives too."""


def declared() -> dict[str, list[str]]:
    """Return the names in pyproject.toml, by the heading that the page has for them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {
        "Runtime": project["project"]["dependencies"],
        "Kubernetes": project["project"]["optional-dependencies"]["kubernetes"],
        "Development": project["dependency-groups"]["dev"],
    }
    return {
        heading: sorted(_name(requirement) for requirement in requirements)
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


def licences() -> list[tuple[str, str]]:
    """Return the name and the licence of every package on the page."""
    return [row for rows in listed().values() for row in rows.items()]


def brought_along() -> dict[str, list[str]]:
    """Return who requires each runtime package that is not declared, by its name."""
    packages = runtime()
    requirements = required(packages)
    return {
        package.name: [
            by for by in sorted(requirements) if package.name in requirements[by]
        ]
        for package in packages
        if package.name not in IMPORTED_AS
    }


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


@pytest.mark.parametrize("heading", ["Runtime", "Development"])
def test_the_page_lists_exactly_what_is_declared(heading: str) -> None:
    """Whoever adds or drops a dependency says so on the page."""
    assert sorted(listed()[heading]) == declared()[heading]


def test_each_licence_is_what_the_package_states() -> None:
    """The page repeats the metadata of what is installed."""
    elsewhere = {one.name for one in runtime() if not one.is_installed_here}
    on_page = {name: stated for name, stated in licences() if name not in elsewhere}

    assert on_page == {name: licence(name) for name in on_page}


def test_the_page_lists_what_the_runtime_dependencies_bring_along() -> None:
    """Whatever is installed at run time is on the page, and who wants it."""
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    body = text.partition("\n## Brought along\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \| (.+) \|$", body, re.MULTILINE)

    assert {name: re.findall("`(.+?)`", by) for name, by in rows} == brought_along()


def test_the_page_lists_what_the_extra_adds_and_brings_along() -> None:
    """Who asks for a lease sees what comes with it."""
    added = {one.name for one in runtime("kubernetes")}
    added -= {one.name for one in runtime()}

    assert set(listed()["Kubernetes"]) == added
    assert sorted(OPTIONAL) == declared()["Kubernetes"]
    assert set(OPTIONAL) <= added


def test_nothing_is_locked_that_nobody_asks_for() -> None:
    """A package that no other requires would be installed for nothing."""
    assert all(brought_along().values())


def test_each_licence_is_permissive_or_an_exception_with_its_reason() -> None:
    """Who passes the exporter on owes its packages no more than credit."""
    others = {
        name: stated
        for name, stated in licences()
        if not PERMISSIVE.issuperset(re.split(" AND | OR ", stated))
    }

    assert others == EXCEPTIONS


def test_each_runtime_dependency_is_imported() -> None:
    """What nobody imports is not installed on anybody's machine."""
    assert sorted(IMPORTED_AS) == declared()["Runtime"]
    assert {*IMPORTED_AS.values(), *OPTIONAL.values()} <= imported()


def test_each_import_is_a_declared_dependency() -> None:
    """Nothing works only because something else happens to bring it along."""
    declared_ones = {*IMPORTED_AS.values(), *OPTIONAL.values()}
    assert imported() - declared_ones == set(COMES_WITH)
    assert set(COMES_WITH.values()) <= set(IMPORTED_AS)


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return found[0]
