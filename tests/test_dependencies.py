"""docs/dependencies.md lists what pyproject.toml depends on, and the code needs it."""

import ast
import re
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

IMPORTED_AS = {
    "aiohttp": "aiohttp",
    "alibabacloud-credentials": "alibabacloud_credentials",
    "bcrypt": "bcrypt",
    "cryptography": "cryptography",
    "google-re2": "re2",
    "isal": "isal",
    "msgspec": "msgspec",
    "prometheus-client": "prometheus_client",
    "pydantic": "pydantic",
    "pydantic-settings": "pydantic_settings",
    "pyyaml": "yaml",
    "rich": "rich",
    "structlog": "structlog",
}
"""The name under which each runtime dependency is imported."""

COMES_WITH = {"pydantic_core": "pydantic", "yarl": "aiohttp"}
"""What is imported by itself, but is part of a dependency's own interface."""


def declared() -> dict[str, list[str]]:
    """Return the names in pyproject.toml, by the heading that the page has for them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {
        "Runtime": project["project"]["dependencies"],
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


def licence(name: str) -> str:
    """Return the licence that an installed package states of itself."""
    stated = metadata(name)
    classifiers = stated.get_all("Classifier") or []
    found: list[str] = [
        *(stated.get_all("License-Expression") or []),
        *(stated.get_all("License") or []),
        *(c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License")),
    ]
    return found[0]


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
    on_page = {
        name: stated for rows in listed().values() for name, stated in rows.items()
    }

    assert on_page == {name: licence(name) for name in on_page}


def test_each_runtime_dependency_is_imported() -> None:
    """What nobody imports is not installed on anybody's machine."""
    assert sorted(IMPORTED_AS) == declared()["Runtime"]
    assert set(IMPORTED_AS.values()) <= imported()


def test_each_import_is_a_declared_dependency() -> None:
    """Nothing works only because something else happens to bring it along."""
    assert imported() - set(IMPORTED_AS.values()) == set(COMES_WITH)
    assert set(COMES_WITH.values()) <= set(IMPORTED_AS)


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return found[0]
