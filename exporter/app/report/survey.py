"""What is known once every route was polled, as one piece of data to report on.

It must not ask anybody for more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from exporter.app.report.grades import Limits
from exporter.model.errors import CloudError
from exporter.model.types import Inventory, RouteStatus


@dataclass(frozen=True, slots=True)
class Survey:
    """Routes and how their polls ended, and what discovery found or failed at.

    `failures` are those of discovery, by what was looked up; `limits` are by plan id,
    `at` is Unix seconds.
    """

    statuses: Sequence[RouteStatus]
    inventory: Inventory
    limits: Mapping[str, Limits]
    at: float
    failures: Mapping[str, CloudError] = field(default_factory=dict)


def still_true(
    statuses: Iterable[RouteStatus], now: float, stale_after: float
) -> Sequence[RouteStatus]:
    """Return statuses without what failing polls have left unconfirmed for too long.

    That of the last poll is shown as it is, however long all the others took.
    """
    return tuple(
        replace(status, snapshot=None, rollup=None, hidden=frozenset())
        if not status.is_up and now - (status.last_success_at or 0.0) > stale_after
        else status
        for status in statuses
    )
