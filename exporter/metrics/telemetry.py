"""What the exporter says of itself, counted and rendered by prometheus_client."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.config.settings import Settings
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Family, Kind
from exporter.metrics.formats import EOF, Format
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
_TEXT: Callable[[Collector], bytes] = generate_latest
_OPENMETRICS: Callable[[Collector], bytes] = openmetrics.generate_latest


class Telemetry:
    """The exporter's own metrics; the part that does the work reports it here."""

    def __init__(self, *, revision: str = "unknown") -> None:
        self._registry = CollectorRegistry()
        # Apart, for they change with each answer, while the rest is shared by those of
        # the same second: rendering it takes longer than answering.
        self._scrapes = CollectorRegistry()
        self._counters: dict[Family, Counter] = {}
        self._gauges: dict[Family, _KnownGauge] = {}
        for family in catalogue.OWN:
            self._register(family, revision)
        self._start_at_zero()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def render(self, fmt: Format) -> bytes:
        """Return all but the scrapes in one format, without OpenMetrics' last line."""
        return _rendered(self._registry, fmt)

    def render_scrapes(self, fmt: Format) -> bytes:
        """Return what tells of the scrapes before this one."""
        return _rendered(self._scrapes, fmt)

    def api_request(self, action: str, seconds: float, reason: Reason | None) -> None:
        """Count one attempt, retries included; `reason` is None where it succeeded."""
        self._count(catalogue.API_REQUESTS, action)
        self._durations.labels(action).observe(seconds)
        if reason is not None:
            self._count(catalogue.API_FAILURES, action, reason)

    def api_retry(self, action: str) -> None:
        """Count an attempt that follows a failed one."""
        self._count(catalogue.API_RETRIES, action)

    def api_throttled(self, action: str) -> None:
        """Count an attempt that the API throttled."""
        self._count(catalogue.API_THROTTLED, action)

    def rate_limit(self, per_second: float) -> None:
        """Take in how many requests per second are allowed from now on."""
        self._gauges[catalogue.RATE_LIMIT].value = per_second

    def clock_skew(self, seconds: float) -> None:
        """Take in our clock minus the API's."""
        self._gauges[catalogue.CLOCK_SKEW].value = seconds

    def poll_skipped(self) -> None:
        """Count a route that was due while its poll was still running."""
        self._count(catalogue.POLLS_SKIPPED)

    def discovered(self, at: float | None) -> None:
        """Take in when a discovery succeeded as a whole, in Unix seconds.

        None while another process discovers.
        """
        self._gauges[catalogue.DISCOVERY_SUCCESS].value = at

    def discovery_failed(self, reason: Reason) -> None:
        """Count a failure in discovery."""
        self._count(catalogue.DISCOVERY_FAILURES, reason)

    def reloaded(self, *, ok: bool, at: float) -> None:
        """Take in how loading the configuration ended, the first time included."""
        self._gauges[catalogue.RELOAD_SUCCESSFUL].value = int(ok)
        if ok:
            self._gauges[catalogue.RELOAD_SUCCESS].value = at

    def configured(self, settings: Settings) -> None:
        """Take in the settings that rules compare with."""
        poll, shard = settings.poll, settings.shard
        values = {
            catalogue.POLL_INTERVAL: poll.interval.total_seconds(),
            catalogue.STALE_AFTER: poll.stale_after.total_seconds(),
            catalogue.SHARD_INDEX: shard.index,
            catalogue.SHARDS: shard.total,
        }
        for family, value in values.items():
            self._gauges[family].value = value

    def leads(self, *, is_leader: bool) -> None:
        """Take in whether this process is the one that polls, where one is elected."""
        self._gauges[catalogue.LEADER].value = int(is_leader)

    def scraped(self, seconds: float, size: int) -> None:
        """Take in how long an answer took, and its bytes on the wire."""
        self._count(catalogue.SCRAPES)
        self._gauges[catalogue.SCRAPE_DURATION].value = seconds
        self._gauges[catalogue.SCRAPE_SIZE].value = size

    def _count(self, family: Family, *labels: str) -> None:
        counter = self._counters[family]
        (counter.labels(*labels) if labels else counter).inc()

    def _start_at_zero(self) -> None:
        by_action = (
            catalogue.API_REQUESTS,
            catalogue.API_RETRIES,
            catalogue.API_THROTTLED,
        )
        for action in ACTIONS:
            self._durations.labels(action)
            for family in by_action:
                self._counters[family].labels(action)
            for reason in Reason:
                self._counters[catalogue.API_FAILURES].labels(action, reason)
        for reason in Reason:
            self._counters[catalogue.DISCOVERY_FAILURES].labels(reason)

    def _register(self, family: Family, revision: str) -> None:
        is_of_scrapes = family in catalogue.SCRAPE_FAMILIES
        registry = self._scrapes if is_of_scrapes else self._registry
        if family.kind is Kind.COUNTER:
            self._counters[family] = Counter(
                family.name, family.help, family.labels, registry=registry
            )
        elif family.kind is Kind.HISTOGRAM:
            self._durations = Histogram(
                family.name,
                family.help,
                family.labels,
                unit=family.unit,
                buckets=_BUCKETS,
                registry=registry,
            )
        elif family.kind is Kind.INFO:
            info = Info(family.openmetrics_name, family.help, registry=registry)
            values = (__version__, revision, platform.python_version())
            info.info(dict(zip(family.labels, values, strict=True)))
        elif family is not catalogue.DROPPED:
            self._gauges[family] = _KnownGauge(family, registry)


class _KnownGauge(Collector):
    """A gauge with no sample until its value is known."""

    def __init__(self, family: Family, registry: CollectorRegistry) -> None:
        self._family = family
        self.value: float | None = None
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Return the family, or nothing while the value is unknown."""
        if self.value is None:
            return []
        family = self._family
        gauge = GaugeMetricFamily(family.name, family.help, unit=family.unit)
        gauge.add_metric([], self.value)
        return [gauge]


class _WithoutCreated(Collector):
    """A registry without its `_created` samples, which would double the counters.

    prometheus_client can only switch them off for all of a process's registries.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        """Yield the registry's families without those samples."""
        for metric in self._registry.collect():
            metric.samples = [
                sample
                for sample in metric.samples
                if sample.name != f"{metric.name}_created"
            ]
            yield metric


def _rendered(registry: CollectorRegistry, fmt: Format) -> bytes:
    """Return what a registry holds, without OpenMetrics' last line."""
    encode = _OPENMETRICS if fmt.is_openmetrics else _TEXT
    return encode(_WithoutCreated(registry)).removesuffix(EOF)
