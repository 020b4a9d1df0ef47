"""The part of the catalogue with samples for each route.

It computes no value: see `exporter.metrics.routes`.
"""

from __future__ import annotations

from exporter.metrics.families.family import Family, Kind
from exporter.metrics.families.timing import POLL, SCRAPE, STALE, TRY

ROUTE_LABELS = ("plan_id", "item_id", "source_instance_id")

UP = Family(
    name="rocketmq_dr_up",
    kind=Kind.GAUGE,
    meaning="1 when the route's last poll was complete, 0 when it failed.",
    labels=ROUTE_LABELS,
    absent="before the first poll",
    timing=TRY,
)
LAST_SUCCESS = Family(
    name="rocketmq_dr_last_success_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning="When the route's last complete poll ended, Unix time; failures leave it.",
    labels=ROUTE_LABELS,
    unit="seconds",
    absent="before the first complete poll",
)
POLL_DURATION = Family(
    name="rocketmq_dr_poll_duration_seconds",
    kind=Kind.GAUGE,
    meaning="How long the route's last poll took, complete or not.",
    labels=ROUTE_LABELS,
    unit="seconds",
    absent="before the first poll",
    timing=TRY,
)
POLLS = Family(
    name="rocketmq_dr_polls_total",
    kind=Kind.COUNTER,
    meaning="Polls of the route that ended, complete or not.",
    labels=ROUTE_LABELS,
)
POLL_FAILURES = Family(
    name="rocketmq_dr_poll_failures_total",
    kind=Kind.COUNTER,
    meaning="Polls of the route that were not complete, by reason; each starts at 0.",
    labels=(*ROUTE_LABELS, "reason"),
)
CHECKPOINTS = Family(
    name="rocketmq_dr_checkpoints",
    kind=Kind.GAUGE,
    meaning=(
        "Checkpoints of the route by state, those beyond metrics.max_checkpoints "
        "included; 0 where none is in that state."
    ),
    labels=(*ROUTE_LABELS, "state"),
    absent=STALE,
    timing=POLL,
)
REJECTED = Family(
    name="rocketmq_dr_checkpoints_rejected",
    kind=Kind.GAUGE,
    meaning=(
        "Rows that the API sent and that got no series, by reason; 0 where there is "
        "none. A duplicate has the labels of another row, of the route or of another."
    ),
    labels=(*ROUTE_LABELS, "reason"),
    absent=STALE,
    timing=POLL,
)
MAX_SYNC_LAG = Family(
    name="rocketmq_dr_max_sync_lag_seconds",
    kind=Kind.GAUGE,
    meaning="The route's largest lag; below 0 the target is ahead everywhere.",
    labels=ROUTE_LABELS,
    unit="seconds",
    absent="when no lag is known, or " + STALE,
    timing=POLL,
)
MAX_SYNC_AGE = Family(
    name="rocketmq_dr_max_sync_age_seconds",
    kind=Kind.GAUGE,
    meaning="Now minus the oldest lastSyncTime of the route.",
    labels=ROUTE_LABELS,
    unit="seconds",
    absent="when no lastSyncTime is known, or " + STALE,
    timing=SCRAPE,
)
DISTRIBUTION = Family(
    name="rocketmq_dr_sync_lag_distribution_seconds",
    kind=Kind.GAUGE_HISTOGRAM,
    meaning="How many of the route's checkpoints have a known lag of at most le.",
    labels=ROUTE_LABELS,
    unit="seconds",
    absent=STALE,
    timing=POLL,
)
ROUTE = (
    UP,
    LAST_SUCCESS,
    POLL_DURATION,
    POLLS,
    POLL_FAILURES,
    CHECKPOINTS,
    REJECTED,
    MAX_SYNC_LAG,
    MAX_SYNC_AGE,
    DISTRIBUTION,
)
"""Some samples for each route."""
