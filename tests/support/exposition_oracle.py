"""What prometheus_client says of the same data: the oracle of the exposition.

It goes by rows and by `exporter.model.lag`, and shares nothing with
`exporter.metrics` but the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporter.metrics.catalogue import ALL
from exporter.metrics.formats import Format
from exporter.model.lag import BUCKET_BOUNDS_MS, state_of, sync_age_ms, sync_lag_ms
from exporter.model.types import (
    PROBLEMS,
    Inventory,
    Rejection,
    Rollup,
    RouteStatus,
    Snapshot,
)

_CATALOGUE = {family.name: family for family in ALL}
_OPENMETRICS: Callable[[Collector], bytes] = openmetrics.generate_latest
_OPENMETRICS_PARSER: Callable[[str], Iterable[Metric]] = (
    openmetrics_parser.text_string_to_metric_families
)

Labels = tuple[str, ...]
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
        said = _Families()
        dropped = 0
        for status in self.statuses:
            route = status.route
            labels = (route.plan_id, route.item_id, route.source_instance_id)
            _say_route(said, labels, status)
            if status.snapshot is not None and status.rollup is not None:
                dropped += status.snapshot.dropped
                self._say_snapshot(said, labels, status.snapshot, status)
                self._say_rollup(said, labels, status.rollup)
        said.add("exporter_checkpoints_dropped", (), dropped)
        _say_inventory(said, self.inventory)
        return said.families.values()

    def _say_snapshot(
        self, said: _Families, route: Labels, snapshot: Snapshot, status: RouteStatus
    ) -> None:
        for reason in Rejection:
            is_duplicate = reason is Rejection.DUPLICATE
            hidden = len(status.hidden) if is_duplicate else 0
            count = snapshot.rejected.get(reason, 0) + hidden
            said.add("checkpoints_rejected", (*route, reason), count)
        for index, row in enumerate(snapshot.columns.rows()):
            if index in status.hidden:
                continue
            sides = (row.source_instance_id, row.target_instance_id)
            labels = (*route[:2], *sides, row.group, row.topic)
            lag = sync_lag_ms(row.source_ms, row.target_ms)
            said.add_ms("sync_lag_seconds", labels, lag)
            delay = row.delay_ms if row.delay_ms >= 0 else None
            said.add_ms("sync_delay_seconds", labels, delay)
            age = sync_age_ms(self.now_ms, row.last_sync_ms)
            said.add_ms("sync_age_seconds", labels, age)
            synced = row.last_sync_ms or None
            said.add_ms("last_sync_timestamp_seconds", labels, synced)
            state = state_of(row.source_ms, row.target_ms, row.last_sync_ms)
            if state in PROBLEMS:
                said.add("checkpoint_problem", (*labels, state), 1)
            for side, consumed, fetched in (
                ("source", row.source_ms, row.source_fetch_ms),
                ("target", row.target_ms, row.target_fetch_ms),
            ):
                both = (*labels, side)
                said.add_ms("consume_timestamp_seconds", both, consumed or None)
                said.add_ms("fetch_timestamp_seconds", both, fetched or None)
            names = (str(row.checkpoint_id), row.target_group, row.target_topic)
            said.add("checkpoint_info", (*labels, *names, *row.kind), 1)

    def _say_rollup(self, said: _Families, route: Labels, rollup: Rollup) -> None:
        for state, count in rollup.states.items():
            said.add("checkpoints", (*route, state), count)
        said.add_ms("max_sync_lag_seconds", route, rollup.max_lag_ms)
        said.add_ms("max_sync_delay_seconds", route, rollup.max_delay_ms)
        said.add("checkpoints_over_objective", (*route, "lag"), rollup.late)
        said.add("checkpoints_over_objective", (*route, "age"), rollup.stalled)
        said.add("checkpoints_ready", route, rollup.ready)
        if rollup.oldest_sync_ms is not None:
            oldest = self.now_ms - rollup.oldest_sync_ms
            said.add_ms("max_sync_age_seconds", route, oldest)
        name = "sync_lag_distribution_seconds"
        bounds = [*(str(bound / 1000) for bound in BUCKET_BOUNDS_MS), "+Inf"]
        counts = [*rollup.lag_buckets, rollup.lag_count]
        for bound, count in zip(bounds, counts, strict=True):
            said.add(name, route, count, suffix="_bucket", le=bound)
        said.add(name, route, rollup.lag_count, suffix="_gcount")
        said.add(name, route, rollup.lag_sum_ms / 1000, suffix="_gsum")


class _Families:
    """Families by name, of the types that the catalogue gives them."""

    def __init__(self) -> None:
        self.families: dict[str, Metric] = {}

    def add(
        self,
        name: str,
        labels: Labels,
        value: float | None,
        suffix: str = "",
        **le: str,
    ) -> None:
        """Add a sample, unless its value is unknown."""
        if value is None:
            return
        family = _CATALOGUE[f"rocketmq_dr_{name}"]
        metric = self.families.setdefault(
            name, Metric(family.openmetrics_name, family.help, family.kind, family.unit)
        )
        named = dict(zip(family.labels, labels, strict=True)) | le
        metric.add_sample(family.name + suffix, named, value)

    def add_ms(self, name: str, labels: Labels, ms: int | None) -> None:
        """Add a sample in seconds, unless its value is unknown."""
        self.add(name, labels, None if ms is None else ms / 1000)


def _say_route(said: _Families, labels: Labels, status: RouteStatus) -> None:
    said.add("up", labels, status.is_up)
    said.add("last_success_timestamp_seconds", labels, status.last_success_at)
    said.add("poll_duration_seconds", labels, status.duration)
    said.add("polls_total", labels, status.polls)
    for reason, count in status.failures.items():
        said.add("poll_failures_total", (*labels, reason), count)


def _say_inventory(said: _Families, known: Inventory) -> None:
    for plan in known.plans:
        said.add("plan_info", (plan.plan_id, plan.name, plan.type, plan.region), 1)
        if plan.status:
            said.add("plan_status", (plan.plan_id, plan.status), 1)
        said.add("plan_auto_sync", (plan.plan_id,), plan.is_auto_synced)
    for item in known.items:
        if item.status:
            said.add("item_status", (item.plan_id, item.item_id, item.status), 1)
    for plan_id, limits in known.limits.items():
        said.add("objective_seconds", (plan_id, "lag"), limits.lag)
        said.add("objective_seconds", (plan_id, "age"), limits.age)
        said.add("objective_share", (plan_id,), limits.share)
    for kind, identity in {(absent.kind, absent.id) for absent in known.missing}:
        said.add("configured_missing", (kind, identity), 1)
    for plan_id in known.looked_up:
        gone = [absent for absent in known.missing if absent.plan_id == plan_id]
        said.add("plan_missing", (plan_id,), len(gone))
