"""What a snapshot comes to in samples, rendered once, when its poll has ended.

It knows no age, for that is not known before the scrape, and looks at no other route.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from exporter.metrics.families import Family, checkpoint
from exporter.metrics.rendering import template
from exporter.metrics.samples import SAMPLES, labels_of
from exporter.metrics.stream import Part, packed
from exporter.model.time_slicer import SLICE_ROWS, TimeSlicer
from exporter.model.types import Columns, Snapshot


@dataclass(frozen=True, slots=True)
class Synced:
    """The rows of a slice that were ever synced, and so have an age when scraped.

    `lines` are a template that the ages fill in.
    """

    lines: bytes
    last_sync_ms: array[int]


@dataclass(frozen=True, slots=True)
class Rendering:
    """All that is kept of a snapshot to answer scrapes from.

    `parts` of a gzip stream are by family.
    """

    snapshot: Snapshot
    hidden: frozenset[int]
    parts: Mapping[Family, Sequence[Part]]
    synced: Sequence[Synced]

    def is_of(self, snapshot: Snapshot | None, hidden: frozenset[int]) -> bool:
        """Return whether this is what the snapshot without those rows comes to."""
        return self.snapshot is snapshot and self.hidden == hidden


async def render(
    snapshot: Snapshot, hidden: frozenset[int], families: Collection[Family]
) -> Rendering:
    """Render what families show of a snapshot but its hidden rows, slice by slice."""
    parts: dict[Family, list[Part]] = defaultdict(list)
    synced = []
    slicer = TimeSlicer()
    for columns in _slices(snapshot.columns, hidden):
        await slicer.pause()
        labels = labels_of(snapshot.route, columns)
        for family in families:
            if family is not checkpoint.SYNC_AGE:
                text = SAMPLES[family](columns, labels)
                parts[family] += [packed(text)] if text else []
            elif any(columns.last_sync_ms):
                synced.append(_synced(columns.last_sync_ms, labels))
    return Rendering(snapshot, hidden, dict(parts), synced)


def _synced(last_sync_ms: array[int], labels: Sequence[bytes]) -> Synced:
    known = array("q", filter(None, last_sync_ms))
    ages = template(checkpoint.SYNC_AGE.name, compress(labels, last_sync_ms))
    return Synced(ages, known)


def _slices(columns: Columns, hidden: frozenset[int]) -> Iterator[Columns]:
    for start in range(0, len(columns), SLICE_ROWS):
        rows = range(start, min(start + SLICE_ROWS, len(columns)))
        taken = [
            getattr(columns, name)[start : rows.stop] for name in Columns.__slots__
        ]
        if hidden:
            shown = [row not in hidden for row in rows]
            taken = [_shown(column, shown) for column in taken]
        yield Columns(*taken)


def _shown(column: Any, shown: Sequence[bool]) -> Any:
    kept = compress(column, shown)
    return array("q", kept) if isinstance(column, array) else list(kept)
