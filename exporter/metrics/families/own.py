"""The part of the catalogue that tells of the exporter itself.

It counts nothing: see `exporter.metrics.telemetry`.
"""

from __future__ import annotations

from exporter.metrics.families.family import Family, Kind

BUILD_INFO = Family(
    name="rocketmq_dr_exporter_build_info",
    kind=Kind.INFO,
    meaning="1, with which build of the exporter this is.",
    labels=("version", "revision", "python_version"),
)
API_REQUESTS = Family(
    name="rocketmq_dr_exporter_api_requests_total",
    kind=Kind.COUNTER,
    meaning="Attempts at an API action that ended, retries included.",
    labels=("action",),
)
API_FAILURES = Family(
    name="rocketmq_dr_exporter_api_request_failures_total",
    kind=Kind.COUNTER,
    meaning="Attempts at an API action that failed, by reason; each starts at 0.",
    labels=("action", "reason"),
)
API_RETRIES = Family(
    name="rocketmq_dr_exporter_api_retries_total",
    kind=Kind.COUNTER,
    meaning="Attempts at an API action that follow a failed one.",
    labels=("action",),
)
API_THROTTLED = Family(
    name="rocketmq_dr_exporter_api_throttled_total",
    kind=Kind.COUNTER,
    meaning="Attempts at an API action that the API throttled.",
    labels=("action",),
)
API_DURATION = Family(
    name="rocketmq_dr_exporter_api_request_duration_seconds",
    kind=Kind.HISTOGRAM,
    meaning="How long attempts at an API action took, without waiting for the limiter.",
    labels=("action",),
    unit="seconds",
)
RATE_LIMIT = Family(
    name="rocketmq_dr_exporter_api_rate_limit",
    kind=Kind.GAUGE,
    meaning=(
        "Requests per second that the exporter allows itself at present: "
        "api.requests_per_second, or less after throttling."
    ),
    absent="before the limiter is set up",
)
CLOCK_SKEW = Family(
    name="rocketmq_dr_exporter_clock_skew_seconds",
    kind=Kind.GAUGE,
    meaning="Our clock minus the Date header of the API's last answer.",
    unit="seconds",
    absent="until the API has answered with a Date",
)
POLLS_SKIPPED = Family(
    name="rocketmq_dr_exporter_polls_skipped_total",
    kind=Kind.COUNTER,
    meaning="Times that a route was due while its poll was still running.",
)
DROPPED = Family(
    name="rocketmq_dr_exporter_checkpoints_dropped",
    kind=Kind.GAUGE,
    meaning=(
        "Checkpoints of the shown snapshots that are over metrics.max_checkpoints: in "
        "the sums of their route, without series of their own."
    ),
)
POLL_INTERVAL = Family(
    name="rocketmq_dr_exporter_poll_interval_seconds",
    kind=Kind.GAUGE,
    meaning="The setting poll.interval.",
    unit="seconds",
    absent="before the configuration is in force",
)
STALE_AFTER = Family(
    name="rocketmq_dr_exporter_stale_after_seconds",
    kind=Kind.GAUGE,
    meaning="The setting poll.stale_after.",
    unit="seconds",
    absent="before the configuration is in force",
)
SHARD_INDEX = Family(
    name="rocketmq_dr_exporter_shard_index",
    kind=Kind.GAUGE,
    meaning="The setting shard.index: which share of the routes this process polls.",
    absent="before the configuration is in force",
)
SHARDS = Family(
    name="rocketmq_dr_exporter_shards",
    kind=Kind.GAUGE,
    meaning="The setting shard.total: among how many the routes are shared.",
    absent="before the configuration is in force",
)
LEADER = Family(
    name="rocketmq_dr_exporter_leader",
    kind=Kind.GAUGE,
    meaning=(
        "1 while this process holds ha.lease and polls, 0 while it stands by: it then "
        "has no samples but the exporter's own."
    ),
    absent="where ha.lease is not set, and everybody polls",
)
DISCOVERY_SUCCESS = Family(
    name="rocketmq_dr_exporter_discovery_last_success_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning="When discovery last succeeded as a whole, Unix time.",
    unit="seconds",
    absent="before it has, and while it stands by",
)
DISCOVERY_FAILURES = Family(
    name="rocketmq_dr_exporter_discovery_failures_total",
    kind=Kind.COUNTER,
    meaning="Failures in discovery, by reason; each starts at 0.",
    labels=("reason",),
)
RELOAD_SUCCESSFUL = Family(
    name="rocketmq_dr_exporter_config_last_reload_successful",
    kind=Kind.GAUGE,
    meaning="1 when the last loading of the configuration succeeded, else 0.",
    absent="before the configuration is in force",
)
RELOAD_SUCCESS = Family(
    name="rocketmq_dr_exporter_config_last_reload_success_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning="When the configuration was last loaded with success, Unix time.",
    unit="seconds",
    absent="before it has been",
)
SCRAPES = Family(
    name="rocketmq_dr_exporter_scrapes_total",
    kind=Kind.COUNTER,
    meaning="Scrapes answered before this one.",
)
SCRAPE_DURATION = Family(
    name="rocketmq_dr_exporter_scrape_duration_seconds",
    kind=Kind.GAUGE,
    meaning="How long the exporter took to answer the scrape before this one.",
    unit="seconds",
    absent="in the first answer",
)
SCRAPE_SIZE = Family(
    name="rocketmq_dr_exporter_scrape_size_bytes",
    kind=Kind.GAUGE,
    meaning="The size on the wire of the answer to the scrape before this one.",
    unit="bytes",
    absent="in the first answer",
)
SCRAPE_FAMILIES = (SCRAPES, SCRAPE_DURATION, SCRAPE_SIZE)
"""What changes with each answer."""

OWN = (
    BUILD_INFO,
    API_REQUESTS,
    API_FAILURES,
    API_RETRIES,
    API_THROTTLED,
    API_DURATION,
    RATE_LIMIT,
    CLOCK_SKEW,
    POLLS_SKIPPED,
    DROPPED,
    POLL_INTERVAL,
    STALE_AFTER,
    SHARD_INDEX,
    SHARDS,
    LEADER,
    DISCOVERY_SUCCESS,
    DISCOVERY_FAILURES,
    RELOAD_SUCCESSFUL,
    RELOAD_SUCCESS,
    SCRAPES,
    SCRAPE_DURATION,
    SCRAPE_SIZE,
)
"""What the exporter says of itself; all but `DROPPED` are kept by `telemetry`."""
