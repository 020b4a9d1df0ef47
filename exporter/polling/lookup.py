"""What the cloud says of one plan: its items, its routes, and what it lacks.

It raises what the cloud raises; `discovery` decides what a failure costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from exporter.config import PlanSettings
from exporter.model.errors import NotFoundError
from exporter.model.types import Item, Missing, Plan, Route
from exporter.polling.routes import configured_routes, source_instances

DELETED = "DELETED"
RUNNING = "RUNNING"


class PlanReader(Protocol):
    """What discovery asks of the cloud; every method raises `CloudError`."""

    async def list_plans(self, region: str) -> Sequence[Plan]:
        """Return every plan of a region."""
        ...

    async def get_plan(self, region: str, plan_id: str) -> Plan:
        """Return one plan with its instances."""
        ...

    async def list_items(self, region: str, plan_id: str) -> Sequence[Item]:
        """Return every item of a plan."""
        ...

    async def get_item(self, region: str, plan_id: str, item_id: str) -> Item:
        """Return one item of a plan."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of one plan; `plan` is None where the cloud was not asked."""

    plan: Plan | None = None
    items: tuple[Item, ...] = ()
    routes: tuple[Route, ...] = ()
    missing: frozenset[Missing] = frozenset()


async def listed_plan(cloud: PlanReader, plan: Plan) -> Found:
    """Return what is found of a plan that a list names: routes, if it is running."""
    if plan.status == RUNNING and not plan.instances:
        plan = await cloud.get_plan(plan.region, plan.plan_id)
    if plan.status == DELETED:
        return Found()
    if plan.status != RUNNING:
        return Found(plan)
    items = await cloud.list_items(plan.region, plan.plan_id)
    routes = (
        Route(plan.plan_id, item.item_id, instance, plan.region)
        for item in items
        for instance in source_instances(plan, item)
    )
    return Found(plan, tuple(items), tuple(routes))


async def configured_plan(
    cloud: PlanReader, wanted: PlanSettings, region: str
) -> Found:
    """Return what is found of a configured plan, whatever its status.

    With items and source instances both given, the cloud is not asked.
    """
    if wanted.items and wanted.source_instances:
        sources = dict.fromkeys(wanted.items, wanted.source_instances)
        return Found(routes=configured_routes(wanted, region, sources))
    plan = await _existing_plan(cloud, region, wanted.id)
    if plan is None:
        return Found(missing=frozenset({Missing("plan", wanted.id)}))
    items, missing = await _items(cloud, wanted, region)
    configured = _taking_part(plan, wanted.source_instances)
    strangers = set(wanted.source_instances).difference(configured)
    missing |= {Missing("instance", instance) for instance in strangers}
    sources = {
        item.item_id: configured
        if wanted.source_instances
        else source_instances(plan, item)
        for item in items
    }
    routes = configured_routes(wanted, region, sources)
    return Found(plan, tuple(items), routes, frozenset(missing))


async def _existing_plan(cloud: PlanReader, region: str, plan_id: str) -> Plan | None:
    """Return a plan, None if it does not exist or is deleted."""
    try:
        plan = await cloud.get_plan(region, plan_id)
    except NotFoundError:
        return None
    return None if plan.status == DELETED else plan


async def _items(
    cloud: PlanReader, wanted: PlanSettings, region: str
) -> tuple[Sequence[Item], set[Missing]]:
    """Return the items that are wanted, and those of them that do not exist."""
    if not wanted.items:
        return await cloud.list_items(region, wanted.id), set()
    items: list[Item] = []
    missing: set[Missing] = set()
    for item_id in wanted.items:
        try:
            items.append(await cloud.get_item(region, wanted.id, item_id))
        except NotFoundError:
            missing.add(Missing("item", item_id))
    return items, missing


def _taking_part(plan: Plan, configured: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the configured instances that a plan does not leave out."""
    sides = {instance.instance_id for instance in plan.instances}
    return tuple(name for name in configured if name in sides or not sides)
