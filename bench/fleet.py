"""Who takes part at a size: the cloud, our exporter and its peers, as they are started.

It measures nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import checkpoints
from bench.programs import (
    CACHE,
    REPOSITORY,
    Chain,
    Program,
    announced,
    environment,
    exporter,
)
from bench.scraping import Client

ROUTES = 10

OURS, AFTERNOON, COLLECTOR, GO, LIMIT = "ours", "afternoon", "collector", "go", "limit"
TITLES = {
    OURS: "this exporter",
    AFTERNOON: "(a) vendor's SDK + gauges",
    COLLECTOR: "(b) prometheus_client, custom collector",
    GO: "(c) client_golang, const metrics",
    LIMIT: "(d) the limit: aiohttp, bytes from memory",
}

_GO_SOURCE = REPOSITORY / "bench" / "client_golang"
_GO_BINARY = CACHE / "client_golang"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the exporter finds a cloud of `size` checkpoints."""

    size: int
    endpoint: str
    chain: Chain


@contextmanager
def cloud(
    size: int, chain: Chain, *, items: int = ROUTES, two_way: bool = False
) -> Iterator[Place]:
    """Run the simulated cloud of so many checkpoints, evenly on the items of a plan.

    An item has one route, or with `two_way` two that list the same checkpoints.
    """
    options = ["--tls", str(chain.certificate), str(chain.key)]
    options += ["--two-way"] * two_way
    sizes = ("1", str(items), str(size // items))
    command = (sys.executable, "-m", "bench.cloud", *sizes, *options)
    with announced("cloud", command, environment()) as program:
        yield Place(size, program.url, chain)


def ours(place: Place, *, interval: str) -> AbstractContextManager[Program]:
    """Run our exporter against a cloud, as fast as the cloud answers."""
    arguments = (
        f"--api.endpoint={place.endpoint}",
        "--api.requests-per-second=100000",
        "--api.page-size=100",
        f"--poll.interval={interval}",
        "--poll.timeout=10m",
        "--poll.stale-after=6h",
        "--poll.discovery-interval=6h",
        f"--metrics.max-checkpoints={2 * place.size}",
        "--metrics.families=sync_lag",
        "--metrics.families=sync_age",
        "--metrics.families=last_sync",
        "--log.level=warn",
    )
    return exporter(arguments, environment(place.chain))


def afternoon(place: Place, *, pause: str) -> AbstractContextManager[Program]:
    """Run peer (a) against a cloud; it is ready after its first poll."""
    command = (sys.executable, "-m", "bench.afternoon", place.endpoint, pause)
    return announced(AFTERNOON, command, environment(place.chain))


@dataclass(frozen=True, slots=True)
class Material:
    """What the peers serve: the rows of our exposition, and its bytes."""

    rows: Path
    body: Path


def material(program: Program, size: int) -> Material:
    """Take one exposition of ours down.

    Raises:
        ValueError: it has not one sample of each family for each checkpoint.
    """
    made = Material(CACHE / "rows.tsv", CACHE / "body.gz")
    client = Client(program.url)
    made.body.write_bytes(body := client.scrape().body)
    client.close()
    count = checkpoints.write(made.rows, body)
    if count != size:
        raise ValueError(f"{count} checkpoints are shown of {size}")
    return made


def peer(name: str, made: Material) -> AbstractContextManager[Program]:
    """Run peer (b), (c) or the limit (d)."""
    commands = {
        COLLECTOR: (sys.executable, "-m", "bench.collector", str(made.rows)),
        GO: (str(_GO_BINARY), str(made.rows)),
        LIMIT: (sys.executable, "-m", "bench.limit", str(made.body)),
    }
    return announced(name, commands[name], environment())


def build_go() -> str | None:
    """Build peer (c); return None, or why it is left out."""
    go = shutil.which("go")
    if go is None:
        return "there is no Go on this machine"
    built = subprocess.run(
        (go, "build", "-o", str(_GO_BINARY), "."),
        cwd=_GO_SOURCE,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode == 0:
        return None
    last = built.stderr.strip().splitlines()[-1:] or ["no message"]
    return f"it could not be built: {last[0]}"


def go_version() -> str:
    """Return the version of Go and of the module, as the table names them."""
    go = shutil.which("go")
    if go is None:
        return ""
    said = subprocess.run((go, "version"), capture_output=True, text=True, check=True)
    module = next(
        line.split()[-1]
        for line in (_GO_SOURCE / "go.mod").read_text().splitlines()
        if "client_golang v" in line
    )
    return f"{said.stdout.split()[2].removeprefix('go')}, client_golang {module[1:]}"
