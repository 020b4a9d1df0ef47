"""Any statuses and any inventory, as hypothesis draws them."""

from __future__ import annotations

from dataclasses import replace

from exposition_cases import snapshot_of, status_of
from hypothesis import strategies as st

from exporter.model.errors import Reason
from exporter.model.types import (
    NO_FAILURES,
    Checkpoint,
    Inventory,
    Item,
    Missing,
    Plan,
    Route,
    RouteStatus,
)

# No lone surrogates: they are no Unicode text, and msgspec refuses them on the wire.
_ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_AWKWARD = st.sampled_from(
    ["", '"', "\\", "\n", "\\n", '\\"', "}", "{", ",", "=", " # ", "\r\n", "\0", "😀"]
)
texts = st.one_of(_AWKWARD, _ANY_TEXT)
times = st.one_of(
    st.just(0),
    st.integers(1740724000000, 1740724200000),
    st.integers(1, 2**63 - 1),
)
ids = st.integers(0, 99).map(str)
seconds = st.floats(0, 1e10, allow_nan=False)
counts = st.integers(0, 10**12)

checkpoints = st.builds(
    Checkpoint,
    checkpoint_id=st.integers(-(2**63), 2**63 - 1),
    group=texts,
    topic=texts,
    source_instance_id=texts,
    target_instance_id=texts,
    last_sync_ms=times,
    source_ms=times,
    target_ms=times,
    source_fetch_ms=times,
    target_fetch_ms=times,
    target_group=texts,
    target_topic=texts,
    kind=st.tuples(texts, texts, texts, texts),
)
_rows = st.lists(
    checkpoints,
    max_size=5,
    unique_by=lambda row: (
        row.source_instance_id,
        row.target_instance_id,
        row.group,
        row.topic,
    ),
)
_routes = st.builds(Route, ids, ids, texts, st.just("cn-hangzhou"))


@st.composite
def statuses(draw: st.DrawFn) -> tuple[RouteStatus, ...]:
    """Draw what a store may show: any rows, any of them hidden, or nothing yet."""
    routes = draw(st.lists(_routes, max_size=3, unique=True))
    return tuple(draw(_status(route)) for route in routes)


@st.composite
def _status(draw: st.DrawFn, route: Route) -> RouteStatus:
    failures = {**NO_FAILURES, draw(st.sampled_from(Reason)): draw(counts)}
    tried = RouteStatus(
        route,
        draw(counts),
        failures,
        is_up=draw(st.sampled_from([None, True, False])),
        last_success_at=draw(st.none() | seconds),
        duration=draw(st.none() | seconds),
    )
    if draw(st.booleans()):
        return tried
    rows = draw(_rows)
    hidden = draw(st.frozensets(st.integers(0, max(0, len(rows) - 1)), max_size=2))
    snapshot = snapshot_of(route, *rows, dropped=draw(counts))
    shown = status_of(snapshot, hidden=hidden if rows else frozenset())
    return replace(shown, failures=failures, polls=draw(counts))


_plans = st.builds(Plan, ids, texts, texts, texts, texts, st.booleans(), st.just(()))
_items = st.builds(Item, ids, ids, texts, st.just(()))

inventories = st.builds(
    Inventory,
    st.lists(_plans, max_size=2, unique_by=lambda plan: plan.plan_id).map(tuple),
    st.lists(_items, max_size=2, unique_by=lambda item: item.item_id).map(tuple),
    st.frozensets(st.builds(Missing, texts, texts), max_size=2),
    objectives=st.dictionaries(ids, st.tuples(seconds, seconds), max_size=2),
)
