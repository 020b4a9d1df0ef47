"""The age of every checkpoint, rendered when scraped and shared for a second.

It renders nothing else, and no age of a snapshot that is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from exporter.metrics.checkpoints import Rendering
from exporter.metrics.rendering import numbers
from exporter.metrics.stream import Part, packed
from exporter.model.time_slicer import TimeSlicer

GOOD_FOR_SECONDS = 1.0
"""For how long one rendering of the ages serves."""

SLICE_SECONDS = 0.005
"""Longer than a poll's, for somebody waits for a scrape and nobody for a poll."""


class Ages:
    """Renders ages at most once in `GOOD_FOR_SECONDS`, for whatever is shown.

    `wall` is Unix time and `clock` a monotonic one, both in seconds.
    """

    def __init__(self, wall: Callable[[], float], clock: Callable[[], float]) -> None:
        self._wall = wall
        self._clock = clock
        self._kept: list[tuple[Rendering, Sequence[Part]]] = []
        self._since = float("-inf")

    def is_good(self) -> bool:
        """Return whether ages that are rendered now would be the same as before."""
        return self._clock() - self._since < GOOD_FOR_SECONDS

    async def of(self, renderings: Sequence[Rendering]) -> list[Part]:
        """Return parts with every age; what is still good is kept."""
        since, good = self._since, self._kept
        if not self.is_good():
            since, good = self._clock(), []
        kept = {id(rendering): parts for rendering, parts in good}
        now_ms = round(self._wall() * 1000)
        slicer = TimeSlicer(SLICE_SECONDS)
        made = [
            (
                rendering,
                kept.get(id(rendering)) or await _rendered(rendering, now_ms, slicer),
            )
            for rendering in renderings
        ]
        # Only now: whoever gives up half-way must not make old ages look new.
        self._since, self._kept = since, made
        return [part for _, parts in made for part in parts]


async def _rendered(
    rendering: Rendering, now_ms: int, slicer: TimeSlicer
) -> Sequence[Part]:
    parts = []
    for rows in rendering.synced:
        await slicer.pause()
        ages = numbers([(now_ms - ms) / 1000 for ms in rows.last_sync_ms])
        parts.append(packed(rows.lines % tuple(ages)))
    return parts
