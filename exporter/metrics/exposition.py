"""The answer to a scrape: what polls found is rendered once, only ages when asked.

Three things are kept: the text of each route until it changes, the content of the
exposition until anything does or a second has passed, and its body in each format.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import defaultdict
from collections.abc import (
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any

from exporter.metrics.catalogue import (
    CHECKPOINT,
    DROPPED,
    INVENTORY,
    ROUTE,
    SYNC_AGE,
    Family,
)
from exporter.metrics.formats import EOF, Format, metadata, section
from exporter.metrics.gzip_stream import (
    Part,
    gzipped,
    joined,
    packed,
    packed_in_parts,
    unpacked,
)
from exporter.metrics.samples import (
    Lines,
    checkpoint_lines,
    dropped_lines,
    inventory_lines,
    labels_of,
    max_age_lines,
    numbers,
    route_lines,
    template,
)
from exporter.metrics.telemetry import Telemetry
from exporter.model.time_slicer import SLICE_ROWS, TimeSlicer
from exporter.model.types import Columns, Inventory, Route, RouteStatus
from exporter.polling.store import Store

AGES_GOOD_FOR_SECONDS = 1.0
"""For how long one rendering of the ages serves."""

# Longer than a poll's slice, because Prometheus waits for a scrape.
_AGES_SLICE_SECONDS = 0.005


Sources = tuple[int, Inventory, Sequence[Family]]
"""What a content is made of: the store's version, the inventory, the families."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent to a scrape: `size` bytes, piece by piece."""

    size: int
    pieces: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class _Aged:
    """The rows of a slice that have an age: `lines` are a template for the ages.

    The milliseconds are floats, which are read faster than integers; all are exact.
    """

    lines: bytes
    last_sync_ms: array[float]


@dataclass(slots=True)
class Rendering:
    """The text of one status of a route, and of the ages as of `aged_at`.

    `parts` has the families of its checkpoints that only a poll changes.
    """

    status: RouteStatus
    families: Sequence[Family]
    lines: Lines
    parts: dict[Family, list[Part]] = field(default_factory=lambda: defaultdict(list))
    aged: list[_Aged] = field(default_factory=list)
    ages: list[Part] = field(default_factory=list)
    aged_at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class _Content:
    """What every format says as of one moment: checkpoints packed, the rest as lines.

    No age in it was rendered before `since`. `bodies` has the formats made of it so
    far, each without what changes with every scrape.
    """

    sources: Sources
    since: float
    parts: Mapping[Family, Sequence[Part]]
    lines: Sequence[Lines]
    bodies: dict[Format, Part] = field(default_factory=dict)


class Exposition:
    """Answers scrapes from the store; concurrent ones share what has to be rendered.

    `families` are entries of `metrics.families`; `inventory` returns what discovery
    knows; `wall` is Unix time and `clock` a monotonic one, both in seconds.
    """

    def __init__(
        self,
        store: Store,
        families: Sequence[str],
        own_metrics: Telemetry,
        *,
        inventory: Callable[[], Inventory],
        wall: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._own_metrics = own_metrics
        self._inventory = inventory
        self._wall = wall
        self._clock = clock
        self._renderings: dict[Route, Rendering] = {}
        self._content: _Content | None = None
        # Who holds it renders; a cancelled holder leaves the work to the next.
        self._lock = asyncio.Lock()
        self.set_families(families)

    def set_families(self, switches: Sequence[str]) -> None:
        """Show these entries of `metrics.families` from now on, and no others."""
        self._families = [family for family in CHECKPOINT if family.switch in switches]
        self.renew()

    def renew(self) -> None:
        """Show what has changed of the exporter's own metrics at the next scrape."""
        self._content = None

    async def prepare(self, statuses: Sequence[RouteStatus]) -> None:
        """Render statuses before the store shows them, so that no scrape waits."""
        renderings = {s.route: await self._rendering_of(s) for s in statuses}
        async with self._lock:
            self._renderings |= renderings

    async def body(self, fmt: Format, *, gzip: bool) -> Body:
        """Return the whole answer to a scrape."""
        async with self._lock:
            body = await self._shared_body(fmt)
        end = EOF if fmt.is_openmetrics else b""
        parts = (body, packed(self._own_metrics.render_scrapes(fmt) + end))
        if not gzip:
            return Body(sum(part.size for part in parts), unpacked(parts))
        pieces = gzipped(parts)
        return Body(sum(map(len, pieces)), in_turn(pieces))

    async def textfile(self) -> bytes:
        """Return all but what tells of this process, for node_exporter's collector."""
        async with self._lock:
            content = await self._current()
            parts = await _parts(content, Format.TEXT_0_0_4, (*ROUTE, *INVENTORY))
        return b"".join([piece async for piece in unpacked(parts)])

    async def _shared_body(self, fmt: Format) -> Part:
        content = await self._current()
        if fmt not in content.bodies:
            families = (*ROUTE, *INVENTORY, DROPPED)
            parts = await _parts(content, fmt, families)
            own = packed(self._own_metrics.render(fmt))
            content.bodies[fmt] = joined([*parts, own])
        return content.bodies[fmt]

    async def _current(self) -> _Content:
        statuses = self._store.statuses()
        sources = (self._store.version, self._inventory(), self._families)
        content, since = self._content, self._clock()
        if content is not None and since - content.since < AGES_GOOD_FOR_SECONDS:
            if content.sources == sources:
                return content
            since = content.since
        # Not kept meanwhile, for the next is as large.
        self._content = content = None
        self._content = await self._assembled(statuses, sources, since)
        return self._content

    async def _assembled(
        self, statuses: Sequence[RouteStatus], sources: Sources, since: float
    ) -> _Content:
        _, inventory, families = sources
        slicer = TimeSlicer(_AGES_SLICE_SECONDS)
        renderings = []
        for status in statuses:
            await slicer.pause()
            renderings.append(await self._rendering_of(status))
        self._renderings = {each.status.route: each for each in renderings}
        now_ms = round(self._wall() * 1000)
        lines = [each.lines for each in renderings]
        lines += [inventory_lines(inventory), dropped_lines(statuses)]
        lines.append(max_age_lines(statuses, now_ms))
        parts = {
            family: [part for each in renderings for part in each.parts.get(family, ())]
            for family in families
        }
        if SYNC_AGE in parts:
            for each in renderings:
                if each.aged_at < since:
                    each.ages = await _ages(each.aged, now_ms, slicer)
                    # Only now: who gives up half-way must not make old ages look new.
                    each.aged_at = self._clock()
                parts[SYNC_AGE] += each.ages
        return _Content(sources, since, parts, lines)

    async def _rendering_of(self, status: RouteStatus) -> Rendering:
        before = self._renderings.get(status.route)
        if (
            before is None
            or before.families != self._families
            or before.status.snapshot is not status.snapshot
            or before.status.hidden != status.hidden
        ):
            return await render(status, self._families, before)
        if before.status is not status:
            before = replace(before, status=status, lines=route_lines(status))
        return before


async def render(
    status: RouteStatus, families: Sequence[Family], before: Rendering | None = None
) -> Rendering:
    """Render what families show of a status, slice by slice.

    Label sets seldom change: templates that are the same as those of the rendering
    `before` are shared with it. They are most of what is kept.
    """
    rendering = Rendering(status, families, route_lines(status))
    templates = iter(() if before is None else before.aged)
    slicer = TimeSlicer()
    for columns in _slices(status):
        await slicer.pause()
        labels = labels_of(status.route, columns)
        for family in families:
            if family is SYNC_AGE:
                rendering.aged.append(_aged(columns, labels, next(templates, None)))
            elif text := checkpoint_lines(family, columns, labels):
                rendering.parts[family].append(packed(text))
    return rendering


def _aged(columns: Columns, labels: Sequence[bytes], before: _Aged | None) -> _Aged:
    lines = template(SYNC_AGE.name, compress(labels, columns.last_sync_ms))
    if before is not None and before.lines == lines:
        lines = before.lines
    return _Aged(lines, array("d", filter(None, columns.last_sync_ms)))


async def _ages(slices: Sequence[_Aged], now_ms: int, slicer: TimeSlicer) -> list[Part]:
    parts = []
    for rows in slices:
        await slicer.pause()
        if rows.lines:
            ages = numbers([(now_ms - ms) / 1000 for ms in rows.last_sync_ms])
            parts.append(packed(rows.lines % tuple(ages)))
    return parts


async def in_turn(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces that are there already, as a body has them."""
    for piece in pieces:
        yield piece


def _slices(status: RouteStatus) -> Iterator[Columns]:
    """Yield the rows that a status shows."""
    if status.snapshot is None:
        return
    columns = status.snapshot.columns
    for start in range(0, len(columns), SLICE_ROWS):
        rows = range(start, min(start + SLICE_ROWS, len(columns)))
        taken = [
            getattr(columns, name)[start : rows.stop] for name in Columns.__slots__
        ]
        if status.hidden:
            is_shown = [row not in status.hidden for row in rows]
            taken = [_kept(column, is_shown) for column in taken]
        yield Columns(*taken)


def _kept(column: Any, is_kept: Sequence[bool]) -> Any:
    kept = compress(column, is_kept)
    return array("q", kept) if isinstance(column, array) else list(kept)


async def _parts(
    content: _Content, fmt: Format, families: Sequence[Family]
) -> list[Part]:
    """Return the checkpoints' families, and these beside them."""
    parts = []
    for family, samples in content.parts.items():
        if samples:
            parts += [packed(metadata(family, fmt)), *samples]
    slicer = TimeSlicer()
    for family in families:
        await slicer.pause()
        parts += await packed_in_parts(section(family, content.lines, fmt))
    return parts
