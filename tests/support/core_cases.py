"""Routes, checkpoints and a cloud, small and by hand, for the tests of the core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from exposition_cases import snapshot_of

from exporter.cloud.client import CloudClient
from exporter.config.settings import PlanSettings, Settings, ShardSettings
from exporter.model.errors import CloudError, NotFoundError, Origin, Reason
from exporter.model.types import (
    Checkpoint,
    Instance,
    Item,
    Missing,
    Plan,
    Route,
    RouteStatus,
)
from exporter.polling.discovery import Discovery
from exporter.polling.store import PollResult

REGION = "cn-hangzhou"
# Source instances of the two directions of a two-way plan.
HERE, THERE = "rmq-here", "rmq-there"
ROUTE = Route("1", "10", HERE, REGION)
SIBLING = Route("1", "10", THERE, REGION)
OTHER = Route("2", "20", HERE, REGION)
ERRORS = {error.reason: error for error in CloudError.__subclasses__()}
SYNCED_AT_MS = 1_740_724_080_000
SOURCE_MS = 1_740_724_080_343


def row(
    number: int = 1,
    group: str = "orders",
    *,
    source: str = HERE,
    lag_ms: int | None = 5_000,
    last_sync_ms: int = SYNCED_AT_MS,
) -> Checkpoint:
    """Return a checkpoint; without a lag its target is unknown."""
    return Checkpoint(
        number,
        group,
        "topic",
        source,
        THERE if source == HERE else HERE,
        last_sync_ms=last_sync_ms,
        source_ms=SOURCE_MS,
        target_ms=0 if lag_ms is None else SOURCE_MS - lag_ms,
    )


def success(route: Route, *rows: Checkpoint, at: float = 0.0) -> PollResult:
    """Return how a poll ends that found these rows."""
    return PollResult(route, at, 0.5, snapshot_of(route, *rows))


def failure(route: Route, reason: Reason = Reason.UNAVAILABLE) -> PollResult:
    """Return how a poll ends that failed."""
    return PollResult(route, 9_000.0, 1.5, ERRORS[reason]("failed"))


def groups_shown(status: RouteStatus) -> list[str]:
    """Return the groups of the checkpoints that get series of their own."""
    rows = status.snapshot.columns.rows() if status.snapshot else ()
    return [row.group for i, row in enumerate(rows) if i not in status.hidden]


def not_found(code: str | None = None) -> NotFoundError:
    """Return what the API says of an id that it does not know."""
    return NotFoundError("not found", origin=Origin("List", code, 404))


def one_way(plan_id: str, status: str = "RUNNING", role: str = "ACTIVE") -> Plan:
    """Return a plan that replicates from `HERE` to `THERE`."""
    sides = (Instance(THERE, "PASSIVE"), Instance(HERE, role))
    return Plan(
        plan_id,
        "",
        "ACTIVE_PASSIVE",
        status,
        REGION,
        is_auto_synced=True,
        instances=sides,
    )


def two_way(plan_id: str) -> Plan:
    """Return a plan that replicates between `HERE` and `THERE`."""
    sides = (Instance(HERE, "ACTIVE"), Instance(THERE, "PASSIVE"))
    return Plan(
        plan_id,
        "",
        "ACTIVE_ACTIVE",
        "RUNNING",
        REGION,
        is_auto_synced=False,
        instances=sides,
    )


def item(plan_id: str, item_id: str, *instances: str) -> Item:
    """Return an item whose topics name these instances."""
    return Item(plan_id, item_id, "RUNNING", instances or (HERE, THERE))


@dataclass
class FakePlanReader:
    """A cloud that holds what it is given, and notes what it is asked.

    `errors` are raised instead of an answer: by "list" or by the id that is asked for;
    those of "items N" by the list of a plan's items. `regions` is what each lists,
    where they differ; `listed` is what the list of plans
    says, where `get_plan` says otherwise; `before_answer` runs before each answer.
    """

    plans: dict[str, Plan] = field(default_factory=dict)
    items: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    listed: Sequence[Plan] | None = None
    regions: dict[str, Sequence[Plan] | CloudError] = field(default_factory=dict)
    before_answer: Callable[[], None] = lambda: None
    calls: list[str] = field(default_factory=list)

    def hold(self, plan: Plan, *items: Item) -> None:
        """Have a plan, or have it another way."""
        self.plans[plan.plan_id] = plan
        self.items[plan.plan_id] = items

    async def list_plans(self, region: str) -> Sequence[Plan]:
        """Return every plan."""
        self._asked("list")
        if isinstance(here := self.regions.get(region), CloudError):
            raise here
        if here is not None:
            return here
        return tuple(self.plans.values()) if self.listed is None else self.listed

    async def get_plan(self, region: str, plan_id: str) -> Plan:
        """Return one plan."""
        self._asked(plan_id)
        if plan_id not in self.plans:
            raise not_found("DisasterRecoveryPlan.NotFound")
        return self.plans[plan_id]

    async def list_items(self, region: str, plan_id: str) -> Sequence[Item]:
        """Return every item of a plan."""
        self._asked(f"items {plan_id}")
        return self.items[plan_id]

    async def get_item(self, region: str, plan_id: str, item_id: str) -> Item:
        """Return one item of a plan."""
        self._asked(item_id)
        for held in self.items[plan_id]:
            if held.item_id == item_id:
                return held
        raise not_found("DisasterRecoveryItem.NotFound")

    def _asked(self, what: str) -> None:
        self.calls.append(what)
        self.before_answer()
        if what in self.errors:
            raise self.errors[what]


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
