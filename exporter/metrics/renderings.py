"""Which rendering each route has at present, and when it has to be made anew.

It assembles no answer and renders no age.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from exporter.metrics.checkpoints import Rendering, render
from exporter.metrics.families import Family
from exporter.model.types import Route, RouteStatus, Snapshot


class Renderings:
    """Keeps one rendering for each route whose snapshot is shown."""

    def __init__(self, families: Collection[Family]) -> None:
        self.families = families
        self._kept: dict[Route, Rendering] = {}
        self._prepared: dict[Route, Rendering] = {}

    async def prepare(self, snapshot: Snapshot) -> None:
        """Render a snapshot that is not shown yet, so that nobody waits once it is."""
        self._prepared[snapshot.route] = await render(
            snapshot, frozenset(), self.families
        )

    async def update(self, statuses: Iterable[RouteStatus]) -> None:
        """Render what is shown of these routes, where that has changed."""
        for status in statuses:
            if status.snapshot is not None:
                self._kept[status.route] = self._find(status) or await render(
                    status.snapshot, status.hidden, self.families
                )

    async def of(self, statuses: Sequence[RouteStatus]) -> list[Rendering]:
        """Return the renderings of all that is shown, and forget every other."""
        await self.update(statuses)
        self._kept = {
            status.route: self._kept[status.route]
            for status in statuses
            if status.snapshot is not None
        }
        for route in self._prepared.keys() - {status.route for status in statuses}:
            del self._prepared[route]
        return list(self._kept.values())

    def _find(self, status: RouteStatus) -> Rendering | None:
        kept = self._kept.get(status.route)
        if kept and kept.is_of(status.snapshot, status.hidden):
            return kept
        # Whether it fits or not, it is of no further use: a snapshot may have been cut.
        prepared = self._prepared.pop(status.route, None)
        if prepared and prepared.is_of(status.snapshot, status.hidden):
            return prepared
        return None
