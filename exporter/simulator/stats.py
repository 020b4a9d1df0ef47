"""What tests measure at the server: requests, their overlap, and connections.

It must not judge, and holds a bounded number of requests.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS_KEPT = 200_000


class Served(NamedTuple):
    """One request; ``arrived`` is seconds of the monotonic clock.

    ``action`` is empty when the path is none of the API's, ``page`` None when none was
    asked for, ``status`` 444 when the connection was broken.
    """

    arrived: float
    method: str
    action: str
    path: str
    query: str
    page: int | None
    status: int


class Stats:
    """Count what the server sees."""

    def __init__(self) -> None:
        self.requests: deque[Served] = deque(maxlen=REQUESTS_KEPT)
        self.in_flight = 0
        self.max_in_flight = 0
        self.connections = 0
        self._connected: WeakSet[object] = WeakSet()

    def of(self, action: str) -> list[Served]:
        """List the requests for one action, in the order they were answered."""
        return [served for served in self.requests if served.action == action]

    @contextmanager
    def flight(self, connection: object | None) -> Iterator[None]:
        """Hold one request in flight, on a connection that counts once."""
        if connection is not None and connection not in self._connected:
            self._connected.add(connection)
            self.connections += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1
