"""The programs that tests start as a user would: exporter and Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from eventually import eventually
from paths import ROOT

# A program that does not stop is killed after this, and fails its test.
STOP_SECONDS = 120.0
PROMETHEUS_CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: rocketmq-dr
    static_configs: [{{targets: ["{target}"]}}]
{more}"""


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment in which no credential and no setting is found."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALIBABA", "ROCKETMQ_DR"))
    }
    return {
        **kept,
        "HOME": str(home),
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
        "PYTHONPATH": str(ROOT),
        **more,
    }


def real(program: str) -> str:
    """Return the path of a real program; `make test` unpacks what is missing."""
    path = shutil.which(program)
    assert path is not None, f"{program} is not installed: run the tests by `make test`"
    return path


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    status: int
    out: str
    err: str


@asynccontextmanager
async def started(
    *command: str, env: dict[str, str] | None = None, cwd: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program while the context is open, and stop it at the end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        cwd=cwd,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise


async def line_with(stream: asyncio.StreamReader | None, *words: str) -> str:
    """Return the next line with all these words that a program writes."""
    assert stream is not None
    while True:
        line = (await stream.readline()).decode()
        assert line, "the program has ended"
        if all(word in line for word in words):
            return line


def assert_running(process: asyncio.subprocess.Process) -> None:
    """Fail at once where a program has ended that a test waits for."""
    assert process.returncode is None, f"it ended with {process.returncode}"


def exporter_command(*arguments: str) -> Sequence[str]:
    """Return the command line of the exporter under this Python."""
    return (sys.executable, "-m", "exporter", *arguments)


async def run(*command: str, env: dict[str, str] | None = None) -> Result:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )
    out, err = await process.communicate()
    return Result(process.returncode or 0, out.decode(), err.decode())


async def run_exporter(*arguments: str, env: dict[str, str]) -> Result:
    """Run a command of the exporter to its end."""
    return await run(*exporter_command(*arguments), env=env)


_PORTS = itertools.count(os.getpid() * 17)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on.

    It is below those that the system gives to connections, and each process begins
    elsewhere: a port that is free now would else be taken before it is used.
    """
    while True:
        port = 20_000 + next(_PORTS) % 12_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Prometheus:
    """The query API of a running Prometheus."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def is_ready(self) -> bool:
        """Return whether it answers queries."""
        try:
            async with self._session.get(f"{self._url}/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def ask(self, path: str, **parameters: str) -> dict[str, Any]:
        """Return the whole answer of its API."""
        async with self._session.get(
            f"{self._url}/api/v1/{path}", params=parameters
        ) as response:
            answer: dict[str, Any] = await response.json()
        assert answer["status"] == "success", answer
        return answer

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the vector an expression has now."""
        answer = await self.ask("query", query=expression)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result


@asynccontextmanager
async def prometheus(
    target: str, folder: Path, more: str = ""
) -> AsyncIterator[Prometheus]:
    """Run a real Prometheus that scrapes `target` every second.

    `more` are lines of its scrape configuration, indented by four.
    """
    config = PROMETHEUS_CONFIG.format(target=target, more=more)
    async with prometheus_of(config, folder) as server:
        yield server


@asynccontextmanager
async def prometheus_of(
    config: str, folder: Path, *flags: str
) -> AsyncIterator[Prometheus]:
    """Run a real Prometheus with a configuration, and wait until it is ready."""
    path = folder / "prometheus.yml"
    path.write_text(config)
    address = f"127.0.0.1:{free_port()}"
    command = (
        real("prometheus"),
        f"--config.file={path}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        *flags,
    )
    async with started(*command) as process, aiohttp.ClientSession() as session:
        server = Prometheus(f"http://{address}", session)

        async def is_ready() -> bool:
            assert_running(process)
            return await server.is_ready()

        await eventually(is_ready)
        yield server
