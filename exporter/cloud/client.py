"""The five reads of the API, each returning what it found, whole, as the model has it.

It never calls an action that writes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog

from exporter.cloud import pages
from exporter.cloud.answers import Decode
from exporter.cloud.checkpoints import CheckpointCollector
from exporter.cloud.deadline import Deadline
from exporter.cloud.decoding import ObjectDecoder, PageDecoder
from exporter.cloud.exchange import Call
from exporter.cloud.plans import RowCollector, item_from, plan_from
from exporter.cloud.transport import Transport
from exporter.cloud.wire import CheckpointRow, ItemRow, PlanRow, Rows
from exporter.model.types import Item, Plan, Route, Snapshot

OnPage = Callable[[int, int, int], None]
"""Hears of a page of a list: its number, its rows, and how many rows all have."""

T = TypeVar("T")
R = TypeVar("R")

LIST_PLANS = "ListDisasterRecoveryPlans"
GET_PLAN = "GetDisasterRecoveryPlan"
LIST_ITEMS = "ListDisasterRecoveryItems"
GET_ITEM = "GetDisasterRecoveryItem"
LIST_CHECKPOINTS = "ListDisasterRecoveryCheckpoints"

PLAN_PATH = "/disaster_recovery"

log = structlog.get_logger(__name__)

_plan_page = PageDecoder(PlanRow, "planId")
_plan = ObjectDecoder(PlanRow)
_item_page = PageDecoder(ItemRow, "itemId")
_item = ObjectDecoder(ItemRow)
_checkpoint_page = PageDecoder(CheckpointRow, "checkpointId")


class CloudClient:
    """Reads disaster-recovery plans, their items and their checkpoints.

    `endpoint_for` maps a region to a base URL; `timeout` bounds each method's whole
    work, in seconds, retries and waiting included; `read` says how much of a list is
    read. Every method raises `CloudError`.
    """

    def __init__(
        self,
        transport: Transport,
        endpoint_for: Callable[[str], str],
        *,
        timeout: float,
        page_size: int,
        workers: int,
        read: pages.Reading = pages.read_all,
    ) -> None:
        self._transport = transport
        self._endpoint_for = endpoint_for
        self._timeout = timeout
        self._page_size = page_size
        self._workers = workers
        self._read = read

    async def list_plans(self, region: str) -> tuple[Plan, ...]:
        """Return every plan of a region, whatever its status.

        A plan's `instances` are empty where the list leaves them out. A malformed row
        is logged and left out.
        """
        collector = await self._read_all(
            Call(LIST_PLANS, self._endpoint_for(region), PLAN_PATH),
            _plan_page,
            lambda: RowCollector[PlanRow](lambda row: row.plan_id),
        )
        _tell_rejected(LIST_PLANS, collector.rejected)
        return tuple(plan_from(row, str(row.plan_id), region) for row in collector.rows)

    async def get_plan(self, region: str, plan_id: str) -> Plan:
        """Return one plan with its instances."""
        call = Call(GET_PLAN, self._endpoint_for(region), _path(plan_id))
        return plan_from(await self._get(call, _plan), plan_id, region)

    async def list_items(self, region: str, plan_id: str) -> tuple[Item, ...]:
        """Return every item of a plan; a malformed row is logged and left out."""
        collector = await self._read_all(
            Call(LIST_ITEMS, self._endpoint_for(region), _path(plan_id, "items")),
            _item_page,
            lambda: RowCollector[ItemRow](lambda row: row.item_id),
        )
        _tell_rejected(LIST_ITEMS, collector.rejected)
        return tuple(
            item_from(row, plan_id, str(row.item_id)) for row in collector.rows
        )

    async def get_item(self, region: str, plan_id: str, item_id: str) -> Item:
        """Return one item of a plan."""
        path = _path(plan_id, "items", item_id)
        call = Call(GET_ITEM, self._endpoint_for(region), path)
        return item_from(await self._get(call, _item), plan_id, item_id)

    async def list_checkpoints(
        self,
        route: Route,
        *,
        admits: Callable[[str, str], bool],
        room: int,
        on_page: OnPage = lambda *_: None,
    ) -> Snapshot:
        """Poll a route: return the snapshot of all its checkpoints.

        `admits` picks by group and topic; beyond `room` checkpoints are only rolled up.
        A list that is read again begins with its page 1 again.
        """
        query = {"instanceId": route.source_instance_id}
        if route.filter is not None:
            query["filter"] = route.filter
        path = _path(route.plan_id, "items", route.item_id, "checkpoints")
        collector = await self._read_all(
            Call(LIST_CHECKPOINTS, self._endpoint_for(route.region), path, query),
            _checkpoint_page,
            lambda: CheckpointCollector(route, admits, room),
            on_page,
        )
        return await collector.snapshot()

    async def _get(self, call: Call, decode: Decode[T]) -> T:
        deadline = Deadline(self._timeout)
        async with deadline.enforced():
            return await self._transport.get(call, decode, deadline)

    async def _read_all(
        self,
        call: Call,
        decode: Decode[Rows[R]],
        collector: Callable[[], pages.C],
        on_page: OnPage = lambda *_: None,
    ) -> pages.C:
        deadline = Deadline(self._timeout)

        async def fetch(number: int) -> pages.Page[Rows[R]]:
            numbers = {"pageNumber": str(number), "pageSize": str(self._page_size)}
            one = Call(call.action, call.endpoint, call.path, {**call.query, **numbers})
            page = _page_of(await self._transport.get(one, decode, deadline))
            on_page(number, page.count, page.total)
            return page

        async with deadline.enforced():
            return await self._read(
                fetch,
                collector,
                workers=self._workers,
                on_incomplete=partial(deadline.failed, collector),
            )


def _page_of(content: Rows[R]) -> pages.Page[Rows[R]]:
    count = len(content.rows) + len(content.malformed)
    return pages.Page(content.total_count, content.page_size or 0, count, content)


def _path(*segments: str) -> str:
    return "/".join((PLAN_PATH, *segments))


def _tell_rejected(action: str, count: int) -> None:
    if count:
        log.warning("rows_rejected", action=action, rows=count, reason="malformed")
