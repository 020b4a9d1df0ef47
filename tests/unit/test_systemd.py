"""The systemd unit: what it forbids, and that the exporter can live with it.

No test here starts systemd; what it would enforce is compared with what runs.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

from paths import ROOT
from programs import exporter_command, real

from exporter.config import parse_duration
from exporter.config.catalogue import setting_specs

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
    """Return what a unit sets an option to, each time that it does."""
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def allowed() -> set[str]:
    """Return the system calls that the filter lets through."""
    listed: dict[str, list[str]] = {}
    told = subprocess.run(
        [real("systemd-analyze"), "syscall-filter", "--no-pager"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in told.splitlines():
        if line.startswith("@"):
            listed[line] = current = []
        elif line.startswith("    ") and not line.lstrip().startswith("#"):
            current.append(line.strip())

    def calls(group: str) -> set[str]:
        return {
            call
            for each in listed[group]
            for call in (calls(each) if each.startswith("@") else {each})
        }

    granted, refused = values("SystemCallFilter")
    found = calls(granted)
    for group in refused.removeprefix("~").split():
        found -= calls(group)
    return found


async def shown(process: asyncio.subprocess.Process) -> bool:
    """Wait until the demo has shown its first data; tell whether it has."""
    assert process.stdout is not None
    async for line in process.stdout:
        if b"Ctrl-C" in line:
            return True
    return False


def test_what_it_starts_and_reloads_is_the_exporter() -> None:
    """SIGHUP reads the configuration again; it runs as nobody in particular."""
    assert values("ExecStart") == [f"/{PROGRAM} serve"]
    assert values("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert values("Type") == ["exec"]
    assert values("DynamicUser") == ["yes"]


def test_it_comes_back_from_all_but_a_configuration_that_is_no_good() -> None:
    """At boot, and after a crash, however often: its address may be there later."""
    assert values("WantedBy") == ["multi-user.target"]
    assert values("Restart") == ["on-failure"]
    assert values("StartLimitIntervalSec") == ["0"]
    assert values("RestartSec") == ["5s"]
    assert values("RestartPreventExitStatus") == ["2"]


def test_it_is_given_the_time_to_stop() -> None:
    """Which is 5 s at most; then it would be killed."""
    (patience,) = values("TimeoutStopSec")

    assert parse_duration(patience).total_seconds() > 5


def test_the_secret_is_a_credential_and_no_setting() -> None:
    """It is in no environment, and in no file that the service's user could keep."""
    [credential] = values("LoadCredential", DROP_IN)
    [setting] = values("Environment", DROP_IN)
    name, _, file = credential.partition(":")

    assert file == "/etc/rocketmq-dr-exporter/access-key-secret"
    assert setting == f"ROCKETMQ_DR_API__ACCESS_KEY_SECRET_FILE=%d/{name}"


def test_the_environment_names_settings() -> None:
    """A name that is none would be a warning at each start, and have no effect."""
    text = (FOLDER / "environment").read_text(encoding="utf-8") + DROP_IN
    named = set(re.findall(r"ROCKETMQ_DR_[A-Z_]+", text))

    assert values("EnvironmentFile") == ["-/etc/rocketmq-dr-exporter/environment"]
    assert named
    assert named <= {spec.environment for spec in setting_specs().values()}


def test_the_document_installs_every_file_of_the_unit() -> None:
    """And to where the unit looks for it."""
    files = {
        str(file.relative_to(ROOT)) for file in FOLDER.rglob("*") if file.is_file()
    }

    installed_files = set(
        re.findall(r"^install -D -m 0644 (\S+)", DOCUMENT, re.MULTILINE)
    )
    assert installed_files == files
    assert f"python3 -m venv /{PROGRAM.partition('/bin/')[0]}\n" in DOCUMENT
