"""Many shards, each checkpoint once: counted, timed, and with one of them killed.

    python -m bench.scale [--small]

It prints figures; it exits with 1 where a checkpoint is missing or seen twice, or the
cloud was asked more than the account may.
"""

from __future__ import annotations

import argparse
import gzip
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench import scale_fleet
from bench.programs import CACHE, wait_until_ready
from bench.scale_fleet import FULL, SERIES, SMALL, Cloud, Prometheus, Shard, Size
from bench.scraping import Client

WAIT_SECONDS = 900
LOOK_SECONDS = 0.25
# Of a second the cloud counts also what lay waiting while it was busy: it, Prometheus
# and all shards share the cores here.
WINDOW_SECONDS = 10
_SAMPLE = re.compile(rf"^{SERIES}\{{(.*)\}} ".encode(), re.MULTILINE)
_ITEM = re.compile(rb'plan_id="(\d+)",item_id="(\d+)"')


@dataclass(frozen=True, slots=True)
class Scale:
    """What one run has seen; seconds and bytes. `items` counts checkpoints of each."""

    size: Size
    ready_after: float
    seen_after: float
    series: int
    distinct: int
    by_shard: Sequence[int]
    items: Counter[bytes]
    most_in_a_window: int
    mean_per_second: float
    refused: int
    seen: int
    lost: int
    gap: float
    seen_at_last: int
    shard_bytes: Sequence[int]
    prometheus_bytes: int

    def faults(self) -> list[str]:
        """Return what is not as it has to be; none is a success."""
        size = self.size
        whole = size.checkpoints
        checks = {
            f"{self.series:,} series, {self.distinct:,} of them distinct": (
                self.series == self.distinct == whole
            ),
            f"Prometheus has {self.seen:,}": self.seen == whole,
            "an item lacks checkpoints": len(self.items) == size.plans * size.items
            and set(self.items.values()) == {size.groups},
            # The limiters know nothing of each other: in any count each may be ahead by
            # one.
            f"{self.most_in_a_window:,} requests in {WINDOW_SECONDS} s": (
                self.most_in_a_window <= size.per_second * WINDOW_SECONDS + size.shards
            ),
            f"{self.refused} requests were refused": self.refused == 0,
            "a shard has nothing to do": min(self.by_shard) > 0,
            f"{self.lost:,} series ended with the shard": 0 < self.lost < whole,
            f"{self.seen_at_last:,} series in the end": self.seen_at_last == whole,
        }
        return [fault for fault, is_good in checks.items() if not is_good]

    def figures(self) -> Mapping[str, str]:
        """Return what is told of the run."""
        size = self.size
        return {
            "shards": str(size.shards),
            "plans": f"{size.plans:,}",
            "checkpoints": f"{size.checkpoints:,}",
            "shown, and each once": f"{self.distinct:,} of {self.series:,}",
            "by shard": f"{min(self.by_shard):,} to {max(self.by_shard):,}",
            "every route tried after": f"{self.ready_after:.0f} s",
            "every checkpoint in Prometheus after": f"{self.seen_after:.0f} s",
            "budget, requests a second": str(size.per_second),
            f"most requests in any {WINDOW_SECONDS} s": f"{self.most_in_a_window:,}",
            "mean requests a second": f"{self.mean_per_second:.0f}",
            "series lost with a killed shard": f"{self.lost:,}",
            "gap until all were back": f"{self.gap:.0f} s",
            "peak memory of a shard": f"{max(self.shard_bytes) / 1e6:.0f} MB",
            "peak memory of Prometheus": f"{self.prometheus_bytes / 1e6:,.0f} MB",
        }


def measure(size: Size, tell: Callable[[str], None] = lambda _: None) -> Scale:
    """Run it all at one size."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (
        scale_fleet.cloud(size) as cloud,
        scale_fleet.shards(size, cloud.program.url) as fleet,
        scale_fleet.prometheus(size, fleet) as prometheus,
    ):
        began = time.monotonic()
        _wait_for(fleet)
        ready_after = time.monotonic() - began
        tell(f"every route was tried after {ready_after:.0f} s")
        _wait_until(lambda: prometheus.known() == size.checkpoints)
        seen_after = time.monotonic() - began
        tell(f"Prometheus has every checkpoint after {seen_after:.0f} s")
        seen = prometheus.seen()
        found = [_labels(shard) for shard in fleet]
        items = Counter(
            b"/".join(parts)
            for labels in found
            for each in labels
            for parts in _ITEM.findall(each)
        )
        asked = len(cloud.arrived)
        mean_per_second = asked / (time.monotonic() - began)
        tell("one shard is killed")
        lost, gap = _killed(size, fleet, cloud, prometheus)
        tell(f"all were back after {gap:.0f} s")
        return Scale(
            size=size,
            ready_after=ready_after,
            seen_after=seen_after,
            series=sum(map(len, found)),
            distinct=len(set().union(*found)),
            by_shard=[len(labels) for labels in found],
            items=items,
            most_in_a_window=cloud.most_in(WINDOW_SECONDS),
            mean_per_second=mean_per_second,
            refused=cloud.refused,
            seen=seen,
            lost=lost,
            gap=gap,
            seen_at_last=prometheus.seen(),
            shard_bytes=[shard.program().peak_bytes() for shard in fleet],
            prometheus_bytes=prometheus.program.peak_bytes(),
        )


def _killed(
    size: Size, fleet: Sequence[Shard], cloud: Cloud, prometheus: Prometheus
) -> tuple[int, float]:
    """Kill a shard and start another in its place; return the series lost, the gap.

    The gap is from the kill to when Prometheus has every series again.
    """
    victim = fleet[-1]
    victim.kill()
    killed = time.monotonic()
    victim.start(size, cloud.program.url)
    _wait_until(lambda: prometheus.known() < size.checkpoints)
    lost = size.checkpoints - prometheus.known()
    _wait_until(lambda: prometheus.known() == size.checkpoints)
    return lost, time.monotonic() - killed


def _wait_for(fleet: Sequence[Shard]) -> None:
    for shard in fleet:
        if shard.process is not None:
            wait_until_ready(shard.url, shard.process)


def _wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(LOOK_SECONDS)


def _labels(shard: Shard) -> list[bytes]:
    """Return the labels of each series that a shard shows of checkpoints."""
    client = Client(shard.url)
    body = gzip.decompress(client.scrape().body)
    client.close()
    return _SAMPLE.findall(body)


def main() -> int:
    """Run it, and print what was seen."""
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--small", action="store_true", help="as the tests run it")
    size = SMALL if parser.parse_args().small else FULL
    scale = measure(size, lambda text: print(f"scale: {text}", flush=True))
    for name, value in scale.figures().items():
        print(f"{name:40} {value}")
    faults = scale.faults()
    for fault in faults:
        print(f"NOT AS IT HAS TO BE: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
