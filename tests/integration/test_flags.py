"""What a command line means, and that a bad one is told in one line."""

import subprocess
import sys

import pytest

from exporter.app.flags import build_parser, setting_flags
from exporter.config.catalogue import setting_specs

PARSER = build_parser()
CANARY = "hunter2-canary"
COMMANDS = ("serve", "poll", "check", "simulate", "demo")
WITH_FLAG = [spec for spec in setting_specs().values() if spec.flag]


def given(*arguments: str) -> dict[str, object]:
    """Return the settings that these arguments tell."""
    return setting_flags(PARSER.parse_args(arguments))


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line that a bad command line is answered with."""
    with pytest.raises(SystemExit) as caught:
        PARSER.parse_args(arguments)
    printed = capsys.readouterr()
    assert caught.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith("rocketmq-dr-exporter: ")
    assert printed.err.count("\n") == 1
    return printed.err.strip()


def test_parsing_flags_imports_neither_server_nor_simulator() -> None:
    """`--version` must be quick: what is slow to import is imported when used."""
    program = (
        "import sys, exporter.app.flags; "
        "print(*sorted({'aiohttp', 'rich', 'structlog', 'exporter.simulator.world'}"
        " & sys.modules.keys()))"
    )

    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == ""
