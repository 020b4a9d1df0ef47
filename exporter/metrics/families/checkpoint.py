"""The part of the catalogue with samples for each checkpoint.

It computes no value: see `exporter.metrics.checkpoints`.
"""

from __future__ import annotations

from exporter.metrics.families.family import Family, Kind
from exporter.metrics.families.route import ROUTE_LABELS
from exporter.metrics.families.timing import CUT, POLL, SCRAPE, STALE

CHECKPOINT_LABELS = (*ROUTE_LABELS, "target_instance_id", "group", "topic")
_NOT_SHOWN = f"{STALE}, or {CUT}"

SYNC_LAG = Family(
    name="rocketmq_dr_sync_lag_seconds",
    kind=Kind.GAUGE,
    meaning=(
        "How far the target's consumer progress trails the source's: sourceProgress "
        "minus targetProgress, each progressData.consumeTimestamp. 0 is in step, "
        "below 0 the target is ahead."
    ),
    labels=CHECKPOINT_LABELS,
    unit="seconds",
    absent=f"when either side's is unknown, {_NOT_SHOWN}",
    timing=POLL,
    switch="sync_lag",
)
SYNC_AGE = Family(
    name="rocketmq_dr_sync_age_seconds",
    kind=Kind.GAUGE,
    meaning=(
        "Now minus lastSyncTime: how long ago consumer progress was last written to "
        "the target. It grows while nothing is heard."
    ),
    labels=CHECKPOINT_LABELS,
    unit="seconds",
    absent=f"when never synced, {_NOT_SHOWN}",
    timing=SCRAPE,
    switch="sync_age",
)
LAST_SYNC = Family(
    name="rocketmq_dr_last_sync_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning="lastSyncTime, Unix time: when progress was last written to the target.",
    labels=CHECKPOINT_LABELS,
    unit="seconds",
    absent=f"when never synced, {_NOT_SHOWN}",
    timing=POLL,
    switch="last_sync",
)
PROBLEM = Family(
    name="rocketmq_dr_checkpoint_problem",
    kind=Kind.GAUGE,
    meaning=(
        "1 for a checkpoint whose state is a problem: never_synced, source_missing or "
        "target_missing, by which consumeTimestamp and lastSyncTime the API left out."
    ),
    labels=(*CHECKPOINT_LABELS, "problem"),
    absent=f"when there is none, {_NOT_SHOWN}",
    timing=POLL,
    switch="problem",
)
CONSUME = Family(
    name="rocketmq_dr_consume_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning=(
        "progressData.consumeTimestamp of sourceProgress and of targetProgress, Unix "
        "time: the last message that the group consumed on that side."
    ),
    labels=(*CHECKPOINT_LABELS, "side"),
    unit="seconds",
    absent=f"when unknown, {_NOT_SHOWN}",
    timing=POLL,
    switch="consume",
)
FETCH = Family(
    name="rocketmq_dr_fetch_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning=(
        "lastFetchTime of sourceProgress and of targetProgress, Unix time: when the "
        "service last read that side's progress."
    ),
    labels=(*CHECKPOINT_LABELS, "side"),
    unit="seconds",
    absent=f"when unknown, {_NOT_SHOWN}",
    timing=POLL,
    switch="fetch",
)
INFO = Family(
    name="rocketmq_dr_checkpoint_info",
    kind=Kind.INFO,
    meaning=(
        "1, with what the API says of a checkpoint besides its times: checkpointId, "
        "and consumerGroupId, topicName, regionId and instanceType of its sides."
    ),
    labels=(
        *CHECKPOINT_LABELS,
        "checkpoint_id",
        "target_group",
        "target_topic",
        "source_region_id",
        "target_region_id",
        "source_type",
        "target_type",
    ),
    absent=_NOT_SHOWN,
    timing=POLL,
    switch="info",
)
CHECKPOINT = (SYNC_LAG, SYNC_AGE, LAST_SYNC, PROBLEM, CONSUME, FETCH, INFO)
"""One sample or more for each checkpoint; `metrics.families` chooses among them."""
