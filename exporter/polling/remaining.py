"""What of all that was found another configuration still asks for.

Pure; `discovery` looks for what it asks for beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from exporter.config import PlanSettings, Settings
from exporter.model.types import Missing, Route
from exporter.polling.lookup import Found


def remaining(found: Mapping[str, Found], settings: Settings) -> dict[str, Found]:
    """Return what was found, by plan id, without what is not asked for any more.

    >>> route = Route("1", "2", "rmq-a", "cn-hangzhou")
    >>> found = {"1": Found(routes=(route,)), "7": Found()}
    >>> remaining(found, Settings(plans=[{"id": "1"}])) == {"1": Found(routes=(route,))}
    True
    >>> remaining(found, Settings(plans=[{"id": "1", "items": ["3"]}]))["1"].routes
    ()
    """
    return {
        plan_id: _still_wanted(one, wanted, settings.region_of(wanted))
        for plan_id, one in found.items()
        if (wanted := _wanted(plan_id, settings)) is not None
    }


def remaining_unfound(
    unfound: Mapping[Route, Missing], found: Mapping[str, Found], settings: Settings
) -> dict[Route, Missing]:
    """Return which ids polls have shown to be missing and are still configured."""
    routes = {route for one in found.values() for route in one.routes}
    ids = {plan.id: _ids(plan) for plan in settings.plans}
    return {
        route: gone
        for route, gone in unfound.items()
        if route in routes and gone in ids.get(route.plan_id, ())
    }


def _wanted(plan_id: str, settings: Settings) -> PlanSettings | None:
    """Return what is asked for of a plan, None if nothing is."""
    if not settings.plans:
        # As the cloud spells it: its id was never a setting.
        return PlanSettings.model_construct(id=plan_id)
    return next((plan for plan in settings.plans if plan.id == plan_id), None)


def _still_wanted(found: Found, wanted: PlanSettings, region: str) -> Found:
    if found.plan is not None and found.plan.region != region:
        return Found()
    return Found(
        found.plan,
        tuple(i for i in found.items if i.item_id in (wanted.items or (i.item_id,))),
        tuple(route for route in found.routes if _is_wanted(route, wanted, region)),
        found.missing & _ids(wanted),
    )


def _is_wanted(route: Route, wanted: PlanSettings, region: str) -> bool:
    instance = route.source_instance_id
    return (
        (route.region, route.filter) == (region, wanted.filter)
        and route.item_id in (wanted.items or (route.item_id,))
        and instance in (wanted.source_instances or (instance,))
    )


def _ids(plan: PlanSettings) -> frozenset[Missing]:
    """Return all that a plan's settings name, as it would be called missing."""
    items = (Missing("item", item_id) for item_id in plan.items)
    instances = (Missing("instance", name) for name in plan.source_instances)
    return frozenset((Missing("plan", plan.id), *items, *instances))
