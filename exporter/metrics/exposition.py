"""The answer to a scrape, whole, in the asked format.

It polls nothing and knows nothing of HTTP; what a poll found is rendered once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from exporter.metrics.ages import Ages
from exporter.metrics.families import (
    CHECKPOINT,
    INVENTORY,
    ROUTE,
    Family,
    checkpoint,
    own,
)
from exporter.metrics.formats import EOF, Format, metadata, sections
from exporter.metrics.inventory import Objectives, inventory_lines
from exporter.metrics.renderings import Renderings
from exporter.metrics.routes import Lines, dropped_lines, max_age_lines, route_lines
from exporter.metrics.stream import (
    Part,
    gzipped,
    joined,
    packed,
    packed_in_parts,
    text_of,
)
from exporter.model.time_slicer import TimeSlicer
from exporter.model.types import Inventory, Route, RouteStatus, Snapshot


class Statuses(Protocol):
    """What knows the present state of every route: `Store`."""

    @property
    def version(self) -> int:
        """Move whenever a status does."""

    def statuses(self) -> Sequence[RouteStatus]:
        """Return every route's status, without the snapshots that have gone stale."""

    def siblings(self, route: Route) -> Sequence[RouteStatus]:
        """Return the statuses of the routes of one item, this one's included."""


class OwnMetrics(Protocol):
    """What renders the exporter's own metrics: `Telemetry`."""

    def render(self, fmt: Format) -> bytes:
        """Return all but the scrapes in one format, without OpenMetrics' last line."""

    def render_scrapes(self, fmt: Format) -> bytes:
        """Return what tells of the scrapes before this one."""


@dataclass(frozen=True, slots=True)
class _Content:
    """What every format says as of one moment: checkpoints packed, the rest as lines.

    `bodies` are the formats that were made of it so far.
    """

    version: tuple[int, int]
    parts: Mapping[Family, Sequence[Part]]
    lines: Sequence[Lines]
    bodies: dict[Format, _Body] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Body:
    """An answer without what it says of scrapes; `whole` is the parts as one.

    The text is kept as parts alone: it is thirty times as large.
    """

    parts: Sequence[Part]
    whole: Part


class Exposition:
    """Answers scrapes from the store; concurrent ones share what has to be rendered.

    `families` are entries of `metrics.families`; `wall` is Unix time and `clock` a
    monotonic one, both in seconds.
    """

    def __init__(
        self,
        store: Statuses,
        families: Sequence[str],
        own_metrics: OwnMetrics,
        *,
        wall: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._own_metrics = own_metrics
        self._wall = wall
        self._renderings = Renderings(_chosen(families))
        self._ages = Ages(wall, clock)
        self._routes: dict[Route, tuple[RouteStatus, Lines]] = {}
        self._inventory: Lines = {}
        self._changes = 0
        self._content: _Content | None = None
        # Whoever holds it renders; a cancelled holder leaves the work to the next.
        self._lock = asyncio.Lock()

    def set_inventory(self, inventory: Inventory, objectives: Objectives) -> None:
        """Take in what discovery found, and the objectives of each plan by its id."""
        self._inventory = inventory_lines(inventory, objectives)
        self._changes += 1

    def renew(self) -> None:
        """Show what has changed of the exporter's own metrics at the next scrape."""
        self._changes += 1

    async def rendered(self, families: Sequence[str]) -> Renderings:
        """Return what is shown at present, rendered as these families of series."""
        chosen = _chosen(families)
        if chosen == self._renderings.families:
            return self._renderings
        renderings = Renderings(chosen)
        await renderings.update(self._store.statuses())
        return renderings

    async def show(self, renderings: Renderings) -> None:
        """Show the families of these renderings from now on, and no others."""
        async with self._lock:
            await renderings.update(self._store.statuses())
            self._renderings = renderings
            self._content = None

    async def prepare(self, snapshot: Snapshot) -> None:
        """Render a snapshot before the store is given it, so that no scrape waits."""
        await self._renderings.prepare(snapshot)

    async def refresh(self, route: Route) -> None:
        """Render what a poll of this route changed, once the store has recorded it.

        Another route of the same item may have lost or won rows by it.
        """
        async with self._lock:
            await self._renderings.update(self._store.siblings(route))

    async def body(self, fmt: Format, *, gzip: bool) -> bytes:
        """Return the whole answer to a scrape."""
        async with self._lock:
            body = await self._current_body(fmt)
        end = EOF if fmt.is_openmetrics else b""
        tail = packed(self._own_metrics.render_scrapes(fmt) + end)
        if gzip:
            return gzipped(body.whole, tail)
        return await text_of([*body.parts, tail])

    async def textfile(self) -> bytes:
        """Return all but what tells of this process, for node_exporter's collector."""
        async with self._lock:
            content = await self._current()
            parts = await _parts(content, Format.TEXT_0_0_4, (*ROUTE, *INVENTORY))
        return await text_of(parts)

    async def _current_body(self, fmt: Format) -> _Body:
        content = await self._current()
        if fmt not in content.bodies:
            families = (*ROUTE, *INVENTORY, own.DROPPED)
            parts = await _parts(content, fmt, families)
            parts.append(packed(self._own_metrics.render(fmt)))
            content.bodies[fmt] = _Body(parts, joined(parts))
        return content.bodies[fmt]

    async def _current(self) -> _Content:
        statuses = self._store.statuses()
        version = (self._store.version, self._changes)
        content = self._content
        if content is None or content.version != version or not self._ages.is_good():
            content = await self._rendered(statuses, version)
            self._content = content
        return content

    async def _rendered(
        self, statuses: Sequence[RouteStatus], version: tuple[int, int]
    ) -> _Content:
        lines = [*await self._route_lines(statuses), self._inventory]
        lines.append(dropped_lines(statuses))
        renderings = await self._renderings.of(statuses)
        parts = {
            family: [part for r in renderings for part in r.parts.get(family, ())]
            for family in self._renderings.families
        }
        lines.append(max_age_lines(statuses, round(self._wall() * 1000)))
        ages = await self._ages.of(renderings)
        if checkpoint.SYNC_AGE in parts:
            parts[checkpoint.SYNC_AGE] = ages
        return _Content(version, parts, lines)

    async def _route_lines(self, statuses: Sequence[RouteStatus]) -> list[Lines]:
        slicer = TimeSlicer()
        current: dict[Route, tuple[RouteStatus, Lines]] = {}
        for status in statuses:
            await slicer.pause()
            known = self._routes.get(status.route)
            if known is None or known[0] is not status:
                known = status, route_lines(status)
            current[status.route] = known
        self._routes = current
        return [lines for _, lines in current.values()]


def _chosen(switches: Sequence[str]) -> list[Family]:
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
        parts += await packed_in_parts(sections([family], content.lines, fmt))
    return parts
