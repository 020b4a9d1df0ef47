"""The five reads of the API, each returning what it found, whole, as the model has it.

It never calls an action that writes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar
from weakref import WeakValueDictionary

import structlog

from exporter.cloud import paging
from exporter.cloud.collector import CheckpointCollector, item_from, plan_from
from exporter.cloud.credentials import CredentialSource, credential_source
from exporter.cloud.http import Call, Exchange, new_session
from exporter.cloud.limiter import Limiter
from exporter.cloud.retry import AUTO_PAGE_SIZES, ApiObserver, Deadline, Transport
from exporter.cloud.wire import (
    CheckpointRow,
    Decode,
    ItemRow,
    Page,
    PlanRow,
    object_decoder,
    page_decoder,
)
from exporter.config.fields import LARGEST_PAGE
from exporter.config.settings import Settings
from exporter.model.types import Item, Plan, Route, Snapshot

T = TypeVar("T")

LIST_PLANS = "ListDisasterRecoveryPlans"
GET_PLAN = "GetDisasterRecoveryPlan"
LIST_ITEMS = "ListDisasterRecoveryItems"
GET_ITEM = "GetDisasterRecoveryItem"
LIST_CHECKPOINTS = "ListDisasterRecoveryCheckpoints"
ACTIONS = (LIST_PLANS, GET_PLAN, LIST_ITEMS, GET_ITEM, LIST_CHECKPOINTS)

log = structlog.get_logger(__name__)

_plan_page = page_decoder(PlanRow)
_plan = object_decoder(PlanRow)
_item_page = page_decoder(ItemRow)
_item = object_decoder(ItemRow)
_checkpoint_page = page_decoder(CheckpointRow)


class CloudClient:
    """Reads disaster-recovery plans, their items and their checkpoints.

    `poll.timeout` bounds each method's whole work, retries and waiting included. A
    `probe` reads only the first page of each list. Every method raises `CloudError`.
    """

    def __init__(
        self, transport: Transport, settings: Settings, *, probe: bool = False
    ) -> None:
        self._transport = transport
        self._endpoint_for = settings.endpoint_for
        self._timeout = settings.poll.timeout.total_seconds()
        self._workers = settings.api.max_concurrency
        self._probe = probe
        # As long as somebody else keeps them: names that stay are kept once.
        self._last: WeakValueDictionary[Route, Snapshot] = WeakValueDictionary()

    async def list_plans(self, region: str) -> tuple[Plan, ...]:
        """Return every plan of a region, whatever its status.

        A plan's `instances` are empty where the list leaves them out. A malformed row
        is logged and left out.
        """
        rows = await self._list(self._call(LIST_PLANS, region), _plan_page)
        return tuple(plan_from(row, str(row.id), region) for row in rows)

    async def get_plan(self, region: str, plan_id: str) -> Plan:
        """Return one plan with its instances."""
        call = self._call(GET_PLAN, region, f"/{plan_id}")
        return plan_from(await self._get(call, _plan), plan_id, region)

    async def list_items(self, region: str, plan_id: str) -> tuple[Item, ...]:
        """Return every item of a plan; a malformed row is logged and left out."""
        call = self._call(LIST_ITEMS, region, f"/{plan_id}/items")
        rows = await self._list(call, _item_page)
        return tuple(item_from(row, plan_id, str(row.id)) for row in rows)

    async def get_item(self, region: str, plan_id: str, item_id: str) -> Item:
        """Return one item of a plan."""
        call = self._call(GET_ITEM, region, f"/{plan_id}/items/{item_id}")
        return item_from(await self._get(call, _item), plan_id, item_id)

    async def list_checkpoints(
        self,
        route: Route,
        *,
        accepts: Callable[[str, str], bool],
        series_budget: int,
    ) -> Snapshot:
        """Poll a route: return the snapshot of all its checkpoints.

        `accepts` picks by group and topic; beyond `series_budget` checkpoints are only
        rolled up.
        """
        query = {"instanceId": route.source_instance_id}
        if route.filter is not None:
            query["filter"] = route.filter
        path = f"/{route.plan_id}/items/{route.item_id}/checkpoints"
        before = self._last.get(route)
        collector, malformed = await self._read_all(
            self._call(LIST_CHECKPOINTS, route.region, path, **query),
            _checkpoint_page,
            lambda: CheckpointCollector(route, accepts, series_budget, before),
        )
        snapshot = self._last[route] = collector.snapshot(malformed)
        return snapshot

    def _call(self, action: str, region: str, path: str = "", **query: str) -> Call:
        endpoint = self._endpoint_for(region)
        return Call(action, endpoint, f"/disaster_recovery{path}", query)

    async def _list(self, call: Call, decode: Decode[Page[T]]) -> list[T]:
        rows, malformed = await self._read_all(call, decode, list[T])
        if malformed:
            log.warning(
                "rows_rejected", action=call.action, rows=malformed, reason="malformed"
            )
        return rows

    async def _get(self, call: Call, decode: Decode[T]) -> T:
        deadline = Deadline(self._timeout)
        async with deadline.enforced():
            return await self._transport.get(call, decode, deadline)

    async def _read_all(
        self,
        call: Call,
        decode: Decode[Page[T]],
        collector: Callable[[], paging.C],
    ) -> tuple[paging.C, int]:
        deadline = Deadline(self._timeout)

        async def fetch(number: int) -> Page[T]:
            one = replace(call, query={**call.query, "pageNumber": str(number)})
            page = await self._transport.get(one, decode, deadline)
            # A probe takes the first page for the whole list.
            return replace(page, total=page.count) if self._probe else page

        async with deadline.enforced():
            return await paging.read_all(fetch, collector, deadline, self._workers)


@asynccontextmanager
async def connected(
    settings: Settings,
    observer: ApiObserver,
    *,
    probe: bool = False,
    credentials: CredentialSource | None = None,
    wall: Callable[[], float] = time.time,
) -> AsyncIterator[CloudClient]:
    """Build the client, and close its connections at the end.

    A `probe` diagnoses: it reads first pages and waits only when it is throttled.
    Without `credentials` the settings' are used; `wall` is Unix time.
    """
    api = settings.api
    async with new_session() as session:
        timeout = api.timeout.total_seconds()
        exchange = Exchange(session, timeout, observer.clock_skew, wall)
        transport = Transport(
            exchange,
            credentials or credential_source(api),
            Limiter(requests_per_second(settings), on_change=observer.rate_limit),
            observer,
            asyncio.Semaphore(api.max_concurrency),
            probe,
            page_sizes(settings, probe=probe),
        )
        yield CloudClient(transport, settings, probe=probe)


def page_sizes(settings: Settings, *, probe: bool) -> Sequence[int]:
    """Return how many rows to ask for, then if that is refused, and so on."""
    if settings.api.page_size != "auto":
        return (settings.api.page_size,)
    # A diagnosis finds out how many rows are accepted at all.
    return (LARGEST_PAGE, *AUTO_PAGE_SIZES) if probe else AUTO_PAGE_SIZES


def requests_per_second(settings: Settings) -> float:
    """Return this shard's share of what the account may be asked."""
    return settings.api.requests_per_second / settings.shard.total
