"""What Prometheus would keep of its scrapes, as input series for promtool.

It makes up no sample but `up` and the process's start, for `/proc` tells of the test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

JOB = "rocketmq-dr"
PROCESS_START = "process_start_time_seconds"
# Comments, and what tells of the process that runs the tests.
NOT_OURS = ("#", "process_", "python_")


class Mark(Enum):
    """What may stand in a series in the place of a value."""

    MISSING = "_"
    STALE = "stale"


Value = float | Mark
Labels = tuple[tuple[str, str], ...]


class Key(NamedTuple):
    """A series, as the exporter names it."""

    name: str
    labels: Labels


class Samples:
    """Collects the samples of some names, scrape by scrape.

    `is_wanted` picks by name; Unix times are told as seconds since `start`. `labels_of`
    returns what Prometheus adds for a replica. `missed` are the numbers of the scrapes
    that it was down for.
    """

    def __init__(
        self,
        is_wanted: Callable[[str], bool],
        start: float,
        labels_of: Callable[[str], Mapping[str, str]],
    ) -> None:
        self._is_wanted = is_wanted
        self._start = start
        self._labels_of = labels_of
        self._points: dict[tuple[str, Key], dict[int, Value]] = {}
        self._alive: dict[str, set[Key]] = {}
        self._tick = 0
        self.missed: set[int] = set()

    def take(self, replica: str, body: bytes, started_at: float) -> None:
        """Take in a good scrape."""
        found = {Key("up", ()): 1.0, Key(PROCESS_START, ()): self._since(started_at)}
        for line in body.decode().splitlines():
            name = line[: line.find("{")] if "{" in line else line.partition(" ")[0]
            if self._is_kept(name):
                head, _, value = line.rpartition(" ")
                key = _parsed(head)
                is_time = key.name.endswith("_timestamp_seconds")
                found[key] = self._since(float(value)) if is_time else float(value)
        self._keep(replica, found)

    def fail(self, replica: str) -> None:
        """Take in that a scrape was not answered."""
        self._keep(replica, {Key("up", ()): 0.0})

    def miss(self) -> None:
        """Take in that nobody scraped; whoever does next knows nothing of before."""
        self._alive.clear()
        self.missed.add(self._tick)
        self._tick += 1

    def next(self) -> None:
        """End a round of scrapes."""
        self._tick += 1

    def series(self) -> list[dict[str, str]]:
        """Return promtool's `input_series`."""
        return [
            {
                "series": _selector(key, self._labels_of(replica)),
                "values": notation(_filled(points, self._tick)),
            }
            for (replica, key), points in self._points.items()
        ]

    def _is_kept(self, name: str) -> bool:
        return not name.startswith(NOT_OURS) and self._is_wanted(name)

    def _since(self, unix_seconds: float) -> float:
        return round(unix_seconds - self._start, 6)

    def _keep(self, replica: str, found: Mapping[Key, float]) -> None:
        for key, value in found.items():
            self._points.setdefault((replica, key), {})[self._tick] = value
        for key in self._alive.get(replica, set()) - found.keys():
            self._points[replica, key][self._tick] = Mark.STALE
        self._alive[replica] = set(found)


@lru_cache(maxsize=2**17)
def _parsed(head: str) -> Key:
    """Return the series of a line, without its value, by the client's own parser.

    The same lines come at each scrape, and parsing one takes ten times a look-up.
    """
    (family,) = text_string_to_metric_families(f"{head} 0\n")
    (sample,) = family.samples
    return Key(sample.name, tuple(sorted(sample.labels.items())))


def _selector(key: Key, added: Mapping[str, str]) -> str:
    labels = sorted([*key.labels, *added.items()])
    inside = ",".join(f"{name}={_quoted(value)}" for name, value in labels)
    return f"{key.name}{{{inside}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _filled(points: Mapping[int, Value], ticks: int) -> list[Value]:
    return [points.get(tick, Mark.MISSING) for tick in range(ticks)]


def notation(values: Sequence[Value]) -> str:
    """Return values as promtool reads them, runs of equal steps in short.

    >>> notation([1.0, 1.0, 1.0, 4.0, Mark.STALE, Mark.MISSING, Mark.MISSING, 5.0, 6.5])
    '1+0x2 4 stale _x2 5 6.5'
    """
    written = []
    at = 0
    while at < len(values):
        length = _run(values, at)
        written.append(_written(values, at, length))
        at += length
    return " ".join(written)


def _run(values: Sequence[Value], at: int) -> int:
    """Return how many values from a place on can be written as one.

    Steps are added up as promtool does, so that what it reads is the value to the bit.
    """
    first, end = values[at], at + 1
    if isinstance(first, Mark):
        while end < len(values) and values[end] is first is Mark.MISSING:
            end += 1
        return end - at
    if end == len(values) or isinstance(second := values[end], Mark):
        return 1
    step, sum_ = second - first, first
    while end < len(values) and values[end] == (sum_ := sum_ + step):
        end += 1
    return end - at if end - at > 2 else 1


def _written(values: Sequence[Value], at: int, length: int) -> str:
    first = values[at]
    if isinstance(first, Mark):
        return first.value if length == 1 else f"{first.value}x{length}"
    if length == 1:
        return _number(first)
    second = values[at + 1]
    assert not isinstance(second, Mark)
    step = second - first
    sign = "-" if step < 0 else "+"
    return f"{_number(first)}{sign}{_number(abs(step))}x{length - 1}"


def _number(value: float) -> str:
    """Return a float in digits, as exact as it is; promtool knows no exponents.

    >>> _number(1e-05), _number(-900.0)
    ('0.00001', '-900')
    """
    return f"{Decimal(repr(value)):f}".removesuffix(".0")
