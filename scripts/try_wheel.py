"""Tries a built wheel in an environment where nothing else is installed.

Only the wheel and the lock are taken from this folder.
Usage: python -m scripts.try_wheel WHEEL LOCK REVISION
"""

import os
import re
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from exporter import __version__

ANY_PORT = "127.0.0.1:0"
STOPS_WITHIN_SECONDS = 5


def main(wheel: Path, lock: Path, revision: str) -> None:
    """Install it, ask for its version, and scrape its demo.

    Raises:
        ValueError: its answers are wrong.
    """
    with TemporaryDirectory() as folder:
        programs = installed(Path(folder) / "venv", wheel, lock)
        program = str(programs / "rocketmq-dr-exporter")
        told = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
        _expect(told, f"rocketmq-dr-exporter {__version__}")
        with demo(program, Path(folder)) as url, urlopen(url, timeout=10) as answer:  # noqa: S310 - http to this machine, as the demo said
            metrics = answer.read().decode()
    _expect(metrics, "\nrocketmq_dr_sync_lag_seconds{")
    _expect(metrics, f'revision="{revision}",version="{__version__}"')
    print(f"{wheel}: installed, {told}, {metrics.count(chr(10))} lines of metrics")


def installed(folder: Path, wheel: Path, lock: Path) -> Path:
    """Return the folder of programs of a new environment with the wheel."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    options = ["--disable-pip-version-check", "--no-deps"]
    for what in (["--require-hashes", "-r", str(lock)], ["--no-index", str(wheel)]):
        subprocess.run([*pip, *options, *what], check=True)
    return folder / "bin"


@contextmanager
def demo(program: str, folder: Path) -> Iterator[str]:
    """Run the demo, and yield the URL of its metrics; it must stop on SIGTERM."""
    ports = [f"--web.listen-address={ANY_PORT}", f"--listen-address={ANY_PORT}"]
    with subprocess.Popen(
        [program, "demo", *ports],
        stdout=subprocess.PIPE,
        text=True,
        # Neither this folder nor a setting of this machine.
        cwd=folder,
        env={"HOME": str(folder), "PATH": os.defpath},
    ) as process:
        try:
            yield _url(process)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=STOPS_WITHIN_SECONDS)
        finally:
            process.kill()
    if process.returncode:
        raise ValueError(f"the demo ended with {process.returncode}")


def _url(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        found = re.search(r"http://\S+/metrics", line)
        if found:
            return found[0]
    raise ValueError("the demo names no URL")


def _expect(said: str, expected: str) -> None:
    if expected not in said:
        raise ValueError(f"the wheel does not say {expected!r}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
