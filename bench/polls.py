"""What a poll costs in CPU for each checkpoint, and what scrapes feel of it."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bench.checkpoints import POLLED
from bench.programs import REPOSITORY, Program, environment
from bench.scraping import Client

PAGE_ROWS = 100
SCRAPE_EVERY_SECONDS = 0.05
PEAK_SECONDS, PEAK_SCRAPE_EVERY_SECONDS = 600, 0.5
_END_BYTES = 1 << 20
_REQUESTS = re.compile(
    rb"rocketmq_dr_exporter_api_requests_total"
    rb'\{action="ListDisasterRecoveryCheckpoints"\} (\S+)'
)
_POLLS = re.compile(rb"(?m)^rocketmq_dr_polls_total\{.*\} (\S+)")
_POLLED = re.compile(rb"(?m)^" + POLLED.encode() + rb"_total (\S+)")


@dataclass(frozen=True, slots=True)
class _Counter:
    path: str
    pattern: re.Pattern[bytes]
    checkpoints: int


@dataclass(frozen=True, slots=True)
class Polled:
    """CPU seconds per checkpoint, the share of a core it kept busy, and the peak."""

    cpu: float
    per_second: float
    peak: int


@dataclass(frozen=True, slots=True)
class Responsiveness:
    """Seconds: how long scrapes took, and the answer of `/-/healthy`.

    `probe_longest` is the longest answer of all runs.
    """

    scrape_median: float
    scrape_p99: float
    probe_median: float
    probe_p99: float
    probe_longest: float
    scrapes: int
    probes: int


def ours(program: Program, seconds: float) -> Polled:
    """Measure our exporter while it polls without a pause."""
    return _polled(program, _Counter("/metrics", _REQUESTS, PAGE_ROWS), seconds)


def afternoon(program: Program, seconds: float) -> Polled:
    """Measure peer (a) while it polls without a pause."""
    # A scrape of all would weigh in what its poll costs.
    path = f"/metrics?name[]={POLLED}_total"
    return _polled(program, _Counter(path, _POLLED, 1), seconds)


def peak(program: Program, *, polls: int) -> int:
    """Return the most memory a program held until its routes had so many polls in all.

    It polls without a pause, and is scraped with gzip and at the end once without.
    """
    client = Client(program.url)
    end = time.monotonic() + PEAK_SECONDS
    while _counted(client.scrape().body, _POLLS) < polls:
        if time.monotonic() > end:
            raise TimeoutError(f"less than {polls} polls in {PEAK_SECONDS} s")
        time.sleep(PEAK_SCRAPE_EVERY_SECONDS)
    client.scrape(encoding="identity")
    client.close()
    return program.peak_bytes()


def middle(runs: Sequence[Polled]) -> Polled:
    """Return the medians of several runs, and the highest peak."""
    return Polled(
        median(run.cpu for run in runs),
        median(run.per_second for run in runs),
        max(run.peak for run in runs),
    )


def _polled(program: Program, counter: _Counter, seconds: float) -> Polled:
    """Take the CPU and the wall time from scrape to scrape, the second included."""
    client = Client(program.url, path=counter.path)
    first, cpu = client.scrape(), program.cpu_seconds()
    began = time.perf_counter()
    time.sleep(seconds)
    last, used = client.scrape(), program.cpu_seconds() - cpu
    wall = time.perf_counter() - began
    client.close()
    counted = _counted(last.body, counter.pattern) - _counted(
        first.body, counter.pattern
    )
    checkpoints = counted * counter.checkpoints
    return Polled(used / checkpoints, checkpoints / wall, program.peak_bytes())


def _counted(body: bytes, pattern: re.Pattern[bytes]) -> float:
    """Return the sum of the samples that a pattern finds at the end of a body."""
    found = pattern.findall(_end_of(body))
    if not found:
        raise ValueError("the exposition lacks its own counter")
    return sum(map(float, found))


def _end_of(gzipped: bytes) -> bytes:
    """Return the last megabyte or two of a text, without holding it whole."""
    kept = b""
    with gzip.open(io.BytesIO(gzipped)) as text:
        while block := text.read(_END_BYTES):
            kept = kept[-_END_BYTES:] + block
    return kept


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds of every scrape, and of every answer of `/-/healthy`."""

    scrapes: Sequence[float]
    probes: Sequence[float]


def latencies(program: Program, seconds: float) -> Latencies:
    """Scrape twenty times a second, while another process probes the loop."""
    command = (sys.executable, "-m", "bench.scraping", program.url, str(seconds))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment(), cwd=REPOSITORY
    ) as probe:
        scrapes = _paced(program, seconds)
        out, _ = probe.communicate()
    return Latencies(scrapes, json.loads(out))


def responsiveness(runs: Sequence[Latencies]) -> Responsiveness:
    """Return what several runs came to together."""
    scrapes = [seconds for run in runs for seconds in run.scrapes]
    probes = [seconds for run in runs for seconds in run.probes]
    return Responsiveness(
        scrape_median=median(scrapes),
        scrape_p99=_p99(scrapes),
        probe_median=median(probes),
        probe_p99=_p99(probes),
        probe_longest=max(probes),
        scrapes=len(scrapes),
        probes=len(probes),
    )


def _paced(program: Program, seconds: float) -> Sequence[float]:
    client = Client(program.url)
    due = time.perf_counter()
    end = due + seconds
    scrapes = []
    while due < end:
        time.sleep(max(0.0, due - time.perf_counter()))
        scrapes.append(client.scrape().seconds)
        due = max(due + SCRAPE_EVERY_SECONDS, time.perf_counter())
    client.close()
    return scrapes


def _p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[-1]
