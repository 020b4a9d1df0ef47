"""A discovery with everything around it."""

from __future__ import annotations

from typing import cast

from core_cases import FakePlanReader

from exporter.cloud.client import CloudClient
from exporter.config.settings import PlanSettings, Settings, ShardSettings
from exporter.model.errors import Reason
from exporter.model.types import Missing
from exporter.polling.discovery import Discovery

Ids = tuple[str, str, str]


class DiscoveryBench:
    """Discovers for these configured plans, or whatever the cloud lists."""

    def __init__(
        self, *plans: PlanSettings, shard: ShardSettings | None = None
    ) -> None:
        self.cloud = FakePlanReader()
        self.failures: list[Reason] = []
        self.discovery = self.discovery_of(
            Settings(plans=plans, shard=shard or ShardSettings())
        )

    def discovery_of(
        self, settings: Settings, known: Discovery | None = None
    ) -> Discovery:
        """Return a discovery by these settings."""
        cloud = cast(CloudClient, self.cloud)
        return Discovery(cloud, settings, on_failure=self.failures.append, known=known)

    def routes(self) -> list[Ids]:
        """Return the ids of the routes that were found."""
        routes = self.discovery.inventory.routes
        return [(r.plan_id, r.item_id, r.source_instance_id) for r in routes]

    def missing(self) -> set[Missing]:
        """Return what is configured and not found."""
        return set(self.discovery.inventory.missing)
