"""How the API's rows become columns: each checkpoint once, bad rows counted.

It reads nothing and asks nothing; pages are handed to it in their order.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable

from exporter.cloud.wire import CheckpointRow, Progress, Rows
from exporter.lag import rollup, sync_lag_ms
from exporter.model import UNKNOWN_MS, Columns, Kind, Rejection, Route, Snapshot

_NO_PROGRESS = Progress()


class CheckpointCollector:
    """Collects one route's checkpoints, page by page.

    `admits` says of a group and a topic whether anybody wants them.
    """

    def __init__(self, route: Route, admits: Callable[[str, str], bool]) -> None:
        self._route = route
        self._admits = admits
        self._ids: set[int] = set()
        self._nameless = 0
        self._rejected = Counter[Rejection]()
        self._index_of: dict[tuple[str, str, str, str], int] = {}
        # Names recur in thousands of rows; each is kept once.
        self._names: dict[str, str] = {}
        self._kinds: dict[Kind, Kind] = {}
        self._columns = Columns(
            checkpoint_ids=array("q"),
            groups=[],
            topics=[],
            source_instance_ids=[],
            target_instance_ids=[],
            last_sync_ms=array("q"),
            source_ms=array("q"),
            target_ms=array("q"),
            source_fetch_ms=array("q"),
            target_fetch_ms=array("q"),
            target_groups=[],
            target_topics=[],
            kinds=[],
        )
        self._lists = tuple(getattr(self._columns, name) for name in Columns.__slots__)
        self._appends = tuple(column.append for column in self._lists)

    @property
    def seen(self) -> int:
        """Return how many different rows were taken, rejected ones included."""
        return len(self._ids) + self._nameless

    def take(self, content: Rows[CheckpointRow]) -> None:
        """Take the rows of one page; those met before have moved between pages."""
        for row in content.rows:
            if row.checkpoint_id not in self._ids:
                self._ids.add(row.checkpoint_id)
                self._take_row(row)
        for checkpoint_id in content.malformed:
            if checkpoint_id is None:
                self._nameless += 1
            elif checkpoint_id in self._ids:
                continue
            else:
                self._ids.add(checkpoint_id)
            self._rejected[Rejection.MALFORMED] += 1

    def snapshot(self, room: int) -> Snapshot:
        """Return what was collected; beyond `room` checkpoints in the rollup alone."""
        columns = self._columns
        return Snapshot(
            route=self._route,
            columns=columns.first(room) if len(columns) > room else columns,
            rollup=rollup(columns.source_ms, columns.target_ms, columns.last_sync_ms),
            rejected={reason: self._rejected[reason] for reason in Rejection},
            dropped=max(0, len(columns) - room),
        )

    def _take_row(self, row: CheckpointRow) -> None:
        source = row.source_progress or _NO_PROGRESS
        target = row.target_progress or _NO_PROGRESS
        group = self._name(source.consumer_group_id)
        topic = self._name(source.topic_name)
        if not self._admits(group, topic):
            self._rejected[Rejection.FILTERED] += 1
            return
        instance = self._name(source.instance_id) or self._route.source_instance_id
        target_instance = self._name(target.instance_id)
        values = (
            row.checkpoint_id,
            group,
            topic,
            instance,
            target_instance,
            _known(row.last_sync_time),
            _consumed_ms(source),
            _consumed_ms(target),
            _known(source.last_fetch_time),
            _known(target.last_fetch_time),
            self._name(target.consumer_group_id),
            self._name(target.topic_name),
            self._kind(source, target),
        )
        index = self._index_of.setdefault(
            (instance, target_instance, group, topic), len(self._columns)
        )
        if index == len(self._columns):
            for append, value in zip(self._appends, values, strict=True):
                append(value)
            return
        self._rejected[Rejection.DUPLICATE] += 1
        if self._lags_more(_consumed_ms(source), _consumed_ms(target), index):
            for column, value in zip(self._lists, values, strict=True):
                column[index] = value

    def _lags_more(self, source_ms: int, target_ms: int, index: int) -> bool:
        lag = sync_lag_ms(source_ms, target_ms)
        kept = sync_lag_ms(
            self._columns.source_ms[index], self._columns.target_ms[index]
        )
        return lag is not None and (kept is None or lag > kept)

    def _name(self, name: str | None) -> str:
        return self._names.setdefault(name, name) if name else ""

    def _kind(self, source: Progress, target: Progress) -> Kind:
        kind = Kind(
            source.region_id or "",
            target.region_id or "",
            source.instance_type or "",
            target.instance_type or "",
        )
        return self._kinds.setdefault(kind, kind)


def _known(millis: int | None) -> int:
    return millis if millis is not None and millis > 0 else UNKNOWN_MS


def _consumed_ms(progress: Progress) -> int:
    data = progress.progress_data
    return UNKNOWN_MS if data is None else _known(data.consume_timestamp)
