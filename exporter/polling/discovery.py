"""Which routes there are: the configuration, completed by what the cloud says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Generic, TypeVar

import structlog

from exporter.cloud.client import CloudClient
from exporter.config.settings import PlanSettings, Settings
from exporter.model.assessment import RUNNING
from exporter.model.errors import CloudError, NotFoundError, Reason, capture_error
from exporter.model.types import Inventory, Item, Missing, Plan, Route
from exporter.polling.routes import shard_of, source_instances

DELETED = "DELETED"
# Why one plan cannot be looked up, when waiting does not help and the others can be.
LASTING = {Reason.PERMISSION, Reason.NOT_FOUND, Reason.MALFORMED, Reason.INTERNAL}

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of one plan; `plan` is None until it is listed or looked up."""

    plan: Plan | None = None
    items: tuple[Item, ...] = ()
    routes: tuple[Route, ...] = ()
    missing: frozenset[Missing] = frozenset()
    is_looked_up: bool = False

    @property
    def region(self) -> str | None:
        """Return the region that the plan is polled in, None if it is not known."""
        homes = [self.plan] if self.plan else self.routes
        return next((each.region for each in homes), None)


class FailureLog(Generic[K]):
    """Logs a failure when it begins or its remedy changes, and when it is over."""

    def __init__(self, failed: str, recovered: str) -> None:
        self._failed = failed
        self._recovered = recovered
        self.failing: dict[K, CloudError] = {}

    def note(self, key: K, error: CloudError | None, **ids: str) -> None:
        """Note how an attempt ended: with this error, or well."""
        before = self.failing.pop(key, None)
        if error is None:
            if before is not None:
                log.info(self._recovered, **ids)
            return
        self.failing[key] = error
        if error.is_news_after(before):
            write = log.warning if error.bug is None else log.error
            write(
                self._failed,
                **ids,
                reason=error.reason.value,
                error=str(error),
                remedy=error.remedy,
                request_id=error.origin.request_id,
                exc_info=error.bug,
            )


class Discovery:
    """Finds routes, and keeps those of a plan that cannot be looked up.

    A plan that is not looked up yet has the routes that `known` has: the discovery of
    the settings before. `on_failure` is told the reason of each failure. As many plans
    are looked up at a time as requests may be in flight. `inventory` is what is known
    at present, with this shard's routes alone: another object after each discovery.
    `failures` has why the last look-ups failed, by what was looked up.
    """

    def __init__(
        self,
        cloud: CloudClient,
        settings: Settings,
        *,
        on_failure: Callable[[Reason], None],
        known: Discovery | None = None,
    ) -> None:
        self._cloud = cloud
        self._settings = settings
        self._on_failure = on_failure
        self._slots = asyncio.Semaphore(settings.api.max_concurrency)
        self._is_hastened = asyncio.Event()
        self._due = 0.0, 0.0
        # Look up only these plans. Empty: look up all.
        self.only: frozenset[str] = frozenset()
        self.failures = FailureLog[str]("discovery_failed", "discovery_recovered")
        self._found = {} if known is None else self._still_wanted(known)
        for plan in settings.plans:
            if plan.is_complete:
                sources = dict.fromkeys(plan.items, plan.source_instances)
                routes = _routes(plan, settings.region_of(plan), sources)
                found = self._found.get(plan.id, Found())
                self._found[plan.id] = replace(found, routes=routes)
        self.inventory = self._present_inventory()

    @property
    def is_known(self) -> bool:
        """Return whether the last discovery found every plan.

        One that cannot be looked up for a lasting reason is known by its id at least.
        """
        return all(
            subject.startswith("plan ") and error.reason in LASTING
            for subject, error in self.failures.failing.items()
        )

    def next_in(self) -> float | None:
        """Return in how many seconds the next discovery is due, None during one."""
        due = self._due[not self._is_hastened.is_set()]
        wait = due - asyncio.get_running_loop().time()
        return wait if wait > 0 else None

    async def refresh(self) -> bool:
        """Look everything up; return whether all of it could be looked up."""
        self._is_hastened.clear()
        self._due = 0.0, 0.0
        kept, wanted = await self._wanted()
        wanted = [it for it in wanted if not self.only or it[0].id in self.only]
        async with asyncio.TaskGroup() as group:
            tasks = {
                plan.id: group.create_task(self._look_up(plan, listed))
                for plan, listed in wanted
            }
        found = kept | {plan_id: task.result() for plan_id, task in tasks.items()}
        for plan_id in self._found.keys() - found.keys():
            self.failures.failing.pop(f"plan {plan_id}", None)
        if self.is_known:
            for plan_id in self.only - found.keys():
                found[plan_id] = Found(missing=frozenset({Missing("plan", plan_id)}))
        self._found = found
        self._take_stock()
        if self.failures.failing:
            self._is_hastened.set()
        return not self.failures.failing

    async def due(self) -> None:
        """Wait until the next discovery is due.

        After `poll.discovery_interval`; after `poll.interval`, if that is shorter,
        where this discovery failed or a poll shows that an id is gone.
        """
        poll = self._settings.poll
        longest = poll.discovery_interval.total_seconds()
        shortest = min(poll.interval.total_seconds(), longest)
        now = asyncio.get_running_loop().time()
        self._due = now + shortest, now + longest
        await asyncio.sleep(shortest)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest - shortest):
                await self._is_hastened.wait()

    def polled(self, error: CloudError | None) -> None:
        """Look sooner for what is gone, if that is why a poll failed."""
        if isinstance(error, NotFoundError):
            self._is_hastened.set()

    def _still_wanted(self, known: Discovery) -> dict[str, Found]:
        """Return what is known of the plans that these settings ask for too."""
        before = {plan.id: plan for plan in known._settings.plans}
        now = {plan.id: plan for plan in self._settings.plans}
        return {
            plan_id: found
            if before.get(plan_id) == now.get(plan_id)
            # Its missing ids may not be configured any more.
            else replace(found, missing=frozenset())
            for plan_id, found in known._found.items()
            if plan_id in now or not now
        }

    async def _wanted(
        self,
    ) -> tuple[dict[str, Found], Sequence[tuple[PlanSettings, Plan | None]]]:
        """Return the configured plans, or those that the regions list, each once.

        Before them stand the plans known before of regions that cannot list any.
        """
        if self._settings.plans:
            return {}, [(plan, None) for plan in self._settings.plans]
        regions = self._settings.regions
        lists = await asyncio.gather(
            *(self._tried(f"region {r}", self._cloud.list_plans(r)) for r in regions)
        )
        failed = {r for r, each in zip(regions, lists, strict=True) if each is None}
        kept = {i: found for i, found in self._found.items() if found.region in failed}
        listed: dict[str, Plan] = {}
        for plan in chain.from_iterable(each or () for each in lists):
            before = self._found.get(plan.plan_id, Found()).region
            if plan.plan_id not in listed or plan.region == before:
                listed[plan.plan_id] = plan
        # The cloud's ids need not look like a setting.
        construct = PlanSettings.model_construct
        return kept, [
            (construct(id=plan_id, region=plan.region), plan)
            for plan_id, plan in listed.items()
            if plan_id not in kept
        ]

    async def _look_up(self, wanted: PlanSettings, listed: Plan | None) -> Found:
        """Return what is found of a plan, or what was found before if that fails."""
        region = self._settings.region_of(wanted)
        async with self._slots:
            look_up = _look_up(self._cloud, wanted, region, listed)
            found = await self._tried(f"plan {wanted.id}", look_up)
        if found is not None:
            return found
        previous = self._found.get(wanted.id, Found())
        return replace(previous, plan=listed or previous.plan)

    async def _tried(self, subject: str, look_up: Awaitable[T]) -> T | None:
        """Return what a look-up finds; None if it fails, which costs nothing else."""
        found = await capture_error(look_up)
        if not isinstance(found, CloudError):
            self.failures.note(subject, None, subject=subject)
            return found
        self.failures.note(subject, found, subject=subject)
        self._on_failure(found.reason)
        return None

    def _take_stock(self) -> None:
        """Renew the inventory, and log which configured ids are newly gone or back."""
        before = self.inventory.missing
        self.inventory = self._present_inventory()
        missing = self.inventory.missing
        for gone in sorted(missing - before):
            log.warning("configured_not_found", kind=gone.kind, id=gone.id)
        for back in sorted(before - missing):
            log.info("configured_found", kind=back.kind, id=back.id)

    def _present_inventory(self) -> Inventory:
        found = self._found.values()
        shard = self._settings.shard
        routes = {route for one in found for route in one.routes}
        ours = sorted(r for r in routes if shard_of(r, shard.total) == shard.index)
        plans = tuple(one.plan for one in found if one.plan is not None)
        synced = {plan.plan_id for plan in plans if plan.is_auto_synced}
        missing = {gone for one in found for gone in one.missing}
        gone_ids = {gone.id for gone in missing if gone.kind == "plan"}
        plan_ids = {plan.id for plan in self._settings.plans} - gone_ids
        plan_ids |= {plan.plan_id for plan in plans}
        return Inventory(
            plans=plans,
            items=tuple(item for one in found for item in one.items),
            missing=frozenset(missing),
            routes=tuple(ours),
            looked_up=frozenset(
                one.plan.plan_id for one in found if one.plan and one.is_looked_up
            ),
            limits={
                plan_id: self._settings.limits_for(
                    plan_id, is_auto_synced=plan_id in synced
                )
                for plan_id in sorted(plan_ids)
            },
        )


async def _look_up(
    cloud: CloudClient, wanted: PlanSettings, region: str, listed: Plan | None
) -> Found:
    """Return what is found of a plan: a configured one, or one that a list names.

    A listed plan has routes only while it is running, a configured one in any status.
    """
    plan = listed
    if plan is None or (plan.status == RUNNING and not plan.instances):
        plan = await _existing(cloud.get_plan(region, wanted.id))
    if plan is None or plan.status == DELETED:
        missing = {Missing("plan", wanted.id)} if listed is None else ()
        return Found(missing=frozenset(missing))
    if listed is not None and plan.status != RUNNING:
        return Found(plan, is_looked_up=True)
    items, missing = await _items(cloud, wanted, region)
    # A plan that names no instances leaves none out.
    sides = {instance.instance_id for instance in plan.instances}
    strangers = set(wanted.source_instances) - sides if sides else set()
    missing |= {Missing("instance", each, wanted.id) for each in strangers}
    sources = {
        item.item_id: source_instances(plan, item)
        if not wanted.source_instances
        else tuple(each for each in wanted.source_instances if each not in strangers)
        for item in items
    }
    routes = _routes(wanted, region, sources)
    return Found(plan, tuple(items), routes, frozenset(missing), is_looked_up=True)


def _routes(
    wanted: PlanSettings, region: str, sources: Mapping[str, Iterable[str]]
) -> tuple[Route, ...]:
    return tuple(
        Route(wanted.id, item_id, instance, region, wanted.filter)
        for item_id, instances in sources.items()
        for instance in instances
    )


async def _items(
    cloud: CloudClient, wanted: PlanSettings, region: str
) -> tuple[Sequence[Item], set[Missing]]:
    """Return the items that are wanted, and those of them that do not exist."""
    if not wanted.items:
        return await cloud.list_items(region, wanted.id), set()
    if len(wanted.items) == 1:
        found = await _existing(cloud.get_item(region, wanted.id, wanted.items[0]))
        items = [found] if found else []
    else:
        # One list costs less than a call for each.
        listed = await cloud.list_items(region, wanted.id)
        items = [item for item in listed if item.item_id in wanted.items]
    missing = set(wanted.items) - {item.item_id for item in items}
    return items, {Missing("item", item_id, wanted.id) for item_id in missing}


async def _existing(look_up: Awaitable[T]) -> T | None:
    """Return what a look-up finds, None if it does not exist."""
    try:
        return await look_up
    except NotFoundError:
        return None
