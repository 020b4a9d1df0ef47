"""Which routes there are: the configuration, completed by what the cloud says.

It polls no route and keeps no time; `app` runs it now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

import structlog

from exporter.config import PlanSettings, Settings
from exporter.model.errors import CloudError, NotFoundError, Reason, capture_error
from exporter.model.types import Inventory, Missing, Plan, Route
from exporter.polling.lookup import Found, PlanReader, configured_plan, listed_plan
from exporter.polling.remaining import remaining, remaining_unfound
from exporter.polling.routes import configured_but_missing, shard_of

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Discovery:
    """Finds routes, and keeps those of a plan whose look-up fails.

    `on_failure` hears the reason of each failure; as many plans are looked up at a time
    as calls may be in flight.
    """

    def __init__(
        self,
        cloud: PlanReader,
        settings: Settings,
        *,
        on_failure: Callable[[Reason], None],
    ) -> None:
        self._cloud = cloud
        self._settings = settings
        self._on_failure = on_failure
        self._slots = asyncio.Semaphore(settings.api.max_concurrency)
        self._found: dict[str, Found] = {}
        self._unfound: dict[Route, Missing] = {}
        self._failing: dict[str, CloudError] = {}
        self._inventory = Inventory()

    @property
    def inventory(self) -> Inventory:
        """Return what is known at present, with the routes of this shard alone.

        Another object once something was looked up, or a poll showed something new.
        """
        return self._inventory

    @property
    def failing(self) -> Mapping[str, CloudError]:
        """Return why what could not be looked up at the last attempt, by what it is."""
        return MappingProxyType(dict(self._failing))

    def reconfigure(self, cloud: PlanReader, settings: Settings) -> None:
        """Go by other settings: what they no longer ask for is gone at once.

        What they ask for beside it is found by the next look. None may be under way.
        """
        self._cloud = cloud
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.api.max_concurrency)
        self._found = remaining(self._found, settings)
        self._unfound = remaining_unfound(self._unfound, self._found, settings)
        subjects = {_subject(plan_id) for plan_id in self._found}
        if not settings.plans:
            subjects.add(_listing(settings.api.region))
        self._failing = {s: e for s, e in self._failing.items() if s in subjects}
        # No id was found that was missing: nothing of this is news for the log.
        self._inventory = self._present_inventory()

    def forget(self) -> None:
        """Know of nothing, as at the start; no look may be under way."""
        self._found, self._unfound, self._failing = {}, {}, {}
        self._inventory = Inventory()

    async def refresh(self) -> bool:
        """Look everything up anew; return whether all of it could be looked up."""
        wanted: Sequence[PlanSettings | Plan] | None = self._settings.plans
        if not wanted:
            region = self._settings.api.region
            listing = self._cloud.list_plans(region)
            wanted = await self._tried(_listing(region), listing)
        if wanted is not None:
            before, self._found = self._found, await self._look_up_all(wanted)
            for plan_id in before.keys() - self._found.keys():
                self._failing.pop(_subject(plan_id), None)
        routes = {route for found in self._found.values() for route in found.routes}
        self._unfound = {r: gone for r, gone in self._unfound.items() if r in routes}
        self._take_stock()
        return not self._failing

    def polled(self, route: Route, error: CloudError | None) -> None:
        """Take note of how a poll ended: it may show that a configured id is wrong."""
        if error is not None and not isinstance(error, NotFoundError):
            return  # whatever went wrong, it says nothing of the ids
        gone = configured_but_missing(route, error, self._settings)
        if gone == self._unfound.get(route):
            return
        if gone is None:
            del self._unfound[route]
        else:
            self._unfound[route] = gone
        self._take_stock()

    async def _look_up_all(
        self, plans: Iterable[PlanSettings | Plan]
    ) -> dict[str, Found]:
        async with asyncio.TaskGroup() as group:
            tasks = {
                _id_of(plan): group.create_task(self._look_up(plan)) for plan in plans
            }
        return {plan_id: task.result() for plan_id, task in tasks.items()}

    async def _look_up(self, plan: PlanSettings | Plan) -> Found:
        """Return what is found of a plan, or what was found before if that fails."""
        plan_id = _id_of(plan)
        async with self._slots:
            if isinstance(plan, Plan):
                look_up = listed_plan(self._cloud, plan)
            else:
                region = self._settings.region_of(plan)
                look_up = configured_plan(self._cloud, plan, region)
            found = await self._tried(_subject(plan_id), look_up)
        if found is not None:
            return found
        previous = self._found.get(plan_id, Found())
        return replace(previous, plan=plan) if isinstance(plan, Plan) else previous

    async def _tried(self, subject: str, look_up: Awaitable[T]) -> T | None:
        """Return what a look-up finds; None if it fails, which costs nothing else."""
        found = await capture_error(look_up)
        if isinstance(found, CloudError):
            self._failed(subject, found)
            return None
        if self._failing.pop(subject, None) is not None:
            log.info("discovery_recovered", subject=subject)
        return found

    def _failed(self, subject: str, error: CloudError) -> None:
        """Count a failure, and log it when it begins or turns into another."""
        self._on_failure(error.reason)
        before = self._failing.get(subject)
        self._failing[subject] = error
        if error.is_news_after(before):
            log.warning(
                "discovery_failed",
                subject=subject,
                reason=error.reason.value,
                error=str(error),
                remedy=error.remedy,
                request_id=error.origin.request_id,
                exc_info=error.bug,
            )

    def _take_stock(self) -> None:
        """Renew the inventory, and log which configured ids are newly gone or back."""
        before = self._inventory.missing
        self._inventory = self._present_inventory()
        missing = self._inventory.missing
        for gone in sorted(missing - before):
            log.warning("configured_not_found", kind=gone.kind, id=gone.id)
        for back in sorted(before - missing):
            log.info("configured_found", kind=back.kind, id=back.id)

    def _present_inventory(self) -> Inventory:
        found = self._found.values()
        shard = self._settings.shard
        missing = {gone for one in found for gone in one.missing}
        routes = (route for one in found for route in one.routes)
        return Inventory(
            plans=tuple(one.plan for one in found if one.plan is not None),
            items=tuple(item for one in found for item in one.items),
            missing=frozenset(missing.union(self._unfound.values())),
            routes=tuple(
                sorted(r for r in routes if shard_of(r, shard.total) == shard.index)
            ),
        )


def _id_of(plan: PlanSettings | Plan) -> str:
    return plan.plan_id if isinstance(plan, Plan) else plan.id


def _listing(region: str) -> str:
    return f"region {region}"


def _subject(plan_id: str) -> str:
    return f"plan {plan_id}"
