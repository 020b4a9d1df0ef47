"""What the landing page is made of: what is known at one moment. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.config import Settings
from exporter.model.errors import CloudError
from exporter.model.types import Inventory, RouteStatus

MOST_ENTRIES = 50
"""How many routes, checkpoints or failures a list on the page has at most."""

NOTHING_FAILS: Mapping[str, CloudError] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at `now`, which is Unix seconds.

    `failing` is what could not be looked up, and why. `is_tried` is false until every
    route has been polled once, and until discovery has ended once. `stands_by` is true
    while another is elected to poll.
    """

    settings: Settings
    now: float
    uptime_seconds: float
    statuses: Sequence[RouteStatus] = ()
    inventory: Inventory = field(default_factory=Inventory)
    failing: Mapping[str, CloudError] = field(default_factory=lambda: NOTHING_FAILS)
    is_tried: bool = True
    stands_by: bool = False
