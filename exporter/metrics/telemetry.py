"""What the exporter says of itself, rendered by prometheus_client."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.cloud.client import ACTIONS
from exporter.cloud.retry import ApiObserver
from exporter.config.settings import Settings
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Family, Kind
from exporter.metrics.formats import EOF, Format
from exporter.model.errors import Reason

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TEXT: Callable[[Collector], bytes] = generate_latest
_OPENMETRICS: Callable[[Collector], bytes] = openmetrics.generate_latest


@dataclass(frozen=True, slots=True)
class _Collected(Collector):
    """What collectors have said, to be rendered."""

    metrics: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.metrics


class Telemetry(ApiObserver):
    """The exporter's own metrics; the part that does the work reports it here."""

    def __init__(self, *, revision: str = "unknown") -> None:
        # They would double the counters, and nobody asks for them.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        GCCollector(registry=self._process)
        self._durations = Histogram(
            catalogue.API_DURATION.name,
            catalogue.API_DURATION.help,
            catalogue.API_DURATION.labels,
            unit=catalogue.API_DURATION.unit,
            buckets=_BUCKETS,
            registry=None,
        )
        # Of each family the values by labels. Counters start at 0, so that a rate is
        # right from the first increase on; gauges are absent until they are known.
        self._values: dict[Family, dict[tuple[str, ...], float]] = {
            family: _zeros(family) if family.kind is Kind.COUNTER else {}
            for family in catalogue.OWN
        }
        build = (__version__, revision, platform.python_version())
        self._values[catalogue.BUILD_INFO][build] = 1.0
        for action in ACTIONS:
            self._durations.labels(action)

    def render(self, fmt: Format) -> bytes:
        """Return all but the scrapes in one format, without OpenMetrics' last line."""
        families = [f for f in catalogue.OWN if f not in catalogue.SCRAPE_FAMILIES]
        return _rendered([*self._metrics(families), *self._process.collect()], fmt)

    def render_scrapes(self, fmt: Format) -> bytes:
        """Return what tells of the scrapes before this one.

        Apart, for it changes with each answer, while the rest is shared by those of the
        same second: rendering it takes longer than answering.
        """
        return _rendered(self._metrics(catalogue.SCRAPE_FAMILIES), fmt)

    def api_request(self, action: str, seconds: float, reason: Reason | None) -> None:
        """Count one attempt, retries included; `reason` is None where it succeeded."""
        self._count(catalogue.API_REQUESTS, action)
        self._durations.labels(action).observe(seconds)
        if reason is not None:
            self._count(catalogue.API_FAILURES, action, reason)
        if reason is Reason.THROTTLED:
            self._count(catalogue.API_THROTTLED, action)

    def api_retry(self, action: str) -> None:
        """Count an attempt that follows a failed one."""
        self._count(catalogue.API_RETRIES, action)

    def rate_limit(self, per_second: float) -> None:
        """Note how many requests per second are allowed from now on."""
        self._set(catalogue.RATE_LIMIT, per_second)

    def clock_skew(self, seconds: float) -> None:
        """Note our clock minus the API's."""
        self._set(catalogue.CLOCK_SKEW, seconds)

    def poll_skipped(self) -> None:
        """Count a route that was due while its poll was still running."""
        self._count(catalogue.POLLS_SKIPPED)

    def discovered(self, at: float) -> None:
        """Note when a discovery found every plan, in Unix seconds."""
        self._set(catalogue.DISCOVERY_SUCCESS, at)

    def discovery_failed(self, reason: Reason) -> None:
        """Count a failure in discovery."""
        self._count(catalogue.DISCOVERY_FAILURES, reason)

    def reloaded(self, *, ok: bool, at: float) -> None:
        """Note how loading the configuration ended, the first time included."""
        self._set(catalogue.RELOAD_SUCCESSFUL, int(ok))
        if ok:
            self._set(catalogue.RELOAD_SUCCESS, at)

    def configured(self, settings: Settings) -> None:
        """Note the settings that rules compare with."""
        poll = settings.poll
        self._set(catalogue.POLL_INTERVAL, poll.interval.total_seconds())
        self._set(catalogue.STALE_AFTER, poll.stale_after.total_seconds())
        self._set(catalogue.SHARD_INDEX, settings.shard.index)
        self._set(catalogue.SHARDS, settings.shard.total)

    def elected(self, *, is_leader: bool) -> None:
        """Note whether this process polls; while another does, it discovers nothing."""
        self._set(catalogue.LEADER, int(is_leader))
        if not is_leader:
            self._values[catalogue.DISCOVERY_SUCCESS].clear()

    def scraped(self, seconds: float, size: int) -> None:
        """Note how long an answer took, and its bytes on the wire."""
        self._count(catalogue.SCRAPES)
        self._set(catalogue.SCRAPE_DURATION, seconds)
        self._set(catalogue.SCRAPE_SIZE, size)

    def _count(self, family: Family, *labels: str) -> None:
        self._values[family][labels] += 1

    def _set(self, family: Family, value: float) -> None:
        self._values[family][()] = value

    def _metrics(self, families: Iterable[Family]) -> list[Metric]:
        metrics: list[Metric] = []
        for family in families:
            if family.kind is Kind.HISTOGRAM:
                metrics += self._durations.collect()
                continue
            metric = Metric(
                family.openmetrics_name, family.help, family.kind, family.unit
            )
            for values, number in self._values[family].items():
                labels = dict(zip(family.labels, values, strict=True))
                metric.add_sample(family.name, labels, number)
            if metric.samples:
                metrics.append(metric)
        return metrics


def _zeros(family: Family) -> dict[tuple[str, ...], float]:
    values: Mapping[str, Sequence[str]] = {"action": ACTIONS, "reason": tuple(Reason)}
    return dict.fromkeys(product(*(values[label] for label in family.labels)), 0.0)


def _rendered(metrics: Sequence[Metric], fmt: Format) -> bytes:
    encode = _OPENMETRICS if fmt.is_openmetrics else _TEXT
    return encode(_Collected(metrics)).removesuffix(EOF)
