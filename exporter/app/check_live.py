"""`check --live`: call each API action once, and say how it went and what to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

import structlog

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
from exporter.cloud.retry import ApiObserver
from exporter.cloud.signing import Credentials
from exporter.config.settings import PlanSettings, Settings
from exporter.model.durations import brief_duration
from exporter.model.errors import (
    ClockError,
    CloudError,
    NotFoundError,
    Reason,
    RequestTimeoutError,
    capture_error,
)
from exporter.model.types import Item, Plan, Route
from exporter.polling.routes import source_instances

T = TypeVar("T")

ACTIONS = (LIST_PLANS, GET_PLAN, LIST_ITEMS, GET_ITEM, LIST_CHECKPOINTS)
# The API refuses a clock that is 15 minutes off; every age is wrong long before.
CLOCK_TOLERANCE_SECONDS = 60.0
# The API tells the time in whole seconds, and its answer travels.
CLOCK_PRECISION_SECONDS = 2.0
# What one call of a region meets, the next would meet too, and after as long a wait.
SAME_FOR_ALL = frozenset(
    {
        Reason.CREDENTIALS,
        Reason.CLOCK,
        Reason.THROTTLED,
        Reason.TIMEOUT,
        Reason.UNAVAILABLE,
    }
)
LIKELY_THE_SAME = "it would likely fail as the call above"

_PROVIDERS: Mapping[str, str] = {
    "static": "the configuration (api.access_key_id)",
    "env": "the environment (ALIBABA_CLOUD_ACCESS_KEY_ID)",
    "oidc_role_arn": "an OIDC token, exchanged for a role",
    "cli_profile": "the profile of the Alibaba Cloud CLI",
    "profile": "the profile in a credentials file",
    "ecs_ram_role": "the RAM role of this instance",
    "credential_uri": "the credentials URI",
}
# What the code of an answer calls the thing that does not exist.
_NOUNS = (("Plan", "plan"), ("Instance", "instance"), ("Item", "item"))

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """How a check went; the words that its line begins with."""

    OK = "ok"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one check went, of what, and what there is to say about it."""

    outcome: Outcome
    subject: str
    detail: str

    def line(self) -> str:
        """Return the line for people, with control characters escaped.

        >>> Verdict(Outcome.OK, "clock of cn-hangzhou", "3s ahead").line()
        'ok      clock of cn-hangzhou: 3s ahead'
        """
        text = f"{self.outcome:<7} {self.subject}: {self.detail}"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


async def live_check(
    settings: Settings, *, wall: Callable[[], float] = time.time
) -> tuple[Verdict, ...]:
    """Return the verdicts on the credential, and on actions and clock of each region.

    Each call is bounded by `poll.timeout` and reads one page. Only a throttled call is
    tried again. `wall` is Unix time.
    """
    source = credential_source(settings.api)
    key = await capture_error(_key(source, settings.poll.timeout.total_seconds()))
    plans = settings.plans
    regions = sorted({settings.region_of(p) for p in plans}) or [settings.api.region]
    if isinstance(key, CloudError):
        _log_bug(key)
        said = f"{key}; {key.remedy}; nothing else was tried"
        return (Verdict(Outcome.FAILED, "credential", said),)
    found = key_found(key.provider, is_temporary=key.security_token is not None)
    verdicts = [Verdict(Outcome.OK, "credential", found)]
    skew = _ClockSkew()
    async with connected(
        settings, skew, probe=True, credentials=source, wall=wall
    ) as cloud:
        for region in regions:
            skew.seconds = None
            verdicts += await _RegionCheck(cloud, settings, region).run()
            verdicts.append(clock(region, skew.seconds))
    return tuple(verdicts)


class _ClockSkew(ApiObserver):
    """Remembers our clock minus the API's, as the last answer told it."""

    seconds: float | None = None

    def clock_skew(self, seconds: float) -> None:
        self.seconds = seconds


class _RegionCheck:
    """Calls every action of a region, for each plan that is polled there."""

    def __init__(self, cloud: CloudClient, settings: Settings, region: str) -> None:
        self._cloud = cloud
        self._settings = settings
        self._region = region
        self._told: set[str] = set()
        self._verdicts: list[Verdict] = []
        # Set once a call met what every later call would meet, too.
        self._is_hopeless = False

    async def run(self) -> Sequence[Verdict]:
        """Return the verdicts, in the order of the calls."""
        plans = await self._call(
            LIST_PLANS,
            {},
            lambda: self._cloud.list_plans(self._region),
            lambda plans: _counted(len(plans), "plan"),
        )
        listed = {} if isinstance(plans, CloudError) else {p.plan_id: p for p in plans}
        for wanted in self._wanted(listed.values()):
            if self._is_hopeless:
                left = f"not tried: {LIKELY_THE_SAME}"
                self._note(Outcome.SKIPPED, f"plan {wanted.id}", left)
            else:
                await self._check_plan(wanted, listed.get(wanted.id))
        for action in ACTIONS:
            if action not in self._told:
                self._skip(action, "no plan is configured or listed as RUNNING", {})
        return self._verdicts

    async def _check_plan(self, wanted: PlanSettings, listed: Plan | None) -> None:
        ids = {"plan": wanted.id}
        plan = await self._call(
            GET_PLAN, ids, lambda: self._existing_plan(wanted.id), _status_of
        )
        if isinstance(plan, NotFoundError):
            for action in (LIST_ITEMS, GET_ITEM, LIST_CHECKPOINTS):
                self._skip(action, "the plan does not exist", ids)
            return
        if isinstance(plan, CloudError):
            plan = listed or _unknown(wanted.id)
        items = await self._call(
            LIST_ITEMS,
            ids,
            lambda: self._cloud.list_items(self._region, wanted.id),
            lambda items: _counted(len(items), "item"),
        )
        known = () if isinstance(items, CloudError) else items
        item = await self._check_items(wanted, known)
        if item is None:
            self._skip(LIST_CHECKPOINTS, "no item is known", ids)
        else:
            await self._check_checkpoints(wanted, plan, item)

    async def _check_items(
        self, wanted: PlanSettings, listed: Sequence[Item]
    ) -> Item | None:
        """Get the configured items, else the first listed; return one that exists."""
        by_id = {item.item_id: item for item in listed}
        names = wanted.items or tuple(by_id)[:1]
        if not names:
            why = "no item is configured, and none is listed"
            self._skip(GET_ITEM, why, {"plan": wanted.id})
        existing: list[Item] = []
        for name in names:
            item = await self._call(
                GET_ITEM,
                {"plan": wanted.id, "item": name},
                partial(self._cloud.get_item, self._region, wanted.id, name),
                _status_of,
            )
            if isinstance(item, Item):
                existing.append(item)
            elif not isinstance(item, NotFoundError):
                existing.append(by_id.get(name) or Item(wanted.id, name, "", ()))
        return existing[0] if existing else None

    async def _check_checkpoints(
        self, wanted: PlanSettings, plan: Plan, item: Item
    ) -> None:
        """Read a page for each configured source instance, else for the first known."""
        ids = {"plan": wanted.id, "item": item.item_id}
        names = wanted.source_instances or source_instances(plan, item)[:1]
        if not names:
            why = "no source instance is configured, and none is known"
            self._skip(LIST_CHECKPOINTS, why, ids)
        for name in names:
            route = Route(wanted.id, item.item_id, name, self._region, wanted.filter)
            await self._call(
                LIST_CHECKPOINTS,
                {**ids, "instance": name},
                partial(
                    self._cloud.list_checkpoints,
                    route,
                    accepts=lambda *_: True,
                    series_budget=0,
                ),
                lambda snapshot: _counted(snapshot.dropped, "checkpoint"),
            )

    async def _call(
        self,
        action: str,
        ids: Mapping[str, str],
        call: Callable[[], Awaitable[T]],
        tell: Callable[[T], str],
    ) -> T | CloudError:
        """Make a call about these ids; note how it went, and return what it gave."""
        if self._is_hopeless:
            self._skip(action, LIKELY_THE_SAME, ids)
            return CloudError(LIKELY_THE_SAME)
        self._told.add(action)
        found = await capture_error(call())
        if isinstance(found, CloudError):
            _log_bug(found)
            self._note(Outcome.FAILED, _named(action, ids), failure(action, found, ids))
            self._is_hopeless = found.reason in SAME_FOR_ALL
        else:
            self._note(Outcome.OK, _named(action, ids), tell(found))
        return found

    async def _existing_plan(self, plan_id: str) -> Plan:
        plan = await self._cloud.get_plan(self._region, plan_id)
        if plan.status == "DELETED":
            raise NotFoundError("its status is DELETED")
        return plan

    def _wanted(self, listed: Iterable[Plan]) -> Sequence[PlanSettings]:
        """Return the plans that are polled here: configured, else listed as RUNNING."""
        settings = self._settings
        if settings.plans:
            return [p for p in settings.plans if settings.region_of(p) == self._region]
        return [PlanSettings(id=p.plan_id) for p in listed if p.status == "RUNNING"]

    def _skip(self, action: str, why: str, ids: Mapping[str, str]) -> None:
        self._told.add(action)
        why = LIKELY_THE_SAME if self._is_hopeless else why
        self._note(Outcome.SKIPPED, _named(action, ids), f"not tried: {why}")

    def _note(self, outcome: Outcome, what: str, detail: str) -> None:
        self._verdicts.append(Verdict(outcome, f"{self._region} {what}", detail))


def key_found(provider: str, *, is_temporary: bool) -> str:
    """Return which credential was found; `provider` is what `Credentials` names.

    >>> key_found("static", is_temporary=False)
    'an access key from the configuration (api.access_key_id) (provider static)'
    """
    token = " with a security token" if is_temporary else ""
    place = _PROVIDERS.get(provider.partition("/")[0], "the credential chain")
    return f"an access key{token} from {place} (provider {provider})"


def failure(action: str, error: CloudError, ids: Mapping[str, str]) -> str:
    """Return what went wrong with a call about these ids, and what to do about it."""
    said = str(error).removeprefix(f"{action} ")
    if error.reason is Reason.PERMISSION:
        return f"{said}; grant the RAM action rocketmq:{action}"
    if error.reason is Reason.NOT_FOUND and ids:
        code = error.origin.code or ""
        named = [kind for noun, kind in _NOUNS if noun in code and kind in ids]
        # Where nothing says what is missing, it is the last id of the path.
        kind = named[0] if named else [each for each in ids if each != "instance"][-1]
        said = f"{kind} {ids[kind]} does not exist ({said})"
    return f"{said}; {error.remedy}"


def clock(region: str, skew_seconds: float | None) -> Verdict:
    """Return the verdict on our clock minus the API's, None where no answer told it.

    >>> clock("cn-hangzhou", -1200.0).detail.partition(";")[0]
    "this clock is 20m behind the API's"
    """
    subject = f"{region} clock"
    if skew_seconds is None:
        return Verdict(Outcome.SKIPPED, subject, "no answer of the API told the time")
    off = abs(skew_seconds)
    if off <= CLOCK_PRECISION_SECONDS:
        within = brief_duration(CLOCK_PRECISION_SECONDS)
        near = f"this clock is within {within} of the API's"
        return Verdict(Outcome.OK, subject, near)
    side = "ahead of" if skew_seconds > 0 else "behind"
    said = f"this clock is {brief_duration(round(off))} {side} the API's"
    if off <= CLOCK_TOLERANCE_SECONDS:
        return Verdict(Outcome.OK, subject, said)
    return Verdict(Outcome.FAILED, subject, f"{said}; {ClockError.remedy}")


async def _key(source: CredentialSource, seconds: float) -> Credentials:
    try:
        async with asyncio.timeout(seconds):
            return await source.get()
    except TimeoutError:
        raise RequestTimeoutError("no key was found within poll.timeout") from None


def _log_bug(error: CloudError) -> None:
    if error.bug is not None:
        log.error("check_failed", error=str(error), exc_info=error.bug)


def _named(action: str, ids: Mapping[str, str]) -> str:
    named = ", ".join(f"{kind} {name}" for kind, name in ids.items())
    return f"{action} ({named})" if named else action


def _status_of(found: Plan | Item) -> str:
    return found.status or "no status"


def _unknown(plan_id: str) -> Plan:
    """Return a plan of which nothing is known but that it may exist."""
    return Plan(plan_id, "", "", "", "", is_auto_synced=False, instances=())


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'} on the first page"
