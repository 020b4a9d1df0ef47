"""`check --live`: call each API action, and say how it went and what to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping, Sequence, Sized
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import structlog

from exporter.app.lessons import Lessons
from exporter.cloud.client import (
    GET_ITEM,
    GET_PLAN,
    LIST_CHECKPOINTS,
    LIST_ITEMS,
    LIST_PLANS,
    CloudClient,
    connected,
)
from exporter.cloud.credentials import CredentialSource, credential_source
from exporter.cloud.retry import Deadline
from exporter.cloud.signing import Credentials
from exporter.config.settings import PlanSettings, Settings
from exporter.model.assessment import RUNNING
from exporter.model.durations import brief_duration
from exporter.model.errors import ClockError, CloudError, NotFoundError, capture_error
from exporter.model.problems import many
from exporter.model.types import Item, Plan, Route, Snapshot
from exporter.polling.discovery import DELETED, LASTING
from exporter.polling.routes import source_instances

Found = Credentials | Plan | Item | Sized
T = TypeVar("T", bound=Found)

CREDENTIAL = "credential"
NOUNS = {LIST_PLANS: "plan", LIST_ITEMS: "item", LIST_CHECKPOINTS: "checkpoint"}
OF_A_PLAN = (GET_PLAN, LIST_ITEMS, GET_ITEM, LIST_CHECKPOINTS)
# The API refuses a clock that is 15 minutes off; every age is wrong long before.
CLOCK_TOLERANCE_SECONDS = 60.0
# The API tells the time in whole seconds, and its answer travels.
CLOCK_PRECISION_SECONDS = 2.0
LIKELY_THE_SAME = "not tried: it would likely fail as the call above"
NOTHING_TO_ASK = "not tried: what it needs is neither configured nor found"

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """How a check went; the words that its line begins with."""

    OK = "ok"
    LEARNT = "learnt"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one check went, of what, and what there is to say about it."""

    outcome: Outcome
    subject: str
    detail: str

    def line(self) -> str:
        """Return the line for people, with control characters escaped."""
        text = f"{self.outcome:<7} {self.subject}: {self.detail}"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


async def live_check(
    settings: Settings, *, wall: Callable[[], float] = time.time
) -> Sequence[Verdict]:
    """Return the verdicts on the credential, and on actions and clock of each region.

    What the API taught comes last. Each call is bounded by `poll.timeout` and reads one
    page. Only a throttled call is
    tried again. `wall` is Unix time.
    """
    calls, source = _Calls(), credential_source(settings.api)
    seconds = settings.poll.timeout.total_seconds()
    key = await calls.make(CREDENTIAL, {}, _key(source, seconds), None)
    if key is None:
        return calls.verdicts
    for region in settings.regions:
        calls.begin(region)
        async with connected(
            settings, calls, probe=True, credentials=source, wall=wall
        ) as cloud:
            await _check_region(calls, cloud, settings)
        calls.verdicts.append(clock(region, calls.skew_seconds))
    learnt = (Verdict(Outcome.LEARNT, *lesson) for lesson in calls.told())
    return [*calls.verdicts, *learnt]


class _Calls(Lessons):
    """Makes calls, and keeps a verdict on each.

    `skew_seconds` is our clock minus the API's, as the last answer told it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.verdicts: list[Verdict] = []
        self.begin("")

    def begin(self, region: str) -> None:
        """Go on with a region, as if no call had failed."""
        self.region = region
        self.skew_seconds: float | None = None
        self._called: set[str] = set()
        # Set once a call met what every later call would meet, too.
        self._is_hopeless = False

    async def make(
        self,
        action: str,
        ids: Mapping[str, str],
        call: Coroutine[Any, Any, T],
        otherwise: T | None,
    ) -> T | None:
        """Make a call about these ids; note how it went, and return what it gave.

        That is None for what does not exist; where a call fails, it is `otherwise`.
        """
        if self._is_hopeless:
            call.close()
            return otherwise
        self._called.add(action)
        found = await capture_error(call)
        if not isinstance(found, CloudError):
            self._note(Outcome.OK, action, ids, _told(action, found))
            self.found(found)
            return found
        said = str(found).removeprefix(action).lstrip(": ")
        self._note(Outcome.FAILED, action, ids, f"{said}: {found.remedy}")
        if found.bug is not None:
            log.error("check_failed", error=str(found), exc_info=found.bug)
        # The next call would meet the same, after as long a wait.
        self._is_hopeless = found.reason not in LASTING
        return None if isinstance(found, NotFoundError) else otherwise

    def clock_skew(self, seconds: float) -> None:
        self.skew_seconds = seconds

    def skip_the_rest(self, ids: Mapping[str, str]) -> None:
        """Note which actions of a plan were not called."""
        why = LIKELY_THE_SAME if self._is_hopeless else NOTHING_TO_ASK
        for action in OF_A_PLAN:
            if action not in self._called:
                self._note(Outcome.SKIPPED, action, ids, why)
        self._called.clear()

    def _note(
        self, outcome: Outcome, action: str, ids: Mapping[str, str], detail: str
    ) -> None:
        named = ", ".join(f"{kind} {name}" for kind, name in ids.items())
        subject = f"{self.region} {action}{f' ({named})' if named else ''}".lstrip()
        self.verdicts.append(Verdict(outcome, subject, detail))


async def _check_region(calls: _Calls, cloud: CloudClient, settings: Settings) -> None:
    region = calls.region
    plans = await calls.make(LIST_PLANS, {}, cloud.list_plans(region), ())
    listed = {plan.plan_id: plan for plan in plans or ()}
    wanted = [plan for plan in settings.plans if settings.region_of(plan) == region]
    if not settings.plans:
        running = (plan for plan in listed.values() if plan.status == RUNNING)
        wanted = [PlanSettings(id=plan.plan_id) for plan in running]
    for plan in wanted:
        await _check_plan(calls, cloud, plan, listed.get(plan.id))
        calls.skip_the_rest({"plan": plan.id})
    if not wanted:
        calls.skip_the_rest({})


async def _check_plan(
    calls: _Calls, cloud: CloudClient, wanted: PlanSettings, listed: Plan | None
) -> None:
    """Get a plan, its items, and checkpoints of the first item that exists.

    A plan that may not be got is taken from the list.
    """
    region, plan_id, ids = calls.region, wanted.id, {"plan": wanted.id}
    unknown_plan = Plan(plan_id, "", "", "", region, is_auto_synced=False, instances=())
    call = _existing_plan(cloud, region, plan_id)
    plan = await calls.make(GET_PLAN, ids, call, listed or unknown_plan)
    if plan is None:
        return
    known = await calls.make(LIST_ITEMS, ids, cloud.list_items(region, plan_id), ())
    existing: list[Item] = []
    for item_id in wanted.items or [item.item_id for item in (known or ())[:1]]:
        named, unknown = {**ids, "item": item_id}, Item(plan_id, item_id, "", ())
        get = cloud.get_item(region, plan_id, item_id)
        item = await calls.make(GET_ITEM, named, get, unknown)
        existing += [item] if item else []
    for item in existing[:1]:
        for source in wanted.source_instances or source_instances(plan, item)[:1]:
            route = Route(plan_id, item.item_id, source, region, wanted.filter)
            named = {**ids, "item": item.item_id, "instance": source}
            page = cloud.list_checkpoints(
                route, accepts=lambda *_: True, series_budget=0
            )
            await calls.make(LIST_CHECKPOINTS, named, page, None)


async def _existing_plan(cloud: CloudClient, region: str, plan_id: str) -> Plan:
    plan = await cloud.get_plan(region, plan_id)
    if plan.status == DELETED:
        raise NotFoundError(f"its status is {DELETED}")
    return plan


async def _key(source: CredentialSource, seconds: float) -> Credentials:
    async with Deadline(seconds).enforced():
        return await source.get()


def _told(action: str, found: Found) -> str:
    if isinstance(found, Credentials):
        token = " with a security token" if found.security_token is not None else ""
        # Of the configuration's own the line above has told where it is from.
        is_own = found.provider == "static"
        step = "" if is_own else f" of the credential chain's step {found.provider}"
        return f"an access key{token}{step}"
    if isinstance(found, Plan | Item):
        return found.status or "no status"
    count = found.dropped if isinstance(found, Snapshot) else len(found)
    return f"{many(count, NOUNS[action])} on the first page"


def clock(region: str, skew_seconds: float | None) -> Verdict:
    """Return the verdict on our clock minus the API's, None where no answer told it."""
    subject = f"{region} clock"
    if skew_seconds is None:
        return Verdict(Outcome.SKIPPED, subject, "no answer of the API told the time")
    off = abs(skew_seconds)
    side = "ahead of" if skew_seconds > 0 else "behind"
    by = f"{brief_duration(round(off))} {side}"
    by = "within 2s of" if off <= CLOCK_PRECISION_SECONDS else by
    said = f"this clock is {by} the API's"
    if off <= CLOCK_TOLERANCE_SECONDS:
        return Verdict(Outcome.OK, subject, said)
    return Verdict(Outcome.FAILED, subject, f"{said}: {ClockError.remedy}")
