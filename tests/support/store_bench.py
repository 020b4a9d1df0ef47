"""A store of three routes, two of them of one item, and its clock."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from core_cases import OTHER, ROUTE, SIBLING
from exposition_cases import FakeClock

from exporter.model.types import Limits, Route, RouteStatus
from exporter.polling.store import PollResult, Store

LIMITS = Limits(lag=300.0, age=600.0, is_auto_synced=True)
STALE_AFTER = 300.0
MAX_CHECKPOINTS = 1_000


def new_store(clock: FakeClock, max_checkpoints: int = MAX_CHECKPOINTS) -> Store:
    """Return a store of the three routes."""
    store = Store(stale_after=STALE_AFTER, max_checkpoints=max_checkpoints, clock=clock)
    store.set_routes([OTHER, SIBLING, ROUTE])
    return store


def status_of(store: Store, route: Route) -> RouteStatus:
    """Return what the store says of one route."""
    return next(status for status in store.statuses() if status.route == route)


def dropped_of(store: Store, route: Route) -> int:
    """Return how many checkpoints of a route have no series."""
    snapshot = status_of(store, route).snapshot
    return 0 if snapshot is None else snapshot.dropped


async def prepare_nothing(_: Sequence[RouteStatus]) -> None:
    """Leave the rendering to the next scrape."""


def publish(store: Store, *polls: PollResult) -> None:
    """Publish polls one after the other, with nothing else going on in their pauses."""
    for poll in polls:
        publishing = store.publish(poll, prepare_nothing, LIMITS)
        with contextlib.suppress(StopIteration):
            while True:
                publishing.send(None)
