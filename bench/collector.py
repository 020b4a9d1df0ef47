"""A program, peer b: prometheus_client with a custom collector over a snapshot.

It does what the documentation of prometheus_client shows, and nothing to be faster.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bench.checkpoints import AGE, HELP, LABELS, LAG, LAST_SYNC, Row, read


class Checkpoints(Collector):
    """Makes three families of a snapshot at each scrape."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        lag, age, last_sync = (
            GaugeMetricFamily(name, HELP[name], labels=LABELS)
            for name in (LAG, AGE, LAST_SYNC)
        )
        now = time.time()
        for row in self._rows:
            lag.add_metric(row.labels, row.lag)
            age.add_metric(row.labels, now - row.last_sync)
            last_sync.add_metric(row.labels, row.last_sync)
        yield from (lag, age, last_sync)


def main() -> None:
    """Serve the checkpoints of a file."""
    registry = CollectorRegistry()
    registry.register(Checkpoints(list(read(Path(sys.argv[1])))))
    server, _ = start_http_server(0, "127.0.0.1", registry)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
