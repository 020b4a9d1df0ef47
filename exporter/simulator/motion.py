"""How one checkpoint moves in time: what each side has read, and when it was synced.

It must not know which checkpoint moves how; see `exporter.simulator.scenarios`.
All times are integers of milliseconds, so that two readings of one moment are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

FETCH_EVERY = 5_000
SYNC_EVERY = 10_000
MINUTE = 60_000
HOUR = 60 * MINUTE


class Motion(Enum):
    """What a checkpoint's progress does."""

    HEALTHY = auto()
    LAGGING = auto()
    RECOVERING = auto()
    STALLED = auto()
    NEVER_SYNCED = auto()
    SOURCE_MISSING = auto()
    TARGET_MISSING = auto()
    TARGET_AHEAD = auto()
    MANUAL = auto()
    MANUAL_AHEAD = auto()
    MANUAL_NEVER = auto()


class Progress(NamedTuple):
    """The moving half of a checkpoint; None is a time the cloud does not know."""

    last_sync_ms: int | None
    source_ms: int | None
    target_ms: int | None
    source_fetch_ms: int
    target_fetch_ms: int


class _Moment(NamedTuple):
    salt: int
    start: int
    fetched: int
    synced: int

    @property
    def source(self) -> int:
        """What the source's consumer had read when it was last fetched."""
        return self.fetched - 200 - self.salt % 2_800

    @property
    def elapsed(self) -> int:
        return max(0, self.synced - self.start)

    def target(self, synced: int, backlog: int = 0) -> int:
        """What a sync carried over: the source's position, less what lies behind it."""
        return synced - 700 - self.salt % 2_800 - self.salt % 4_001 - backlog

    def pick(self, low: int, high: int) -> int:
        """Pick this checkpoint's own constant between two bounds."""
        return low + self.salt % (high - low)


def salt(seed: int, ordinal: int) -> int:
    """Mix a seed and a position into a number that looks random and never changes.

    >>> salt(1, 7) == salt(1, 7) != salt(2, 7)
    True
    """
    mixed = (seed * 0x9E3779B97F4A7C15 + ordinal * 0xBF58476D1CE4E5B9) & (1 << 64) - 1
    mixed = (mixed ^ mixed >> 31) * 0x94D049BB133111EB & (1 << 64) - 1
    return (mixed ^ mixed >> 29) & (1 << 32) - 1


def progress(kind: Motion, salt: int, start_ms: int, now_ms: int) -> Progress:
    """Say where a checkpoint of this kind stands at ``now_ms``.

    Both sides are read every 5 s and synced every 10 s, each row at its own beat.
    """
    fetched = now_ms - (now_ms - salt) % FETCH_EVERY
    synced = fetched - (fetched - salt // 7) % SYNC_EVERY
    times = _MOVES[kind](_Moment(salt, start_ms, fetched, synced))
    return Progress(*times, fetched, fetched - salt % 40)


_Times = tuple[int | None, int | None, int | None]


def _healthy(at: _Moment) -> _Times:
    return at.synced, at.source, at.target(at.synced)


def _lagging(at: _Moment) -> _Times:
    backlog = at.pick(6 * MINUTE, 15 * MINUTE) + at.elapsed // 4
    return at.synced, at.source, at.target(at.synced, min(backlog, 3 * HOUR))


def _recovering(at: _Moment) -> _Times:
    backlog = at.pick(20 * MINUTE, 45 * MINUTE) - 3 * at.elapsed
    return at.synced, at.source, at.target(at.synced, max(backlog, 0))


def _stalled(at: _Moment) -> _Times:
    stopped = min(at.synced, at.start - at.pick(15 * MINUTE, 20 * MINUTE))
    return stopped, at.source, at.target(stopped)


def _never_synced(at: _Moment) -> _Times:
    return None, at.source, None


def _source_missing(at: _Moment) -> _Times:
    return at.synced, None, at.target(at.synced)


def _target_missing(at: _Moment) -> _Times:
    return at.synced, at.source, None


def _target_ahead(at: _Moment) -> _Times:
    return at.synced, at.source - at.pick(1_000, 30_000), at.source


# Nothing syncs a two-way plan by itself: each side's own consumers move it.
def _manual(at: _Moment) -> _Times:
    by_hand = at.start - at.pick(2 * HOUR, 72 * HOUR)
    return min(at.synced, by_hand), at.source, at.source - at.pick(500, 50_000)


def _manual_ahead(at: _Moment) -> _Times:
    last_sync, _, _ = _manual(at)
    return last_sync, at.source - at.pick(1_000, 30_000), at.source


def _manual_never(at: _Moment) -> _Times:
    _, source, target = _manual(at)
    return None, source, target


_MOVES: dict[Motion, Callable[[_Moment], _Times]] = {
    Motion.HEALTHY: _healthy,
    Motion.LAGGING: _lagging,
    Motion.RECOVERING: _recovering,
    Motion.STALLED: _stalled,
    Motion.NEVER_SYNCED: _never_synced,
    Motion.SOURCE_MISSING: _source_missing,
    Motion.TARGET_MISSING: _target_missing,
    Motion.TARGET_AHEAD: _target_ahead,
    Motion.MANUAL: _manual,
    Motion.MANUAL_AHEAD: _manual_ahead,
    Motion.MANUAL_NEVER: _manual_never,
}
