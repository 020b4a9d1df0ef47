"""What is known of a route, as sample lines by the name they stand under.

Pure; it renders no checkpoint, and the age only from what it is told of the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from exporter.metrics.families import Family, own, route
from exporter.metrics.rendering import pairs
from exporter.model.lag import BUCKET_BOUNDS_MS, sync_age_ms
from exporter.model.types import Rejection, Rollup, RouteStatus

Lines = Mapping[str, bytes]
"""Sample lines by the name that they stand under in the exposition."""


def route_lines(status: RouteStatus) -> Lines:
    """Return all that is known of a route but its age; what is unknown is left out."""
    labels = _labels(status)
    values = {
        route.UP: None if status.is_up is None else int(status.is_up),
        route.LAST_SUCCESS: status.last_success_at,
        route.POLL_DURATION: status.duration,
        route.POLLS: status.polls,
    }
    known = {
        family.name: _line(family.name, labels, value)
        for family, value in values.items()
        if value is not None
    }
    failures = _counts(route.POLL_FAILURES, labels, status.failures.items())
    return {**known, **failures, **_shown(status, labels)}


def max_age_lines(statuses: Iterable[RouteStatus], now_ms: int) -> Lines:
    """Return the largest age of each route that shows one."""
    name = route.MAX_SYNC_AGE.name
    return {
        name: b"".join(
            _line(name, _labels(status), age / 1000)
            for status in statuses
            if (age := _max_age_ms(status.rollup, now_ms)) is not None
        )
    }


def dropped_lines(statuses: Iterable[RouteStatus]) -> Lines:
    """Return how many checkpoints of the shown snapshots have no series."""
    shown = (status.snapshot for status in statuses)
    dropped = sum(snapshot.dropped for snapshot in shown if snapshot is not None)
    return {own.DROPPED.name: f"{own.DROPPED.name} {dropped}\n".encode()}


def _max_age_ms(rollup: Rollup | None, now_ms: int) -> int | None:
    if rollup is None or rollup.oldest_sync_ms is None:
        return None
    return sync_age_ms(now_ms, rollup.oldest_sync_ms)


def _shown(status: RouteStatus, labels: str) -> Lines:
    snapshot, rollup = status.snapshot, status.rollup
    if snapshot is None or rollup is None:
        return {}
    rejected = {reason: snapshot.rejected.get(reason, 0) for reason in Rejection}
    rejected[Rejection.DUPLICATE] += len(status.hidden)
    lines = {
        **_counts(route.CHECKPOINTS, labels, rollup.states.items()),
        **_counts(route.REJECTED, labels, rejected.items()),
        **_distribution(rollup, labels),
    }
    if rollup.max_lag_ms is not None:
        name = route.MAX_SYNC_LAG.name
        lines[name] = _line(name, labels, rollup.max_lag_ms / 1000)
    return lines


def _distribution(rollup: Rollup, labels: str) -> Lines:
    name = route.DISTRIBUTION.name
    bounds = [*(str(bound / 1000) for bound in BUCKET_BOUNDS_MS), "+Inf"]
    counts = [*rollup.lag_buckets, rollup.lag_count]
    buckets = (
        _line(f"{name}_bucket", f'{labels},le="{bound}"', count)
        for bound, count in zip(bounds, counts, strict=True)
    )
    count, total = f"{name}_gcount", f"{name}_gsum"
    return {
        name: b"".join(buckets),
        count: _line(count, labels, rollup.lag_count),
        total: _line(total, labels, rollup.lag_sum_ms / 1000),
    }


def _counts(family: Family, labels: str, counts: Iterable[tuple[str, int]]) -> Lines:
    by = family.labels[-1]
    return {
        family.name: b"".join(
            _line(family.name, f'{labels},{by}="{key}"', count) for key, count in counts
        )
    }


def _labels(status: RouteStatus) -> str:
    polled = status.route
    identity = (polled.plan_id, polled.item_id, polled.source_instance_id)
    return pairs(route.ROUTE_LABELS, identity)


def _line(name: str, labels: str, value: float) -> bytes:
    return f"{name}{{{labels}}} {value}\n".encode()
