"""What the exporter says of itself, counted by prometheus_client.

It registers nothing in the global registry and renders no checkpoint.
"""

from __future__ import annotations

import platform

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from exporter import __version__
from exporter.metrics.families import Family, Kind, own
from exporter.metrics.formats import Format
from exporter.metrics.registries import KnownGauge, exposed
from exporter.model.errors import Reason

ACTIONS = (
    "ListDisasterRecoveryPlans",
    "GetDisasterRecoveryPlan",
    "ListDisasterRecoveryItems",
    "GetDisasterRecoveryItem",
    "ListDisasterRecoveryCheckpoints",
)
"""The API actions that are called; their counters start at 0."""

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Telemetry:
    """The exporter's own metrics; whoever does the work tells it."""

    def __init__(self, *, revision: str = "unknown") -> None:
        self._registry = CollectorRegistry()
        # Apart, for they change with each answer, while the rest is shared by those of
        # the same second: rendering it takes longer than answering.
        self._scrapes = CollectorRegistry()
        self._counters: dict[Family, Counter] = {}
        self._gauges: dict[Family, KnownGauge] = {}
        for family in own.OWN:
            if family.kind is Kind.COUNTER:
                self._counters[family] = self._counter(family)
            elif family.kind is Kind.GAUGE:
                self._gauges[family] = KnownGauge(family, self._registry_of(family))
            elif family.kind is Kind.INFO:
                self._info(family, revision)
            else:
                self._durations = self._histogram(family)
        self._start_at_zero()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def render(self, fmt: Format) -> bytes:
        """Return all but the scrapes in one format, without OpenMetrics' last line."""
        return exposed(self._registry, fmt)

    def render_scrapes(self, fmt: Format) -> bytes:
        """Return what tells of the scrapes before this one."""
        return exposed(self._scrapes, fmt)

    def api_request(self, action: str, seconds: float, reason: Reason | None) -> None:
        """Count one attempt, retries included; `reason` is None where it succeeded."""
        self._count(own.API_REQUESTS, action)
        self._durations.labels(action).observe(seconds)
        if reason is not None:
            self._count(own.API_FAILURES, action, reason)

    def api_retry(self, action: str) -> None:
        """Count an attempt that follows a failed one."""
        self._count(own.API_RETRIES, action)

    def api_throttled(self, action: str) -> None:
        """Count an attempt that the API throttled."""
        self._count(own.API_THROTTLED, action)

    def rate_limit(self, per_second: float) -> None:
        """Take in how many requests per second are allowed from now on."""
        self._gauges[own.RATE_LIMIT].value = per_second

    def clock_skew(self, seconds: float) -> None:
        """Take in our clock minus the API's."""
        self._gauges[own.CLOCK_SKEW].value = seconds

    def poll_skipped(self) -> None:
        """Count a route that was due while its poll was still running."""
        self._count(own.POLLS_SKIPPED)

    def discovered(self, at: float) -> None:
        """Take in when a discovery succeeded as a whole, in Unix seconds."""
        self._gauges[own.DISCOVERY_SUCCESS].value = at

    def undiscovered(self) -> None:
        """Forget when discovery succeeded: it is another's business now."""
        self._gauges[own.DISCOVERY_SUCCESS].value = None

    def discovery_failed(self, reason: Reason) -> None:
        """Count a failure in discovery."""
        self._count(own.DISCOVERY_FAILURES, reason)

    def reloaded(self, *, ok: bool, at: float) -> None:
        """Take in how loading the configuration ended, the first time included."""
        self._gauges[own.RELOAD_SUCCESSFUL].value = int(ok)
        if ok:
            self._gauges[own.RELOAD_SUCCESS].value = at

    def settings(
        self, poll_interval_seconds: float, stale_after_seconds: float
    ) -> None:
        """Take in the settings that rules compare with."""
        self._gauges[own.POLL_INTERVAL].value = poll_interval_seconds
        self._gauges[own.STALE_AFTER].value = stale_after_seconds

    def shard(self, index: int, total: int) -> None:
        """Take in which of how many shards this process is."""
        self._gauges[own.SHARD_INDEX].value = index
        self._gauges[own.SHARDS].value = total

    def leads(self, *, is_leader: bool) -> None:
        """Take in whether this process is the one that polls, where one is elected."""
        self._gauges[own.LEADER].value = int(is_leader)

    def scraped(self, seconds: float, size: int) -> None:
        """Take in how long an answer took, and its bytes on the wire."""
        self._count(own.SCRAPES)
        self._gauges[own.SCRAPE_DURATION].value = seconds
        self._gauges[own.SCRAPE_SIZE].value = size

    def _count(self, family: Family, *labels: str) -> None:
        counter = self._counters[family]
        (counter.labels(*labels) if labels else counter).inc()

    def _start_at_zero(self) -> None:
        for action in ACTIONS:
            self._durations.labels(action)
            for family in (own.API_REQUESTS, own.API_RETRIES, own.API_THROTTLED):
                self._counters[family].labels(action)
            for reason in Reason:
                self._counters[own.API_FAILURES].labels(action, reason)
        for reason in Reason:
            self._counters[own.DISCOVERY_FAILURES].labels(reason)

    def _counter(self, family: Family) -> Counter:
        registry = self._registry_of(family)
        return Counter(family.name, family.help, family.labels, registry=registry)

    def _registry_of(self, family: Family) -> CollectorRegistry:
        return self._scrapes if family in own.SCRAPE_FAMILIES else self._registry

    def _histogram(self, family: Family) -> Histogram:
        return Histogram(
            family.name,
            family.help,
            family.labels,
            unit=family.unit,
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def _info(self, family: Family, revision: str) -> None:
        info = Info(family.openmetrics_name, family.help, registry=self._registry)
        values = (__version__, revision, platform.python_version())
        info.info(dict(zip(family.labels, values, strict=True)))
