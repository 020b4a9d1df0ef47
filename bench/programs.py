"""The programs that are measured: started, found by their address, and ended.

Each is a process of its own; it knows nothing of what is measured.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.scraping import Client, RefusedError

REPOSITORY = Path(__file__).parents[1]
CACHE = REPOSITORY / ".cache" / "bench"
START_SECONDS = 240
STOP_SECONDS = 10
_TICKS = os.sysconf("SC_CLK_TCK")


class DidNotStartError(Exception):
    """A program ended, or was silent for too long; its log is told."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Files: the authorities to trust, and the server's certificate with its key."""

    authorities: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Program:
    """A running program and where it listens."""

    pid: int
    url: str

    def cpu_seconds(self) -> float:
        """Return the CPU time of all of its threads so far, to 10 ms."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak_bytes(self) -> int:
        """Return the most memory it ever held: VmHWM."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(ln for ln in status.splitlines() if ln.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


@contextmanager
def announced(
    name: str, command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[Program]:
    """Run a program that prints its address when it is ready."""
    with running(name, command, environment) as process:
        if process.stdout is None:
            raise AssertionError("its output is a pipe")
        line = process.stdout.readline().decode().strip()
        if not line:
            raise DidNotStartError((CACHE / f"{name}.log").read_text())
        yield Program(process.pid, line)


@contextmanager
def exporter(
    arguments: Sequence[str], environment: Mapping[str, str], *, command: str = "serve"
) -> Iterator[Program]:
    """Run our exporter; it is ready when `/-/ready` says so."""
    address = f"127.0.0.1:{free_port()}"
    line = [sys.executable, "-m", "exporter", command]
    line += [f"--web.listen-address={address}", *arguments]
    with running(command, line, environment) as process:
        wait_until_ready(f"http://{address}", process)
        yield Program(process.pid, f"http://{address}")


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Ask every few milliseconds until the exporter has tried every route."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        client = Client(url, path="/-/ready")
        try:
            client.scrape()
        except (OSError, RefusedError):
            time.sleep(0.005)
        else:
            return
        finally:
            client.close()
    raise DidNotStartError(f"{url}, see the logs in {CACHE.name}")


def environment(chain: Chain | None = None) -> dict[str, str]:
    """Return an environment that trusts the chain and holds no other credentials."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALIBABA", "ROCKETMQ_DR"))
    }
    trust = {} if chain is None else {"SSL_CERT_FILE": str(chain.authorities)}
    return {
        **kept,
        **trust,
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
        "ROCKETMQ_DR_API__ACCESS_KEY_ID": "simulator",
        "ROCKETMQ_DR_API__ACCESS_KEY_SECRET": "simulator",
        "PYTHONPATH": str(REPOSITORY),
        "HOME": str(CACHE),
    }


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


@contextmanager
def running(
    name: str, command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the end, when it is asked to stop; what it says is kept."""
    with (
        (CACHE / f"{name}.log").open("wb") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            cwd=REPOSITORY,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
