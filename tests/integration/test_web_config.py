"""Which web configurations are taken, which are refused, and in which words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from certificates import Authority
from programs import real
from web_config_cases import CASES, OLD_FORMAT, write_folder

from exporter.config import ConfigurationError
from exporter.web.watch import checked

CANARY = "canary-5b1e-secret"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the certificates that the cases name."""
    folder = tmp_path_factory.mktemp("web")
    write_folder(folder, Authority())
    return folder


def faults_of(file: Path) -> tuple[str, ...]:
    """Return what a file is refused with, nothing if it is not."""
    try:
        checked(file)
    except ConfigurationError as error:
        return error.faults
    return ()


def test_promtool_agrees_on_every_file_that_its_version_knows(folder: Path) -> None:
    """Exceptions are listed with the cases, each with its reason."""
    for case in CASES:
        file = folder / f"{case.name}.promtool.yml"
        file.write_text(case.text)
        command = (real("promtool"), "check", "web-config", str(file))

        result = subprocess.run(command, capture_output=True, text=True, check=False)

        is_accepted = result.returncode == 0
        assert is_accepted == case.is_accepted_by_promtool, (case.name, result.stderr)
        differs = is_accepted != (case.refused is None)
        assert differs == bool(case.reason), case.name
        assert case.reason != OLD_FORMAT or "not found in type" in result.stderr
