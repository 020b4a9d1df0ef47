"""How one checkpoint moves in time: what each side has read, and when it was synced.

All times are integers of milliseconds, so that two readings of one moment are equal.
"""

from collections.abc import Callable
from typing import NamedTuple

FETCH_EVERY = 5_000
SYNC_EVERY = 10_000
MINUTE = 60_000
HOUR = 60 * MINUTE
RETENTION = 72 * HOUR


class Progress(NamedTuple):
    """The moving half of a checkpoint; None is a time the cloud does not know."""

    last_sync_ms: int | None
    source_ms: int | None
    target_ms: int | None
    source_fetch_ms: int
    target_fetch_ms: int


class Moment(NamedTuple):
    """When a checkpoint was last fetched and synced, and when the world started."""

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
        """How long the world had run when it was synced."""
        return max(0, self.synced - self.start)

    def target(self, synced: int, backlog: int = 0) -> int:
        """What a sync carried over: the source's position without the backlog."""
        return synced - 700 - self.salt % 2_800 - self.salt % 4_001 - backlog

    def pick(self, low: int, high: int) -> int:
        """Pick this checkpoint's own constant between two bounds."""
        return low + self.salt % (high - low)


Times = tuple[int | None, int | None, int | None]
"""Last sync, source and target."""

Motion = Callable[[Moment], Times]


def salt(seed: int, ordinal: int) -> int:
    """Mix a seed and a position into a number that looks random and never changes."""
    mixed = (seed * 0x9E3779B97F4A7C15 + ordinal * 0xBF58476D1CE4E5B9) & (1 << 64) - 1
    mixed = (mixed ^ mixed >> 31) * 0x94D049BB133111EB & (1 << 64) - 1
    return (mixed ^ mixed >> 29) & (1 << 32) - 1


def progress(motion: Motion, salt: int, start_ms: int, now_ms: int) -> Progress:
    """Say where a checkpoint stands at ``now_ms``.

    Both sides are read every 5 s and synced every 10 s, each row at its own beat.
    """
    fetched = now_ms - (now_ms - salt) % FETCH_EVERY
    synced = fetched - (fetched - salt // 7) % SYNC_EVERY
    times = motion(Moment(salt, start_ms, fetched, synced))
    return Progress(*times, fetched, fetched - salt % 40)


def healthy(at: Moment) -> Times:
    """Trail by seconds."""
    return at.synced, at.source, at.target(at.synced)


def lagging(at: Moment) -> Times:
    """Fall behind, though it is synced."""
    backlog = at.pick(6 * MINUTE, 15 * MINUTE) + at.elapsed // 4
    return at.synced, at.source, at.target(at.synced, min(backlog, 3 * HOUR))


def recovering(at: Moment) -> Times:
    """Catch up, three seconds each second."""
    backlog = at.pick(20 * MINUTE, 45 * MINUTE) - 3 * at.elapsed
    return at.synced, at.source, at.target(at.synced, max(backlog, 0))


def stalled(at: Moment) -> Times:
    """Stand where the last sync left it, some minutes before the start."""
    stopped = min(at.synced, at.start - at.pick(15 * MINUTE, 20 * MINUTE))
    return stopped, at.source, at.target(stopped)


def sparse(at: Moment) -> Times:
    """Get a message now and then, which the next sync carries over.

    So the lag is the gap between two messages until then, though nothing is late.
    """
    every = (20_000, MINUTE, 20 * MINUTE, HOUR)[at.salt % 4]

    def last_message(before: int) -> int:
        return before - (before - at.salt // 4) % every

    return at.synced, last_message(at.fetched), last_message(at.synced)


def never_consumed(at: Moment) -> Times:
    """Stand at the oldest stored message; the target does too, or tells nothing."""
    oldest = at.fetched - RETENTION
    if at.pick(0, 7) == 0:
        return None, oldest, None
    return at.synced, oldest, oldest


def unread_on_target(at: Moment) -> Times:
    """Have consumed on the source alone: the target tells its oldest stored message."""
    return None, at.source, at.fetched - RETENTION


def never_synced(at: Moment) -> Times:
    """Have a source only."""
    return None, at.source, None


def source_missing(at: Moment) -> Times:
    """Be synced, with an unknown source."""
    return at.synced, None, at.target(at.synced)


def target_missing(at: Moment) -> Times:
    """Be synced, with an unknown target."""
    return at.synced, at.source, None


def target_ahead(at: Moment) -> Times:
    """Have been read further on the target than on the source."""
    return at.synced, at.source - at.pick(1_000, 30_000), at.source


def manual(at: Moment) -> Times:
    """Be moved by each side's own consumers, and synced by hand long ago or never."""
    by_hand = min(at.synced, at.start - at.pick(2 * HOUR, 72 * HOUR))
    target = at.source - at.pick(-30_000, 50_000)
    return None if at.salt % 4 == 0 else by_hand, at.source, min(target, at.fetched)
