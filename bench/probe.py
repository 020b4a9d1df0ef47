"""A program: how long the exporter leaves a trivial request waiting.

`/-/healthy` is answered by the event loop without any work, so that its latency is how
long the loop was busy with something else. It prints the latencies in seconds as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from bench.scraping import Client

EVERY_SECONDS = 0.002


def main() -> None:
    """Ask for so many seconds."""
    client = Client(sys.argv[1], path="/-/healthy")
    end = time.perf_counter() + float(sys.argv[2])
    latencies = []
    while time.perf_counter() < end:
        latencies.append(client.scrape().seconds)
        time.sleep(EVERY_SECONDS)
    print(json.dumps(latencies))


if __name__ == "__main__":
    main()
