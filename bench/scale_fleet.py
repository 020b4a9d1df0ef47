"""Many shards as processes, the cloud they share, and a Prometheus of them all.

It measures nothing; each process is ended with what started it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import urllib.request
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.programs import (
    CACHE,
    DidNotStartError,
    Program,
    environment,
    free_port,
    running,
    wait_until_ready,
)

SERIES = "rocketmq_dr_sync_lag_seconds"
QUERY_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything; `per_second` is the account's budget."""

    shards: int
    plans: int
    items: int
    groups: int
    per_second: int
    interval: str
    discovery_interval: str
    scrape_seconds: int

    @property
    def checkpoints(self) -> int:
        """Return how many there are to be seen."""
        return self.plans * self.items * self.groups


FULL = Size(8, 1_000, 1, 1_000, 200, "2m", "30m", 15)
# Asked for more than the budget gives, or nobody could see whether it is kept.
SMALL = Size(4, 100, 2, 100, 60, "2s", "1m", 1)


@dataclass
class Cloud:
    """The simulated cloud, and when each request arrived there."""

    program: Program
    arrived: list[float] = field(default_factory=list)
    refused: int = 0

    def listen(self, lines: Iterator[bytes]) -> None:
        """Take in what it tells, until it ends."""
        for line in lines:
            told = json.loads(line)
            self.arrived += told["arrived"]
            self.refused += told["refused"]

    def most_in(self, seconds: float) -> int:
        """Return the largest number of requests in any so many seconds."""
        arrived = sorted(self.arrived)
        ends = (bisect_left(arrived, at + seconds) for at in arrived)
        return max((end - n for n, end in enumerate(ends)), default=0)


@dataclass(frozen=True, slots=True)
class Prometheus:
    """The query API of a running Prometheus."""

    program: Program

    def value(self, query: str) -> float | None:
        """Return the one sample of a query, None where it has none."""
        text = urllib.parse.urlencode({"query": query})
        # Loopback, and an address that we chose.
        with urllib.request.urlopen(  # noqa: S310
            f"{self.program.url}/api/v1/query?{text}", timeout=QUERY_SECONDS
        ) as answer:
            found: dict[str, Any] = json.load(answer)
        result = found["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def known(self) -> int:
        """Return how many checkpoints the shards say they know; it costs little."""
        return int(self.value("sum(rocketmq_dr_checkpoints)") or 0)

    def seen(self) -> int:
        """Return how many series of checkpoints there are; with a million it takes."""
        return int(self.value(f"count({SERIES})") or 0)


@dataclass
class Shard:
    """One exporter of many; each start is another process at the same address."""

    index: int
    address: str
    process: subprocess.Popen[bytes] | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        """Return where it is scraped."""
        return f"http://{self.address}"

    def start(self, size: Size, endpoint: str) -> None:
        """Start it, and do not wait for it."""
        arguments = (
            f"--web.listen-address={self.address}",
            f"--shard.index={self.index}",
            f"--shard.total={size.shards}",
            f"--api.endpoint={endpoint}",
            f"--api.requests-per-second={size.per_second}",
            f"--poll.interval={size.interval}",
            "--poll.timeout=5m",
            "--poll.stale-after=1h",
            f"--poll.discovery-interval={size.discovery_interval}",
            f"--metrics.max-checkpoints={size.checkpoints}",
            "--metrics.families=sync_lag",
        )
        command = (sys.executable, "-m", "exporter", "serve", *arguments)
        name = f"shard-{self.index}"
        self.process = self.stack.enter_context(running(name, command, environment()))

    def kill(self) -> None:
        """End it without a word."""
        if self.process is None:
            raise ValueError("it was never started")
        self.process.kill()
        self.process.wait()

    def program(self) -> Program:
        """Return the running process."""
        if self.process is None:
            raise ValueError("it was never started")
        return Program(self.process.pid, self.url)


@contextmanager
def cloud(size: Size) -> Iterator[Cloud]:
    """Run the cloud."""
    sizes = (str(size.plans), str(size.items), str(size.groups))
    command = (sys.executable, "-m", "bench.cloud", *sizes, "--counts")
    with running("scale-cloud", command, environment()) as process:
        if process.stdout is None:
            raise AssertionError("its output is a pipe")
        url = process.stdout.readline().decode().strip()
        if not url:
            raise DidNotStartError((CACHE / "scale-cloud.log").read_text())
        it = Cloud(Program(process.pid, url))
        lines = iter(process.stdout.readline, b"")
        listener = threading.Thread(target=it.listen, args=(lines,), daemon=True)
        listener.start()
        yield it


@contextmanager
def shards(size: Size, endpoint: str) -> Iterator[list[Shard]]:
    """Run all shards; they are not ready yet."""
    with ExitStack() as stack:
        fleet = [Shard(n, f"127.0.0.1:{free_port()}") for n in range(size.shards)]
        for shard in fleet:
            stack.enter_context(shard.stack)
            shard.start(size, endpoint)
        yield fleet


@contextmanager
def prometheus(size: Size, fleet: list[Shard]) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes all shards, and keeps its data for this run."""
    path = shutil.which("prometheus")
    if path is None:
        raise DidNotStartError("prometheus is not installed: use `make scale`")
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="prometheus-") as folder:
        config = Path(folder, "prometheus.yml")
        config.write_text(_config(size, fleet))
        command = (
            path,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={address}",
            f"--query.timeout={QUERY_SECONDS}s",
        )
        with running("prometheus", command, environment()) as process:
            wait_until_ready(f"http://{address}", process)
            yield Prometheus(Program(process.pid, f"http://{address}"))


def _config(size: Size, fleet: list[Shard]) -> str:
    """Return a configuration in JSON, which is YAML too."""
    every = f"{size.scrape_seconds}s"
    return json.dumps(
        {
            "global": {"scrape_interval": every, "scrape_timeout": every},
            "scrape_configs": [
                {
                    "job_name": "rocketmq-dr",
                    "static_configs": [{"targets": [one.address for one in fleet]}],
                }
            ],
        }
    )
