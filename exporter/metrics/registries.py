"""What telemetry needs of prometheus_client, and it lacks.

It knows no metric of ours by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from exporter.metrics.families import Family
from exporter.metrics.formats import EOF, Format

_TEXT: Callable[[Collector], bytes] = generate_latest
_OPENMETRICS: Callable[[Collector], bytes] = openmetrics.generate_latest


class KnownGauge(Collector):
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


def exposed(registry: CollectorRegistry, fmt: Format) -> bytes:
    """Return what a registry holds, without OpenMetrics' last line."""
    encode = _OPENMETRICS if fmt.is_openmetrics else _TEXT
    return encode(_WithoutCreated(registry)).removesuffix(EOF)
