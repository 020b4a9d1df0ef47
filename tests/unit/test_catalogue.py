"""The catalogue of families: the names and labels that users rely on."""

from __future__ import annotations

from exporter.metrics.catalogue import ALL, CHECKPOINT, Kind
from exporter.metrics.formats import Format, metadata

ROUTE = "plan_id item_id source_instance_id"
ROW = f"{ROUTE} target_instance_id group topic"
PROMISED = {
    "sync_lag_seconds": ROW,
    "sync_age_seconds": ROW,
    "last_sync_timestamp_seconds": ROW,
    "checkpoint_problem": f"{ROW} problem",
    "consume_timestamp_seconds": f"{ROW} side",
    "fetch_timestamp_seconds": f"{ROW} side",
    "checkpoint_info": (
        f"{ROW} checkpoint_id target_group target_topic source_region_id "
        "target_region_id source_type target_type"
    ),
    "up": ROUTE,
    "last_success_timestamp_seconds": ROUTE,
    "poll_duration_seconds": ROUTE,
    "polls_total": ROUTE,
    "poll_failures_total": f"{ROUTE} reason",
    "checkpoints": f"{ROUTE} state",
    "checkpoints_rejected": f"{ROUTE} reason",
    "max_sync_lag_seconds": ROUTE,
    "max_sync_age_seconds": ROUTE,
    "sync_lag_distribution_seconds": ROUTE,
    "plan_info": "plan_id plan_name plan_type region_id",
    "plan_status": "plan_id status",
    "item_status": "plan_id item_id status",
    "plan_auto_sync": "plan_id",
    "objective_seconds": "plan_id objective",
    "configured_missing": "kind id",
    "exporter_build_info": "version revision python_version",
    "exporter_api_requests_total": "action",
    "exporter_api_request_failures_total": "action reason",
    "exporter_api_retries_total": "action",
    "exporter_api_throttled_total": "action",
    "exporter_api_request_duration_seconds": "action",
    "exporter_api_rate_limit": "",
    "exporter_clock_skew_seconds": "",
    "exporter_polls_skipped_total": "",
    "exporter_checkpoints_dropped": "",
    "exporter_poll_interval_seconds": "",
    "exporter_stale_after_seconds": "",
    "exporter_shard_index": "",
    "exporter_shards": "",
    "exporter_leader": "",
    "exporter_discovery_last_success_timestamp_seconds": "",
    "exporter_discovery_failures_total": "reason",
    "exporter_config_last_reload_successful": "",
    "exporter_config_last_reload_success_timestamp_seconds": "",
    "exporter_scrapes_total": "",
    "exporter_scrape_duration_seconds": "",
    "exporter_scrape_size_bytes": "",
}


def test_names_and_labels_are_those_promised() -> None:
    """Dashboards and rules are written against these."""
    found = {family.name: " ".join(family.labels) for family in ALL}

    assert found == {f"rocketmq_dr_{name}": x for name, x in PROMISED.items()}


def test_switches_are_those_of_the_setting() -> None:
    """`metrics.families` names each of the checkpoint families."""
    assert [family.switch for family in CHECKPOINT] == [
        *("sync_lag", "sync_age", "last_sync", "problem", "consume", "fetch", "info")
    ]


def test_names_follow_the_conventions() -> None:
    """Suffixes say the type and the unit, as promtool and OpenMetrics demand."""
    for family in ALL:
        name = family.name
        assert name.endswith("_total") is (family.kind is Kind.COUNTER), name
        assert name.endswith("_info") is (family.kind is Kind.INFO), name
        assert family.openmetrics_name.endswith(family.unit), name
        assert bool(family.unit) is name.endswith(("_seconds", "_bytes")), name


def test_help_is_one_plain_line() -> None:
    """No format has to escape it."""
    for family in ALL:
        assert family.help.isascii(), family.name
        assert not set(family.help) & {'"', "\\", "\n"}, family.name
        assert family.help.endswith("."), family.name


def test_counters_and_infos_are_named_as_each_format_has_it() -> None:
    """OpenMetrics leaves the suffix to the sample, text does not."""
    polls = next(x for x in ALL if x.name == "rocketmq_dr_polls_total")
    info = next(x for x in ALL if x.name == "rocketmq_dr_plan_info")

    for fmt in (Format.TEXT_0_0_4, Format.TEXT_1_0_0):
        assert b"# TYPE rocketmq_dr_polls_total counter\n" in metadata(polls, fmt)
        assert b"# TYPE rocketmq_dr_plan_info gauge\n" in metadata(info, fmt)
    fmt = Format.OPENMETRICS_1_0_0
    assert metadata(polls, fmt).startswith(b"# TYPE rocketmq_dr_polls counter\n")
    assert metadata(info, fmt).startswith(b"# TYPE rocketmq_dr_plan info\n")
