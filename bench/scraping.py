"""One scrape as Prometheus makes it, and how long it took to the last byte.

As a program it asks for `/-/healthy`, which the event loop answers without any work:
the latency is how long the loop was busy with something else. It prints the latencies
in seconds as JSON.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

HEADERS = {
    "Accept": "text/plain;version=0.0.4;q=1,*/*;q=0.1",
    "User-Agent": "Prometheus/bench",
}
TIMEOUT_SECONDS = 300
PROBE_EVERY_SECONDS = 0.002


class RefusedError(Exception):
    """The answer was no 200."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """An answer, and the seconds from the request to its last byte."""

    seconds: float
    body: bytes


class Client:
    """Scrapes one target over one connection, opened again where the target closes."""

    def __init__(self, url: str, *, path: str = "/metrics") -> None:
        self._address = urlsplit(url).netloc
        self._path = path
        self._connection = http.client.HTTPConnection(
            self._address, timeout=TIMEOUT_SECONDS
        )

    def scrape(self, *, encoding: str = "gzip") -> Scrape:
        """Return the answer to one request.

        Raises:
            RefusedError: it is no 200.
            OSError: there is none.
        """
        began = time.perf_counter()
        headers = {**HEADERS, "Accept-Encoding": encoding}
        self._connection.request("GET", self._path, headers=headers)
        response = self._connection.getresponse()
        body = response.read()
        seconds = time.perf_counter() - began
        if response.status != http.client.OK:
            raise RefusedError(f"{self._path}: {response.status}")
        return Scrape(seconds, body)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def main() -> None:
    """Ask for so many seconds."""
    client = Client(sys.argv[1], path="/-/healthy")
    end = time.perf_counter() + float(sys.argv[2])
    latencies = []
    while time.perf_counter() < end:
        latencies.append(client.scrape().seconds)
        time.sleep(PROBE_EVERY_SECONDS)
    print(json.dumps(latencies))


if __name__ == "__main__":
    main()
