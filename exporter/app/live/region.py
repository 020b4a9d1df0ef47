"""Which calls tell whether one region can be polled: each action, each configured id.

It makes no call twice and judges no answer; `calls` notes how each went.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence

from exporter.app.live.calls import NO_IDS, Calls, HopelessError
from exporter.app.live.verdicts import Outcome, Verdict
from exporter.cloud.client import (
    GET_ITEM,
    GET_PLAN,
    LIST_CHECKPOINTS,
    LIST_ITEMS,
    LIST_PLANS,
    CloudClient,
)
from exporter.config import PlanSettings, Settings
from exporter.model.errors import CloudError, NotFoundError
from exporter.model.types import Item, Plan, Route
from exporter.polling.discovery import DELETED, RUNNING
from exporter.polling.routes import source_instances

LIKELY_THE_SAME = "it would likely fail as the call above"
ACTIONS = (LIST_PLANS, GET_PLAN, LIST_ITEMS, GET_ITEM, LIST_CHECKPOINTS)


class RegionCheck:
    """Calls every action of a region, for each plan that is polled there."""

    def __init__(self, cloud: CloudClient, settings: Settings, region: str) -> None:
        self._cloud = cloud
        self._settings = settings
        self._region = region
        self._calls = Calls(region)

    async def run(self) -> Sequence[Verdict]:
        """Return the verdicts, in the order of the calls."""
        with contextlib.suppress(HopelessError):
            await self._check_plans()
            self._calls.skip_rest(ACTIONS, "no plan is configured or listed as RUNNING")
        self._calls.skip_rest(ACTIONS, LIKELY_THE_SAME)
        return self._calls.verdicts

    async def _check_plans(self) -> None:
        listed = await self._calls.make(
            LIST_PLANS,
            NO_IDS,
            self._cloud.list_plans(self._region),
            lambda plans: _counted(len(plans), "plan"),
        )
        plans = () if isinstance(listed, CloudError) else listed
        by_id = {plan.plan_id: plan for plan in plans}
        queue = deque(self._wanted(plans))
        try:
            while queue:
                wanted = queue.popleft()
                await self._check_plan(wanted, by_id.get(wanted.id))
        except HopelessError:
            for left in queue:
                said = f"not tried: {LIKELY_THE_SAME}"
                self._calls.note(Outcome.SKIPPED, f"plan {left.id}", said)
            raise

    def _wanted(self, listed: Sequence[Plan]) -> Sequence[PlanSettings]:
        """Return the plans that are polled here: configured, else listed as RUNNING."""
        settings = self._settings
        if settings.plans:
            return [p for p in settings.plans if settings.region_of(p) == self._region]
        return [PlanSettings(id=p.plan_id) for p in listed if p.status == RUNNING]

    async def _check_plan(self, wanted: PlanSettings, listed: Plan | None) -> None:
        ids = {"plan": wanted.id}
        got = await self._calls.make(
            GET_PLAN,
            ids,
            self._existing_plan(wanted.id),
            lambda plan: plan.status or "no status",
        )
        if isinstance(got, NotFoundError):
            rest = (LIST_ITEMS, GET_ITEM, LIST_CHECKPOINTS)
            self._calls.skip(rest, "the plan does not exist", ids)
            return
        plan = got if isinstance(got, Plan) else listed or _unknown(wanted.id)
        items = await self._calls.make(
            LIST_ITEMS,
            ids,
            self._cloud.list_items(self._region, wanted.id),
            lambda items: _counted(len(items), "item"),
        )
        known = () if isinstance(items, CloudError) else items
        item = await self._check_items(wanted, known)
        if item is None:
            self._calls.skip((LIST_CHECKPOINTS,), "no item is known", ids)
            return
        await self._check_checkpoints(wanted, plan, item)

    async def _existing_plan(self, plan_id: str) -> Plan:
        plan = await self._cloud.get_plan(self._region, plan_id)
        if plan.status == DELETED:
            raise NotFoundError(f"its status is {DELETED}")
        return plan

    async def _check_items(
        self, wanted: PlanSettings, listed: Sequence[Item]
    ) -> Item | None:
        """Get the configured items, else the first listed; return one that exists."""
        by_id = {item.item_id: item for item in listed}
        names = wanted.items or tuple(by_id)[:1]
        if not names:
            why = "no item is configured, and none is listed"
            self._calls.skip((GET_ITEM,), why, {"plan": wanted.id})
        existing: list[Item] = []
        for name in names:
            got = await self._calls.make(
                GET_ITEM,
                {"plan": wanted.id, "item": name},
                self._cloud.get_item(self._region, wanted.id, name),
                lambda item: item.status or "no status",
            )
            if isinstance(got, Item):
                existing.append(got)
            elif not isinstance(got, NotFoundError):
                existing.append(by_id.get(name) or Item(wanted.id, name, "", ()))
        return existing[0] if existing else None

    async def _check_checkpoints(
        self, wanted: PlanSettings, plan: Plan, item: Item
    ) -> None:
        """Read a page for each configured source instance, else for the first known."""
        ids = {"plan": wanted.id, "item": item.item_id}
        names = self._instances(wanted, plan) or source_instances(plan, item)[:1]
        if not names:
            why = "no source instance is configured, and none is known"
            self._calls.skip((LIST_CHECKPOINTS,), why, ids)
        for name in names:
            route = Route(wanted.id, item.item_id, name, self._region, wanted.filter)
            await self._calls.make(
                LIST_CHECKPOINTS,
                {**ids, "instance": name},
                self._cloud.list_checkpoints(
                    route, accepts=lambda *_: True, series_budget=0
                ),
                lambda snapshot: _counted(snapshot.dropped, "checkpoint"),
            )

    def _instances(self, wanted: PlanSettings, plan: Plan) -> Sequence[str]:
        """Return the configured instances but those that the plan leaves out."""
        sides = {instance.instance_id for instance in plan.instances}
        strangers = [s for s in wanted.source_instances if sides and s not in sides]
        for name in strangers:
            said = f"plan {wanted.id} has no such instance; {NotFoundError.remedy}"
            self._calls.note(Outcome.FAILED, f"instance {name}", said)
        return [name for name in wanted.source_instances if name not in strangers]


def _unknown(plan_id: str) -> Plan:
    """Return a plan of which nothing is known but that it may exist."""
    return Plan(plan_id, "", "", "", "", is_auto_synced=False, instances=())


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'} on the first page"
