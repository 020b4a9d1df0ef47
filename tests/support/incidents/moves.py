"""What becomes of a checkpoint's progress once an incident has taken hold of it.

Pure. The simulated cloud says where a healthy checkpoint stands; all times are integers
of milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.simulator.motion import Progress


@dataclass(frozen=True, slots=True)
class Moment:
    """How a checkpoint stands if well, and stood when the move began."""

    now: Progress
    then: Progress
    elapsed_ms: int


Move = Callable[[Moment], Progress]


def stalled(at: Moment) -> Progress:
    """Sync no more: lag and age grow by a second each second."""
    return at.now._replace(
        last_sync_ms=at.then.last_sync_ms, target_ms=at.then.target_ms
    )


def idle(at: Moment) -> Progress:
    """Consume nothing more, for nothing is sent; what there is stays in sync."""
    return at.now._replace(source_ms=at.then.target_ms, target_ms=at.then.target_ms)


def never_synced(at: Moment) -> Progress:
    """Be a group that was never synced."""
    return at.now._replace(last_sync_ms=None, target_ms=None)


def target_missing(at: Moment) -> Progress:
    """Be synced, though nothing is known of the target."""
    return at.now._replace(target_ms=None)


def source_missing(at: Moment) -> Progress:
    """Be synced, though nothing is known of the source."""
    return at.now._replace(source_ms=None)


def failed_over(at: Moment) -> Progress:
    """Be consumed on the target alone, and synced no more."""
    return at.now._replace(
        last_sync_ms=at.then.last_sync_ms, source_ms=at.then.source_ms
    )


def by_hand(at: Moment) -> Progress:
    """Sync no more, while the target's own consumers keep up."""
    return at.now._replace(last_sync_ms=at.then.last_sync_ms)


def trailing(by_seconds: float, change_per_second: float) -> Move:
    """Return what syncs, and leaves a backlog that grows or shrinks from the first."""

    def move(at: Moment) -> Progress:
        backlog = round(by_seconds * 1000 + change_per_second * at.elapsed_ms)
        target = at.now.target_ms
        moved = None if target is None else target - max(backlog, 0)
        return at.now._replace(target_ms=moved)

    return move
