"""The answer to a scrape: what polls found is rendered once, only ages when asked.

Three things are kept: the text of each route until it changes, the content of the
exposition until anything does or a second has passed, and its body in each format.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    CHECKPOINT_SAMPLES,
    Lines,
    Objectives,
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
from exporter.model.types import Columns, Inventory, Route, RouteStatus, Snapshot
from exporter.polling.store import Store

AGES_GOOD_FOR_SECONDS = 1.0
"""For how long one rendering of the ages serves."""

# Longer than a poll's slice: somebody waits for a scrape, and nobody for a poll.
_AGES_SLICE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent to a scrape: `size` bytes, all at once or piece by piece."""

    size: int
    content: bytes | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class _Aged:
    """The rows of a slice that have an age: `lines` are a template for the ages."""

    lines: bytes
    last_sync_ms: array[int]


@dataclass(slots=True)
class Rendering:
    """All that is kept of a snapshot, but its hidden rows, to answer scrapes from.

    `ages` were rendered at `aged_at` by the monotonic clock.
    """

    snapshot: Snapshot
    hidden: frozenset[int]
    families: Sequence[Family]
    parts: dict[Family, list[Part]] = field(default_factory=lambda: defaultdict(list))
    aged: list[_Aged] = field(default_factory=list)
    ages: list[Part] = field(default_factory=list)
    aged_at: float = float("-inf")

    def is_of(self, status: RouteStatus, families: Sequence[Family]) -> bool:
        """Return whether this is what these families show of a route."""
        return (
            self.snapshot is status.snapshot
            and self.hidden == status.hidden
            and self.families == families
        )


@dataclass(slots=True)
class _RouteText:
    """What is kept of a route; `prepared` is of a poll that is not recorded yet."""

    status: RouteStatus | None = None
    lines: Lines = field(default_factory=dict)
    shown: Rendering | None = None
    prepared: Rendering | None = None


@dataclass(frozen=True, slots=True)
class _Content:
    """What every format says as of one moment: checkpoints packed, the rest as lines.

    No age in it was rendered before `since`. `bodies` has the formats made of it so
    far, each without what changes with every scrape.
    """

    version: tuple[int, int]
    since: float
    parts: Mapping[Family, Sequence[Part]]
    lines: Sequence[Lines]
    bodies: dict[Format, Part] = field(default_factory=dict)


class Exposition:
    """Answers scrapes from the store; concurrent ones share what has to be rendered.

    `families` are entries of `metrics.families`; `wall` is Unix time and `clock` a
    monotonic one, both in seconds.
    """

    def __init__(
        self,
        store: Store,
        families: Sequence[str],
        own_metrics: Telemetry,
        *,
        wall: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._own_metrics = own_metrics
        self._wall = wall
        self._clock = clock
        self._families = _chosen(families)
        self._routes: dict[Route, _RouteText] = {}
        self._inventory: Lines = {}
        self._changes = 0
        self._content: _Content | None = None
        # Who holds it renders; a cancelled holder leaves the work to the next.
        self._lock = asyncio.Lock()

    def set_inventory(self, inventory: Inventory, objectives: Objectives) -> None:
        """Take in what discovery found, and the objectives of each plan by its id."""
        self._inventory = inventory_lines(inventory, objectives)
        self._changes += 1

    def renew(self) -> None:
        """Show what has changed of the exporter's own metrics at the next scrape."""
        self._changes += 1

    async def set_families(self, families: Sequence[str]) -> None:
        """Show these entries of `metrics.families` from now on, and no others."""
        chosen = _chosen(families)
        async with self._lock:
            if chosen != self._families:
                self._families = chosen
                self._changes += 1
                await self._render_changed(self._store.statuses())

    async def prepare(self, snapshot: Snapshot) -> None:
        """Render a snapshot before the store is given it, so that no scrape waits."""
        text = self._routes.setdefault(snapshot.route, _RouteText())
        text.prepared = await render(
            snapshot, frozenset(), self._families, like=text.shown
        )

    async def refresh(self, route: Route) -> None:
        """Render what a poll of this route changed, once the store has recorded it.

        Another route of the same item may have lost or won rows by it.
        """
        async with self._lock:
            await self._render_changed(self._store.siblings(route))

    async def body(self, fmt: Format, *, gzip: bool) -> Body:
        """Return the whole answer to a scrape."""
        async with self._lock:
            body = await self._shared_body(fmt)
        end = EOF if fmt.is_openmetrics else b""
        parts = (body, packed(self._own_metrics.render_scrapes(fmt) + end))
        if not gzip:
            return Body(sum(part.size for part in parts), unpacked(parts))
        stream = gzipped(*parts)
        return Body(len(stream), stream)

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
        version = (self._store.version, self._changes)
        since, now = float("-inf"), self._clock()
        if self._content is not None:
            since = self._content.since
        if now - since >= AGES_GOOD_FOR_SECONDS:
            since, self._content = now, None
        if self._content is None or self._content.version != version:
            self._content = await self._assembled(statuses, version, since)
        return self._content

    async def _assembled(
        self, statuses: Sequence[RouteStatus], version: tuple[int, int], since: float
    ) -> _Content:
        await self._render_changed(statuses)
        self._routes = {s.route: self._routes[s.route] for s in statuses}
        renderings = [text.shown for text in self._routes.values() if text.shown]
        now_ms = round(self._wall() * 1000)
        lines = [text.lines for text in self._routes.values()]
        lines += [self._inventory, dropped_lines(statuses)]
        lines.append(max_age_lines(statuses, now_ms))
        parts = {
            family: [part for each in renderings for part in each.parts.get(family, ())]
            for family in self._families
        }
        if SYNC_AGE in parts:
            slicer = TimeSlicer(_AGES_SLICE_SECONDS)
            for each in renderings:
                if each.aged_at < since:
                    each.ages = await _ages(each.aged, now_ms, slicer)
                    # Only now: who gives up half-way must not make old ages look new.
                    each.aged_at = self._clock()
                parts[SYNC_AGE] += each.ages
        return _Content(version, since, parts, lines)

    async def _render_changed(self, statuses: Sequence[RouteStatus]) -> None:
        """Render what has changed of these routes."""
        slicer = TimeSlicer()
        for status in statuses:
            text = self._routes.setdefault(status.route, _RouteText())
            if text.status is not status:
                await slicer.pause()
                text.status, text.lines = status, route_lines(status)
            if status.snapshot is None:
                text.shown = None
            elif text.shown is None or not text.shown.is_of(status, self._families):
                prepared, text.prepared = text.prepared, None
                if prepared is None or not prepared.is_of(status, self._families):
                    prepared = await render(
                        status.snapshot, status.hidden, self._families, like=text.shown
                    )
                text.shown = prepared


async def render(
    snapshot: Snapshot,
    hidden: frozenset[int],
    families: Sequence[Family],
    *,
    like: Rendering | None = None,
) -> Rendering:
    """Render what families show of a snapshot but its hidden rows, slice by slice.

    Label sets seldom change: templates that are the same as those of `like`, the
    route's rendering before, are shared with it. They are most of what is kept.
    """
    rendering = Rendering(snapshot, hidden, families)
    before = iter(() if like is None else like.aged)
    slicer = TimeSlicer()
    for columns in _slices(snapshot.columns, hidden):
        await slicer.pause()
        labels = labels_of(snapshot.route, columns)
        for family in families:
            if family is SYNC_AGE:
                rendering.aged.append(_aged(columns, labels, next(before, None)))
            elif text := CHECKPOINT_SAMPLES[family](columns, labels):
                rendering.parts[family].append(packed(text))
    return rendering


def _aged(columns: Columns, labels: Sequence[bytes], before: _Aged | None) -> _Aged:
    lines = template(SYNC_AGE.name, compress(labels, columns.last_sync_ms))
    if before is not None and before.lines == lines:
        lines = before.lines
    return _Aged(lines, array("q", filter(None, columns.last_sync_ms)))


async def _ages(slices: Sequence[_Aged], now_ms: int, slicer: TimeSlicer) -> list[Part]:
    parts = []
    for rows in slices:
        await slicer.pause()
        if rows.lines:
            ages = numbers([(now_ms - ms) / 1000 for ms in rows.last_sync_ms])
            parts.append(packed(rows.lines % tuple(ages)))
    return parts


def _slices(columns: Columns, hidden: frozenset[int]) -> Iterator[Columns]:
    for start in range(0, len(columns), SLICE_ROWS):
        rows = range(start, min(start + SLICE_ROWS, len(columns)))
        taken = [
            getattr(columns, name)[start : rows.stop] for name in Columns.__slots__
        ]
        if hidden:
            is_shown = [row not in hidden for row in rows]
            taken = [_kept(column, is_shown) for column in taken]
        yield Columns(*taken)


def _kept(column: Any, is_kept: Sequence[bool]) -> Any:
    kept = compress(column, is_kept)
    return array("q", kept) if isinstance(column, array) else list(kept)


def _chosen(switches: Sequence[str]) -> Sequence[Family]:
    return [family for family in CHECKPOINT if family.switch in switches]


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
