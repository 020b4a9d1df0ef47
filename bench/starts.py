"""How long a start takes, as somebody waits for it who has just typed the command."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from bench.programs import REPOSITORY, environment, exporter, free_port
from bench.scraping import Client


@dataclass(frozen=True, slots=True)
class Starts:
    """Seconds from the command to its first complete answer, or to its end."""

    demo: float
    import_cli: float


def measure(runs: int) -> Starts:
    """Start each of them so many times, in turns."""
    pairs = [(_timed(_demo), _timed(_import_cli)) for _ in range(runs)]
    demos, imports = zip(*pairs, strict=True)
    return Starts(demo=median(demos), import_cli=median(imports))


def _timed(work: Callable[[], float]) -> float:
    began = time.perf_counter()
    return work() - began


def _demo() -> float:
    """Return when the demo had been scraped whole."""
    listen = f"--listen-address=127.0.0.1:{free_port()}"
    with exporter((listen,), environment(), command="demo") as program:
        Client(program.url).scrape()
        return time.perf_counter()


def _import_cli() -> float:
    """Return when a Python that only imports the command line had ended."""
    command = (sys.executable, "-c", "import exporter.app.cli")
    subprocess.run(command, check=True, cwd=REPOSITORY, env=environment())
    return time.perf_counter()
