"""The SBOM says of each runtime package what the lock and the package say."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

from exporter import __version__
from scripts.locked import declared, licence, locked, runtime
from scripts.sbom import main, sbom

LOCK = ROOT / "requirements.lock"
OURS = "rocketmq-dr-exporter"


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """Return the SBOM of requirements.lock."""
    bom: dict[str, Any] = json.loads(sbom(runtime()))
    return bom


def hashes(component: dict[str, Any]) -> list[str]:
    """Return the hashes of the files that may be installed of a component."""
    [files] = component["externalReferences"]
    assert {one["alg"] for one in files["hashes"]} == {"SHA-256"}
    return sorted(one["content"] for one in files["hashes"])


def test_it_lists_exactly_what_is_locked(written: dict[str, Any]) -> None:
    """Names, versions and hashes, read from the lock in another way."""
    text = LOCK.read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w-]+)==([\w.]+)((?:.*\\\n)+.*)", text, re.MULTILINE)

    assert {
        (one["name"], one["version"]): hashes(one) for one in written["components"]
    } == {
        (name, version): sorted(re.findall("sha256:([0-9a-f]{64})", rest))
        for name, version, rest in pinned
    }


def test_everything_is_reached_from_the_exporter(written: dict[str, Any]) -> None:
    """The exporter depends on what it declares, and through that on all the rest."""
    needs = {one["ref"]: one.get("dependsOn", []) for one in written["dependencies"]}
    names = {one["bom-ref"]: one["name"] for one in written["components"]}
    reached, found = {OURS}, {OURS}
    while found:
        found = {each for ref in found for each in needs[ref]} - reached
        reached |= found

    assert sorted(names[ref] for ref in needs[OURS]) == declared()
    assert reached == {OURS, *names}


def test_each_licence_is_what_the_package_states(written: dict[str, Any]) -> None:
    """As an id of SPDX where the package's words are one; none for what is not here."""
    stated = {
        one["name"]: [
            each.get("expression") or next(iter(each["license"].values()))
            for each in one.get("licenses", [])
        ]
        for one in written["components"]
    }

    assert stated == {
        one.name: [licence(one.name)] if one.is_installed_here else []
        for one in runtime()
    }


def test_what_only_some_machines_install_is_optional(written: dict[str, Any]) -> None:
    """Whoever searches the SBOM for a fault sees whether it can concern them."""
    scopes = {one["name"]: one["scope"] for one in written["components"]}

    assert scopes["aiohttp"] == "required"
    assert scopes["tzdata"] == "optional"


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("platform_python_implementation != 'PyPy'", True),
        ("sys_platform == 'win32'", False),
        ("sys_platform == 'linux'", False),
    ],
)
def test_a_marker_that_always_holds_makes_nothing_optional(
    *, marker: str, expected: bool
) -> None:
    """Where the exporter is meant to run: CPython on a POSIX system."""
    [package] = locked(f"cffi==2 ; {marker} \\\n    --hash=sha256:{'0' * 64}")

    assert package.is_for_posix is expected


def test_it_names_the_exporter_and_its_version(written: dict[str, Any]) -> None:
    """What the SBOM is of."""
    assert written["metadata"]["component"]["name"] == OURS
    assert written["metadata"]["component"]["version"] == __version__


def test_it_is_the_same_each_time_and_names_no_host(written: dict[str, Any]) -> None:
    """Without a time and a serial number; packages are named, not located."""
    text = sbom(runtime())

    assert json.loads(text) == written
    assert set(written["metadata"]) == {"component"}
    assert "serialNumber" not in written
    assert set(re.findall(r"https?://([^/\"]+)", text)) == {"cyclonedx.org"}


def test_source_date_epoch_is_its_time(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who builds a release says when, and two builds of it agree."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    file = tmp_path / "dist" / "sbom.json"

    main(file)

    stamp = json.loads(file.read_text(encoding="utf-8"))["metadata"]["timestamp"]
    assert datetime.fromisoformat(stamp) == datetime(
        2023, 11, 14, 22, 13, 20, tzinfo=UTC
    )
    assert capsys.readouterr().out == f"{file}: {len(runtime())} packages\n"


def test_another_version_than_the_locked_one_is_refused() -> None:
    """The licence of one version says nothing of another."""
    [package] = locked("pyyaml==0.1 \\\n    --hash=sha256:" + "0" * 64)

    with pytest.raises(ValueError, match=r"pyyaml .+ is installed, 0\.1 is locked"):
        sbom([package])
