"""What the exporter says of itself: complete from the start, and never invented."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from exposition_oracle import parsed

from exporter import __version__
from exporter.cloud.client import ACTIONS
from exporter.config.settings import Settings
from exporter.metrics.catalogue import DROPPED, OWN, Kind
from exporter.metrics.formats import Format
from exporter.metrics.telemetry import Telemetry
from exporter.model.errors import Reason

every_format = pytest.mark.parametrize("fmt", Format, ids=lambda fmt: fmt.name)
PREFIX = "rocketmq_dr_exporter_"
CHECKPOINTS = "ListDisasterRecoveryCheckpoints"


def rendered(telemetry: Telemetry, fmt: Format = Format.TEXT_0_0_4) -> bytes:
    """Return all that the exporter says of itself."""
    return telemetry.render(fmt) + telemetry.render_scrapes(fmt)


def samples_of(telemetry: Telemetry) -> Mapping[str, float]:
    """Return values by `name` or `name{label values}`, without our prefix."""
    body = rendered(telemetry).decode()
    return {
        _key(name.removeprefix(PREFIX), [value for _, value in labels]): number
        for _, _, _, samples in parsed(body, Format.TEXT_0_0_4).values()
        for name, labels, number in samples
    }


def _key(name: str, labels: list[str]) -> str:
    return f"{name}{{{','.join(labels)}}}" if labels else name


def full() -> Telemetry:
    """Return telemetry to which everything has been told."""
    telemetry = Telemetry(revision="abc123")
    telemetry.api_request(CHECKPOINTS, 0.3, None)
    telemetry.api_request(CHECKPOINTS, 0.2, Reason.THROTTLED)
    telemetry.api_retry(CHECKPOINTS)
    telemetry.rate_limit(2.5)
    telemetry.clock_skew(-1.5)
    telemetry.poll_skipped()
    telemetry.discovered(1740724080.0)
    telemetry.discovery_failed(Reason.PERMISSION)
    telemetry.reloaded(ok=True, at=1740724081.0)
    telemetry.configured(Settings.model_validate({"shard": {"index": 2, "total": 8}}))
    telemetry.elected(is_leader=True)
    telemetry.scraped(0.025, 4096)
    return telemetry


def test_every_action_and_reason_starts_at_zero() -> None:
    """A rate over a counter is right from its first increase on."""
    samples = samples_of(Telemetry())

    for action in ACTIONS:
        assert samples[f"api_requests_total{{{action}}}"] == 0
        assert samples[f"api_retries_total{{{action}}}"] == 0
        assert samples[f"api_throttled_total{{{action}}}"] == 0
        assert samples[f"api_request_duration_seconds_count{{{action}}}"] == 0
        for reason in Reason:
            assert samples[f"api_request_failures_total{{{action},{reason}}}"] == 0
    for reason in Reason:
        assert samples[f"discovery_failures_total{{{reason}}}"] == 0
    assert samples["polls_skipped_total"] == 0
    assert samples["scrapes_total"] == 0


def test_gauges_are_absent_until_somebody_knows_them() -> None:
    """Unknown is absent: no skew of 0, no discovery in 1970."""
    body = rendered(Telemetry()).decode()

    for family in OWN:
        is_known = family.kind is not Kind.GAUGE
        assert (f"# TYPE {family.openmetrics_name}" in body) is is_known


def test_what_is_told_is_what_is_shown() -> None:
    """Each method moves its own metrics and no other."""
    samples = samples_of(full())

    assert samples[f"api_requests_total{{{CHECKPOINTS}}}"] == 2
    assert samples[f"api_request_failures_total{{{CHECKPOINTS},throttled}}"] == 1
    assert samples[f"api_request_failures_total{{{CHECKPOINTS},timeout}}"] == 0
    assert samples[f"api_retries_total{{{CHECKPOINTS}}}"] == 1
    assert samples[f"api_throttled_total{{{CHECKPOINTS}}}"] == 1
    assert samples[f"api_request_duration_seconds_count{{{CHECKPOINTS}}}"] == 2
    assert samples[f"api_request_duration_seconds_sum{{{CHECKPOINTS}}}"] == 0.5
    assert samples["api_rate_limit"] == 2.5
    assert samples["clock_skew_seconds"] == -1.5
    assert samples["polls_skipped_total"] == 1
    assert samples["discovery_last_success_timestamp_seconds"] == 1740724080
    assert samples["discovery_failures_total{permission}"] == 1
    assert samples["config_last_reload_successful"] == 1
    assert samples["config_last_reload_success_timestamp_seconds"] == 1740724081
    assert samples["poll_interval_seconds"] == 60
    assert samples["stale_after_seconds"] == 300
    assert samples["shard_index"] == 2
    assert samples["shards"] == 8
    assert samples["leader"] == 1
    (build,) = (key for key in samples if key.startswith("build_info"))
    assert build.startswith("build_info{3.")
    assert build.endswith(f",abc123,{__version__}}}")
    assert samples["scrapes_total"] == 1
    assert samples["scrape_duration_seconds"] == 0.025
    assert samples["scrape_size_bytes"] == 4096


def test_a_failed_reload_keeps_the_time_of_the_last_good_one() -> None:
    """Success alone moves the timestamp."""
    telemetry = full()

    telemetry.reloaded(ok=False, at=1740724999.0)

    samples = samples_of(telemetry)
    assert samples["config_last_reload_successful"] == 0
    assert samples["config_last_reload_success_timestamp_seconds"] == 1740724081


def test_who_stands_by_shows_neither_a_leader_nor_a_discovery() -> None:
    """How long ago its last one was says nothing of the routes."""
    telemetry = full()

    telemetry.elected(is_leader=False)

    samples = samples_of(telemetry)
    assert samples["leader"] == 0
    assert "discovery_last_success_timestamp_seconds" not in samples


@every_format
def test_own_families_are_the_catalogue_s(fmt: Format) -> None:
    """Names, types, help and units are as the catalogue has them, in its order."""
    body = rendered(full(), fmt).decode() + ("# EOF\n" if fmt.is_openmetrics else "")

    found = {name: x for name, x in parsed(body, fmt).items() if PREFIX in name}

    families = [family for family in OWN if family is not DROPPED]
    assert [x[1] for x in found.values()] == [family.help for family in families]
    if fmt.is_openmetrics:
        assert list(found) == [family.openmetrics_name for family in families]
        assert [x[0] for x in found.values()] == [family.kind for family in families]
        assert [x[2] for x in found.values()] == [family.unit for family in families]


@every_format
def test_process_and_python_are_told_without_an_end(fmt: Format) -> None:
    """prometheus_client's own collectors; the last line is the exposition's affair."""
    body = rendered(full(), fmt)

    for name in (b"process_cpu_seconds_total ", b"python_info{", b"python_gc_"):
        assert b"\n" + name in body
    # They would double the counters, and nobody asks for them.
    assert b"_created" not in body
    assert not body.endswith(b"# EOF\n")
