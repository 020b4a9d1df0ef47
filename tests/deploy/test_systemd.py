"""The systemd unit: what it forbids, and that the exporter needs none of it.

No test starts systemd: what it would enforce is compared with what the exporter does.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT
from programs import clean_environment, exporter_command, line_with, real, started

from exporter.config.catalogue import setting_specs
from exporter.model.durations import parse_duration

FOLDER = ROOT / "deploy" / "systemd"
NAME = "rocketmq-dr-exporter.service"
UNIT = (FOLDER / NAME).read_text(encoding="utf-8")
DROP_IN = (FOLDER / f"{NAME}.d" / "access-key.conf").read_text(encoding="utf-8")
DOCUMENT = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
PROGRAM = "opt/rocketmq-dr-exporter/bin/rocketmq-dr-exporter"

MOST_EXPOSED = 2.0
DEMO = exporter_command(
    "demo", "--web.listen-address=127.0.0.1:0", "--listen-address=127.0.0.1:0"
)

# PR_SET_MDWE with PR_MDWE_REFUSE_EXEC_GAIN: what MemoryDenyWriteExecute= asks for.
WITHOUT_EXECUTABLE_DATA = """
import ctypes, mmap, os, sys
assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    os.execv(sys.argv[1], sys.argv[1:])
"""


def installed(root: Path) -> Path:
    """Install the unit, as docs/deploy.md says, below another root."""
    units = root / "etc" / "systemd" / "system"
    shutil.copytree(FOLDER, units)
    for program in (PROGRAM, "bin/kill"):
        file = root / program
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", file)
    return units / NAME


def analyze(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze on what is installed below a root."""
    options = ("--no-pager", f"--root={root}")
    return subprocess.run(
        [real("systemd-analyze"), *command, *options, NAME],
        capture_output=True,
        text=True,
        check=False,
    )


def values(name: str, text: str = UNIT) -> list[str]:
    """Return all values that a unit gives to an option."""
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def test_it_serves_reloads_restarts_and_stops_in_time() -> None:
    """But not with a bad configuration; it stops within 5 s."""
    assert values("ExecStart") == [f"/{PROGRAM} serve"]
    assert values("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert values("DynamicUser") == ["yes"]
    assert values("Restart") == ["on-failure"]
    assert values("RestartPreventExitStatus") == ["2"]
    assert parse_duration(*values("TimeoutStopSec")).total_seconds() > 5


def test_the_secret_is_a_credential_and_every_variable_a_setting() -> None:
    """The secret is in no environment."""
    [credential] = values("LoadCredential", DROP_IN)
    [setting] = values("Environment", DROP_IN)
    name, _, file = credential.partition(":")
    text = (FOLDER / "environment").read_text(encoding="utf-8") + DROP_IN
    named = set(re.findall(r"ROCKETMQ_DR_[A-Z_]+", text))

    assert file == "/etc/rocketmq-dr-exporter/access-key-secret"
    assert setting == f"ROCKETMQ_DR_API__ACCESS_KEY_SECRET_FILE=%d/{name}"
    assert values("EnvironmentFile") == ["-/etc/rocketmq-dr-exporter/environment"]
    assert named
    assert named <= {spec.environment for spec in setting_specs().values()}


def test_the_page_installs_every_file_of_the_unit() -> None:
    """Where the unit looks for it."""
    files = {str(x.relative_to(ROOT)) for x in FOLDER.rglob("*") if x.is_file()}

    named = set(re.findall(r"^install -D -m 0644 (\S+)", DOCUMENT, re.MULTILINE))
    assert named == files
    assert f"python3 -m venv /{PROGRAM.partition('/bin/')[0]}\n" in DOCUMENT


def test_the_unit_s_exposure_is_low(tmp_path: Path) -> None:
    """By systemd's own measure, which the page repeats."""
    installed(tmp_path)

    told = analyze(tmp_path, "security", "--offline=true").stdout

    [level] = re.findall(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert float(level) < MOST_EXPOSED
    assert f"exposure at {level} of 10" in DOCUMENT


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        (NAME, "PrivateTmp=", "PrivateTemp="),
        (f"{NAME}.d/access-key.conf", "LoadCredential=", "LoadCredentials="),
    ],
)
def test_systemd_understands_the_unit(
    file: str, right: str, wrong: str, tmp_path: Path
) -> None:
    """A mistake is reported: otherwise this test would prove nothing."""
    installed(tmp_path / "good")
    folder = installed(tmp_path / "bad").parent
    text = (folder / file).read_text(encoding="utf-8")
    (folder / file).write_text(text.replace(right, wrong), encoding="utf-8")
    verify = ("verify", "--man=no", "--recursive-errors=no")

    good = analyze(tmp_path / "good", *verify)

    assert (good.returncode, good.stderr) == (0, "")
    assert wrong.strip("= ") in analyze(tmp_path / "bad", *verify).stderr


def allowed() -> set[str]:
    """Return the system calls that the filter allows."""
    command = (real("systemd-analyze"), "syscall-filter", "--no-pager")
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    listed = {
        group: re.findall(r"^    ([@a-z]\S*)$", lines, re.MULTILINE)
        for group, lines in re.findall(r"^(@\S+)\n((?: .*\n)*)", told, re.MULTILINE)
    }

    def calls(*groups: str) -> set[str]:
        members = {each for group in groups for each in listed[group]}
        nested = {each for each in members if each.startswith("@")}
        return members - nested | (calls(*nested) if nested else set())

    granted, refused = values("SystemCallFilter")
    return calls(granted) - calls(*refused.removeprefix("~").split())


async def test_the_exporter_makes_no_call_that_is_forbidden(tmp_path: Path) -> None:
    """From start to stop, with HTTP both ways, threads and a reload."""
    trace = tmp_path / "trace"
    command = (real("strace"), "-f", "-qq", "-o", str(trace), *DEMO)
    async with started(*command, env=clean_environment(tmp_path)) as process:
        await line_with(process.stdout, "Ctrl-C")
        traced = int(trace.read_text(encoding="utf-8").split()[0])
        os.kill(traced, signal.SIGHUP)
        os.kill(traced, signal.SIGTERM)
        await process.wait()

    text = trace.read_text(encoding="utf-8")
    called = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", text, re.MULTILINE))
    assert {"accept4", "execve", "exit_group"} <= called
    assert called - allowed() == set()
    [families] = values("RestrictAddressFamilies")
    # The system's resolver needs AF_UNIX, and a host may have IPv6.
    used = {"AF_INET6", "AF_UNIX", *re.findall(r" socket\((AF_\w+)", text)}
    assert used == set(families.split())


async def test_the_exporter_needs_no_executable_data(tmp_path: Path) -> None:
    """No library makes code at run time."""
    assert values("MemoryDenyWriteExecute") == ["yes"]
    command = (sys.executable, "-c", WITHOUT_EXECUTABLE_DATA, *DEMO)
    async with started(*command, env=clean_environment(tmp_path)) as process:
        await line_with(process.stdout, "Ctrl-C")

    assert process.returncode == 0
