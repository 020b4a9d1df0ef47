"""What prometheus_client says of the same data: the oracle of the exposition.

It goes by rows and by `exporter.model.lag`, and shares nothing with
`exporter.metrics` but the catalogue's texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporter.metrics.catalogue import ALL
from exporter.metrics.formats import Format
from exporter.model.lag import BUCKET_BOUNDS_MS, state_of, sync_age_ms, sync_lag_ms
from exporter.model.types import PROBLEMS, Checkpoint, Inventory, Rejection, RouteStatus

_CATALOGUE = {family.name: family for family in ALL}
_OPENMETRICS: Callable[[Collector], bytes] = openmetrics.generate_latest
_OPENMETRICS_PARSER: Callable[[str], Iterable[Metric]] = (
    openmetrics_parser.text_string_to_metric_families
)

Sample = tuple[str, tuple[tuple[str, str], ...], float]
Parsed = dict[str, tuple[str, str, str, list[Sample]]]
"""Of each family by its name: type, help, unit, and sorted samples."""


def parsed(body: str, fmt: Format) -> Parsed:
    """Return what prometheus_client's parsers read in a body."""
    parse = (
        _OPENMETRICS_PARSER if fmt.is_openmetrics else text_string_to_metric_families
    )
    return {
        metric.name: (
            metric.type,
            metric.documentation,
            metric.unit,
            sorted(
                (sample.name, tuple(sorted(sample.labels.items())), sample.value)
                for sample in metric.samples
            ),
        )
        for metric in parse(body)
    }


@dataclass(frozen=True, eq=False)
class Oracle(Collector):
    """A custom collector over statuses and an inventory, row by row."""

    statuses: Sequence[RouteStatus]
    inventory: Inventory
    now_ms: int

    def text(self, fmt: Format) -> str:
        """Return the exposition that prometheus_client writes of it."""
        encode = _OPENMETRICS if fmt.is_openmetrics else generate_latest
        return encode(self).decode()

    def collect(self) -> Iterable[Metric]:
        """Return every family that has a sample."""
        families = [
            *self._checkpoints(),
            *self._routes(),
            *self._rollups(),
            *self._inventory(),
        ]
        return [family for family in families if family.samples]

    def _rows(self) -> Iterator[tuple[list[str], Checkpoint]]:
        for status in self.statuses:
            if status.snapshot is None:
                continue
            for index, row in enumerate(status.snapshot.columns.rows()):
                if index not in status.hidden:
                    yield (
                        [
                            status.route.plan_id,
                            status.route.item_id,
                            row.source_instance_id,
                            row.target_instance_id,
                            row.group,
                            row.topic,
                        ],
                        row,
                    )

    def _checkpoints(self) -> Iterator[Metric]:
        lag = _gauge("rocketmq_dr_sync_lag_seconds")
        age = _gauge("rocketmq_dr_sync_age_seconds")
        synced = _gauge("rocketmq_dr_last_sync_timestamp_seconds")
        problem = _gauge("rocketmq_dr_checkpoint_problem")
        consume = _gauge("rocketmq_dr_consume_timestamp_seconds")
        fetch = _gauge("rocketmq_dr_fetch_timestamp_seconds")
        info = _info("rocketmq_dr_checkpoint_info")
        for labels, row in self._rows():
            _add(lag, labels, sync_lag_ms(row.source_ms, row.target_ms))
            _add(age, labels, sync_age_ms(self.now_ms, row.last_sync_ms))
            _add(synced, labels, row.last_sync_ms or None)
            state = state_of(row.source_ms, row.target_ms, row.last_sync_ms)
            if state in PROBLEMS:
                problem.add_metric([*labels, state], 1)
            _add(consume, [*labels, "source"], row.source_ms or None)
            _add(consume, [*labels, "target"], row.target_ms or None)
            _add(fetch, [*labels, "source"], row.source_fetch_ms or None)
            _add(fetch, [*labels, "target"], row.target_fetch_ms or None)
            info.add_metric(
                labels,
                {
                    "checkpoint_id": str(row.checkpoint_id),
                    "target_group": row.target_group,
                    "target_topic": row.target_topic,
                    "source_region_id": row.kind[0],
                    "target_region_id": row.kind[1],
                    "source_type": row.kind[2],
                    "target_type": row.kind[3],
                },
            )
        yield from (lag, age, synced, problem, consume, fetch, info)

    def _routes(self) -> Iterator[Metric]:
        up = _gauge("rocketmq_dr_up")
        success = _gauge("rocketmq_dr_last_success_timestamp_seconds")
        duration = _gauge("rocketmq_dr_poll_duration_seconds")
        polls = _counter("rocketmq_dr_polls_total")
        failures = _counter("rocketmq_dr_poll_failures_total")
        for status in self.statuses:
            labels = _labels(status)
            if status.is_up is not None:
                up.add_metric(labels, 1 if status.is_up else 0)
            if status.last_success_at is not None:
                success.add_metric(labels, status.last_success_at)
            if status.duration is not None:
                duration.add_metric(labels, status.duration)
            polls.add_metric(labels, status.polls)
            for reason, count in status.failures.items():
                failures.add_metric([*labels, reason], count)
        yield from (up, success, duration, polls, failures)

    def _rollups(self) -> Iterator[Metric]:
        checkpoints = _gauge("rocketmq_dr_checkpoints")
        rejected = _gauge("rocketmq_dr_checkpoints_rejected")
        max_lag = _gauge("rocketmq_dr_max_sync_lag_seconds")
        max_age = _gauge("rocketmq_dr_max_sync_age_seconds")
        name = "rocketmq_dr_sync_lag_distribution_seconds"
        spread = GaugeHistogramMetricFamily(
            name, _CATALOGUE[name].help, labels=_CATALOGUE[name].labels, unit="seconds"
        )
        dropped = 0
        for status in self.statuses:
            snapshot, rollup = status.snapshot, status.rollup
            if snapshot is None or rollup is None:
                continue
            labels = _labels(status)
            dropped += snapshot.dropped
            for state, count in rollup.states.items():
                checkpoints.add_metric([*labels, state], count)
            for reason in Rejection:
                is_duplicate = reason is Rejection.DUPLICATE
                hidden = len(status.hidden) if is_duplicate else 0
                count = snapshot.rejected.get(reason, 0) + hidden
                rejected.add_metric([*labels, reason], count)
            _add(max_lag, labels, rollup.max_lag_ms)
            if rollup.oldest_sync_ms is not None:
                _add(max_age, labels, self.now_ms - rollup.oldest_sync_ms)
            bounds = [*(str(bound / 1000) for bound in BUCKET_BOUNDS_MS), "+Inf"]
            counts = [*rollup.lag_buckets, rollup.lag_count]
            buckets = list(zip(bounds, map(float, counts), strict=True))
            spread.add_metric(labels, buckets, rollup.lag_sum_ms / 1000)
        over = _gauge("rocketmq_dr_exporter_checkpoints_dropped")
        over.add_metric([], dropped)
        yield from (checkpoints, rejected, max_lag, max_age, spread, over)

    def _inventory(self) -> Iterator[Metric]:
        info = _info("rocketmq_dr_plan_info")
        status = _gauge("rocketmq_dr_plan_status")
        item_status = _gauge("rocketmq_dr_item_status")
        auto_sync = _gauge("rocketmq_dr_plan_auto_sync")
        objective = _gauge("rocketmq_dr_objective_seconds")
        missing = _gauge("rocketmq_dr_configured_missing")
        for plan in self.inventory.plans:
            info.add_metric([plan.plan_id, plan.name, plan.type, plan.region], {})
            if plan.status:
                status.add_metric([plan.plan_id, plan.status], 1)
            auto_sync.add_metric([plan.plan_id], 1 if plan.is_auto_synced else 0)
        for item in self.inventory.items:
            if item.status:
                item_status.add_metric([item.plan_id, item.item_id, item.status], 1)
        for plan_id, (lag, age) in self.inventory.objectives.items():
            objective.add_metric([plan_id, "lag"], lag)
            objective.add_metric([plan_id, "age"], age)
        for absent in self.inventory.missing:
            missing.add_metric([absent.kind, absent.id], 1)
        yield from (info, status, item_status, auto_sync, objective, missing)


def _gauge(name: str) -> GaugeMetricFamily:
    family = _CATALOGUE[name]
    return GaugeMetricFamily(name, family.help, labels=family.labels, unit=family.unit)


def _counter(name: str) -> CounterMetricFamily:
    family = _CATALOGUE[name]
    return CounterMetricFamily(name, family.help, labels=family.labels)


def _info(name: str) -> InfoMetricFamily:
    family = _CATALOGUE[name]
    return InfoMetricFamily(
        name.removesuffix("_info"), family.help, labels=family.labels
    )


def _add(family: GaugeMetricFamily, labels: Sequence[str], ms: int | None) -> None:
    if ms is not None:
        family.add_metric(labels, ms / 1000)


def _labels(status: RouteStatus) -> list[str]:
    route = status.route
    return [route.plan_id, route.item_id, route.source_instance_id]
