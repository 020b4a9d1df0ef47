"""Every metric family of ours, in the order in which a scrape shows them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

_OPENMETRICS_SUFFIXES = {"counter": "_total", "info": "_info"}
_UNITS = ("seconds", "bytes")


class Kind(StrEnum):
    """A family's type, in OpenMetrics' words."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gaugehistogram"
    INFO = "info"


# Without eq, so that a family as the key of a mapping costs no hash of its texts.
@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric family; `name` is what queries use, so with `_total` and `_info`.

    `absent` says when there is no sample. `switch` is the entry of `metrics.families`
    that turns the family on; it is empty for what is always on.
    """

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    absent: str = ""
    switch: str = ""
    kind: Kind = Kind.GAUGE

    @property
    def help(self) -> str:
        """Return the HELP text; it needs no escaping in any format.

        >>> Family("a", "Lag.", absent="when unknown").help
        'Lag. Absent when unknown.'
        """
        return f"{self.meaning} Absent {self.absent}." if self.absent else self.meaning

    @property
    def openmetrics_name(self) -> str:
        """Return the name that OpenMetrics' metadata uses.

        >>> Family("dr_polls_total", "", kind=Kind.COUNTER).openmetrics_name
        'dr_polls'
        """
        return self.name.removesuffix(_OPENMETRICS_SUFFIXES.get(self.kind, "\0"))

    @property
    def unit(self) -> str:
        """Return the unit that the name ends with, or an empty string.

        >>> Family("dr_sync_lag_seconds", "").unit
        'seconds'
        """
        last = self.name.rpartition("_")[2]
        return last if last in _UNITS else ""


COUNTER, INFO = Kind.COUNTER, Kind.INFO
ROUTE_LABELS = ("plan_id", "item_id", "source_instance_id")
CHECKPOINT_LABELS = (*ROUTE_LABELS, "target_instance_id", "group", "topic")
_of_checkpoint = partial(Family, labels=CHECKPOINT_LABELS)
_of_route = partial(Family, labels=ROUTE_LABELS)
_counter = partial(Family, kind=COUNTER)
_STALE = "when the route had no complete poll within poll.stale_after"
_HIDDEN = f"{_STALE}, or beyond metrics.max_checkpoints"

# One sample or more for each checkpoint; see `samples.checkpoint_lines`.
SYNC_LAG = _of_checkpoint(
    "rocketmq_dr_sync_lag_seconds",
    "sourceProgress minus targetProgress, each its consumeTimestamp: most likely when "
    "the last message consumed was stored. Below 0 the target is ahead, or its copies "
    "were stored later. A group that never consumed may have the oldest one's time.",
    absent=f"when either side is unknown, {_HIDDEN}",
    switch="sync_lag",
)
SYNC_AGE = _of_checkpoint(
    "rocketmq_dr_sync_age_seconds",
    "Now minus lastSyncTime: time since progress was last written to the target.",
    absent=f"when never synced, {_HIDDEN}",
    switch="sync_age",
)
SYNC_DELAY = _of_checkpoint(
    "rocketmq_dr_sync_delay_seconds",
    "For how long the target has been behind a position that a poll saw the source at; "
    "0 when it is not behind. At least so long: polls are remembered since the process "
    "started or took over, and old ones are thinned out.",
    absent=f"when either side is unknown, {_HIDDEN}",
    switch="sync_delay",
)
LAST_SYNC = _of_checkpoint(
    "rocketmq_dr_last_sync_timestamp_seconds",
    "lastSyncTime: when progress was last written to the target, Unix time.",
    absent=f"when never synced, {_HIDDEN}",
    switch="last_sync",
)
PROBLEM = Family(
    "rocketmq_dr_checkpoint_problem",
    "1 for a checkpoint that is never_synced, source_missing or target_missing.",
    (*CHECKPOINT_LABELS, "problem"),
    f"when there is no problem, {_HIDDEN}",
    "problem",
)
CONSUME = Family(
    "rocketmq_dr_consume_timestamp_seconds",
    "consumeTimestamp of each side: the last message that the group consumed there, "
    "Unix time.",
    (*CHECKPOINT_LABELS, "side"),
    f"when unknown, {_HIDDEN}",
    "consume",
)
FETCH = Family(
    "rocketmq_dr_fetch_timestamp_seconds",
    "lastFetchTime of each side: when the service last read its progress, Unix time.",
    (*CHECKPOINT_LABELS, "side"),
    f"when unknown, {_HIDDEN}",
    "fetch",
)
CHECKPOINT_INFO = Family(
    "rocketmq_dr_checkpoint_info",
    "1, with checkpointId, and consumerGroupId, topicName, regionId and instanceType "
    "of the sides.",
    (
        *CHECKPOINT_LABELS,
        "checkpoint_id",
        "target_group",
        "target_topic",
        "source_region_id",
        "target_region_id",
        "source_type",
        "target_type",
    ),
    _HIDDEN,
    "info",
    kind=INFO,
)
CHECKPOINT = (
    *(SYNC_LAG, SYNC_AGE, SYNC_DELAY, PROBLEM),
    *(LAST_SYNC, CONSUME, FETCH, CHECKPOINT_INFO),
)
"""One sample or more for each checkpoint; `metrics.families` chooses among them."""

# Some samples for each route; see `samples.route_lines`.
UP = _of_route(
    "rocketmq_dr_up",
    "1 when the route's last poll was complete, 0 when it failed.",
    absent="before the first poll",
)
LAST_SUCCESS = _of_route(
    "rocketmq_dr_last_success_timestamp_seconds",
    "When the route's last complete poll ended, Unix time. A failed poll leaves it.",
    absent="before the first complete poll",
)
POLL_DURATION = _of_route(
    "rocketmq_dr_poll_duration_seconds",
    "How long the route's last poll took, complete or not.",
    absent="before the first poll",
)
POLLS = _of_route(
    "rocketmq_dr_polls_total",
    "Polls of the route that ended, complete or not.",
    kind=COUNTER,
)
POLL_FAILURES = _counter(
    "rocketmq_dr_poll_failures_total",
    "Polls of the route that failed, by reason. Each reason starts at 0.",
    (*ROUTE_LABELS, "reason"),
)
CHECKPOINTS = Family(
    "rocketmq_dr_checkpoints",
    "Checkpoints of the route by state, those over metrics.max_checkpoints included.",
    (*ROUTE_LABELS, "state"),
    _STALE,
)
REJECTED = Family(
    "rocketmq_dr_checkpoints_rejected",
    "Rows of the API that are not exported, by reason. A duplicate has the labels of "
    "another row, of this route or another.",
    (*ROUTE_LABELS, "reason"),
    _STALE,
)
MAX_SYNC_LAG = _of_route(
    "rocketmq_dr_max_sync_lag_seconds",
    "The largest lag of the route.",
    absent=f"when no lag is known, or {_STALE}",
)
MAX_SYNC_DELAY = _of_route(
    "rocketmq_dr_max_sync_delay_seconds",
    "The largest delay of the route.",
    absent=f"when no delay is known, or {_STALE}",
)
OVER_OBJECTIVE = Family(
    "rocketmq_dr_checkpoints_over_objective",
    "How many of the route's checkpoints were over the plan's objective at the last "
    "poll: lag by their delay, age by their age.",
    (*ROUTE_LABELS, "objective"),
    "where the objective is 0, for age where the plan does not sync by itself, "
    f"{_STALE}",
)
READY = _of_route(
    "rocketmq_dr_checkpoints_ready",
    "How many of the route's checkpoints were known, on the target, and over no "
    "objective at the last poll.",
    absent=_STALE,
)
MAX_SYNC_AGE = _of_route(
    "rocketmq_dr_max_sync_age_seconds",
    "Now minus the oldest lastSyncTime of the route.",
    absent=f"when no lastSyncTime is known, or {_STALE}",
)
DISTRIBUTION = _of_route(
    "rocketmq_dr_sync_lag_distribution_seconds",
    "How many of the route's checkpoints have a known lag of at most le.",
    absent=_STALE,
    kind=Kind.GAUGE_HISTOGRAM,
)
ROUTE = (
    *(UP, LAST_SUCCESS, POLL_DURATION, POLLS, POLL_FAILURES, CHECKPOINTS, REJECTED),
    *(MAX_SYNC_LAG, MAX_SYNC_AGE, MAX_SYNC_DELAY, OVER_OBJECTIVE, READY, DISTRIBUTION),
)
"""Some samples for each route."""

# What discovery knows; see `samples.inventory_lines`.
PLAN_INFO = Family(
    "rocketmq_dr_plan_info",
    "1, with planName, planType and the region of the plan.",
    ("plan_id", "plan_name", "plan_type", "region_id"),
    "until the plan is discovered",
    kind=INFO,
)
PLAN_STATUS = Family(
    "rocketmq_dr_plan_status",
    "1 for the present planStatus.",
    ("plan_id", "status"),
    "for every other status, and until the plan is discovered",
)
ITEM_STATUS = Family(
    "rocketmq_dr_item_status",
    "1 for the present itemStatus.",
    ("plan_id", "item_id", "status"),
    "for every other status, and until the item is discovered",
)
PLAN_AUTO_SYNC = Family(
    "rocketmq_dr_plan_auto_sync",
    "1 when the plan syncs progress by itself: it is one-way, and "
    "syncCheckpointEnabled and autoSyncCheckpoint are on. Else 0, and age may grow.",
    ("plan_id",),
    "until the plan is discovered",
)
OBJECTIVE = Family(
    "rocketmq_dr_objective_seconds",
    "The plan's objectives in the configuration: lag for the delay, and age; 0 is off.",
    ("plan_id", "objective"),
)
OBJECTIVE_SHARE = Family(
    "rocketmq_dr_objective_share",
    "The share of the plan's checkpoints that must be ready, from 0 to 1.",
    ("plan_id",),
)
MISSING = Family(
    "rocketmq_dr_configured_missing",
    "1 for a plan, item or instance that is configured and not found upstream.",
    ("kind", "id"),
    "when everything configured is found",
)
PLAN_MISSING = Family(
    "rocketmq_dr_plan_missing",
    "How many items and source instances of the plan are configured and not found.",
    ("plan_id",),
    "until the plan has been looked up",
)
INVENTORY = (
    *(PLAN_INFO, PLAN_STATUS, ITEM_STATUS, PLAN_AUTO_SYNC),
    *(OBJECTIVE, OBJECTIVE_SHARE, MISSING, PLAN_MISSING),
)
"""What discovery knows."""

# The exporter itself; see `telemetry`.
BUILD_INFO = Family(
    "rocketmq_dr_exporter_build_info",
    "1, with the version of the exporter and of Python.",
    ("version", "revision", "python_version"),
    kind=INFO,
)
API_REQUESTS = _counter(
    "rocketmq_dr_exporter_api_requests_total",
    "Attempts at an API action that ended, retries included.",
    ("action",),
)
API_FAILURES = _counter(
    "rocketmq_dr_exporter_api_request_failures_total",
    "Attempts at an API action that failed, by reason. Each reason starts at 0.",
    ("action", "reason"),
)
API_RETRIES = _counter(
    "rocketmq_dr_exporter_api_retries_total",
    "Attempts at an API action that follow a failed one.",
    ("action",),
)
API_THROTTLED = _counter(
    "rocketmq_dr_exporter_api_throttled_total",
    "Attempts at an API action that the API throttled.",
    ("action",),
)
API_DURATION = Family(
    "rocketmq_dr_exporter_api_request_duration_seconds",
    "How long attempts at an API action took, without waiting for the limiter.",
    ("action",),
    kind=Kind.HISTOGRAM,
)
RATE_LIMIT = Family(
    "rocketmq_dr_exporter_api_rate_limit",
    "Requests per second allowed now: api.requests_per_second, less after throttling.",
)
CLOCK_SKEW = Family(
    "rocketmq_dr_exporter_clock_skew_seconds",
    "Our clock minus the Date header of the API's last answer.",
    absent="until the API has answered with a Date",
)
POLLS_SKIPPED = _counter(
    "rocketmq_dr_exporter_polls_skipped_total",
    "Times that a route was due while its poll was still running.",
)
DROPPED = Family(
    "rocketmq_dr_exporter_checkpoints_dropped",
    "Checkpoints over metrics.max_checkpoints: counted in their route, without series.",
)
POLL_INTERVAL = Family(
    "rocketmq_dr_exporter_poll_interval_seconds",
    "The setting poll.interval.",
)
STALE_AFTER = Family(
    "rocketmq_dr_exporter_stale_after_seconds",
    "The setting poll.stale_after.",
)
SHARD_INDEX = Family(
    "rocketmq_dr_exporter_shard_index",
    "The setting shard.index: which share of the routes this process polls.",
)
SHARDS = Family(
    "rocketmq_dr_exporter_shards",
    "The setting shard.total: how many processes share the routes.",
)
LEADER = Family(
    "rocketmq_dr_exporter_leader",
    "1 while this process holds ha.lease and polls, 0 while it stands by.",
    absent="when ha.lease is not set",
)
DISCOVERY_SUCCESS = Family(
    "rocketmq_dr_exporter_discovery_last_success_timestamp_seconds",
    "When discovery last found every plan, Unix time. A plan that is listed, and may "
    "not be looked up, is found, and counted as a failure.",
    absent="before the first success, and while it stands by",
)
DISCOVERY_FAILURES = _counter(
    "rocketmq_dr_exporter_discovery_failures_total",
    "Failures in discovery, by reason. Each reason starts at 0.",
    ("reason",),
)
RELOAD_SUCCESSFUL = Family(
    "rocketmq_dr_exporter_config_last_reload_successful",
    "1 when the configuration was last loaded with success, 0 when that failed.",
)
RELOAD_SUCCESS = Family(
    "rocketmq_dr_exporter_config_last_reload_success_timestamp_seconds",
    "When the configuration was last loaded with success, Unix time.",
)
SCRAPES = _counter(
    "rocketmq_dr_exporter_scrapes_total",
    "Scrapes answered before this one.",
)
SCRAPE_DURATION = Family(
    "rocketmq_dr_exporter_scrape_duration_seconds",
    "How long the answer to the scrape before this one took.",
    absent="in the first answer",
)
SCRAPE_SIZE = Family(
    "rocketmq_dr_exporter_scrape_size_bytes",
    "The size on the wire of the answer to the scrape before this one.",
    absent="in the first answer",
)
SCRAPE_FAMILIES = (SCRAPES, SCRAPE_DURATION, SCRAPE_SIZE)
"""What changes with each answer."""

OWN = (
    *(BUILD_INFO, API_REQUESTS, API_FAILURES, API_RETRIES, API_THROTTLED, API_DURATION),
    *(RATE_LIMIT, CLOCK_SKEW, POLLS_SKIPPED, DROPPED, POLL_INTERVAL, STALE_AFTER),
    *(SHARD_INDEX, SHARDS, LEADER, DISCOVERY_SUCCESS, DISCOVERY_FAILURES),
    *(RELOAD_SUCCESSFUL, RELOAD_SUCCESS, *SCRAPE_FAMILIES),
)
"""What the exporter says of itself; all but `DROPPED` are kept by `telemetry`."""

ALL = (*CHECKPOINT, *ROUTE, *INVENTORY, *OWN)
"""Every family of ours; `process_*` and `python_*` are prometheus_client's."""
