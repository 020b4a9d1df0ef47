"""How the lags of all routes are distributed: columns of a histogram. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from exporter.model.lag import BUCKET_BOUNDS_MS
from exporter.model.types import Rollup, RouteStatus
from exporter.web.status_page.words import duration, many

HEIGHT = 100.0
LEAST_HEIGHT = 1.5

Edges = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Column:
    """One bucket; `within`, `near` and `over` are heights, as far as objectives go.

    `near` are those whose objective lies inside of the bucket. `mark` is the upper
    edge, as an axis has it.
    """

    label: str
    mark: str
    count: int
    within: float
    near: float
    over: float

    @property
    def title(self) -> str:
        """Return what the column says."""
        return f"{self.label}: {many(self.count, 'checkpoint')}"


def distribution(
    statuses: Sequence[RouteStatus], objective_of: Callable[[str], float | None]
) -> Sequence[Column]:
    """Return a column for each bucket of lag, none if no lag is known.

    `objective_of` returns the largest lag that is no breach of a plan, in seconds; None
    where no lag is one.
    """
    edges = _edges()
    parts = [[0, 0, 0] for _ in edges]
    for status in statuses:
        if status.rollup is None:
            continue
        promised = objective_of(status.route.plan_id)
        objective = math.inf if promised is None else promised
        for part, edge, count in zip(parts, edges, _counts(status.rollup), strict=True):
            part[_place(edge, objective)] += count
    most = max(sum(part) for part in parts)
    if not most:
        return ()
    return [_column(edge, part, most) for edge, part in zip(edges, parts, strict=True)]


def _edges() -> list[Edges]:
    bounds = [bound / 1000 for bound in BUCKET_BOUNDS_MS]
    return list(pairwise([float("-inf"), *bounds, float("inf")]))


def _counts(rollup: Rollup) -> list[int]:
    return [
        upto - before
        for before, upto in pairwise([0, *rollup.lag_buckets, rollup.lag_count])
    ]


def _place(edge: Edges, objective: float) -> int:
    lower, upper = edge
    return 0 if upper <= objective else 2 if lower >= objective else 1


def _column(edge: Edges, part: Sequence[int], most: int) -> Column:
    within, near, over = (_height(count, most) for count in part)
    return Column(_label(edge), _mark(edge), sum(part), within, near, over)


def _height(count: int, most: int) -> float:
    """Return a height that is seen, however few there are beside the most."""
    if not count:
        return 0.0
    return round(max(LEAST_HEIGHT, HEIGHT * count / most), 2)


def _label(edge: Edges) -> str:
    lower, upper = edge
    if upper <= 0:
        ahead = "more than " if lower == float("-inf") else "up to "
        return f"target ahead, {ahead}{duration(60.0)}"
    if upper == float("inf"):
        return f"over {duration(lower)}"
    return f"{duration(lower)} to {duration(upper)}"


def _mark(edge: Edges) -> str:
    return "" if edge[1] == float("inf") else duration(edge[1])
