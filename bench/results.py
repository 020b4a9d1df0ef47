"""What one run has measured, as it is kept in a file and told in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.polls import Polled, Responsiveness
from bench.scrapes import Scraped
from bench.starts import Starts


@dataclass(frozen=True, slots=True)
class AtSize:
    """All of one size; `afternoon` is None where peer (a) would take minutes."""

    scraped: Scraped
    polled: Polled
    afternoon: Polled | None

    @property
    def peak(self) -> int:
        """Return the most memory our exporter held, polling or scraped."""
        return max(self.polled.peak, self.scraped.costs["ours"].peak)


@dataclass(frozen=True, slots=True)
class Results:
    """One run; `calm` and `busy` are at 100,000 checkpoints."""

    sizes: Mapping[int, AtSize]
    calm: Responsiveness
    busy: Responsiveness
    starts: Starts
    machine: Mapping[str, str]
    left_out: Mapping[str, str]
    minutes: float
    is_quick: bool

    def save(self, path: Path) -> None:
        """Write it all as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1))


def load(path: Path) -> Results:
    """Return what was saved."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
