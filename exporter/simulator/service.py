"""What each of the five calls answers to a query."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from exporter.simulator import bodies, scenarios
from exporter.simulator.bodies import Json
from exporter.simulator.faults import ServiceError
from exporter.simulator.world import Item, Plan, World

SMALLEST_PAGE, LARGEST_PAGE = 10, 100

_Listed = TypeVar("_Listed")

_PATH = re.compile(
    "/disaster_recovery(?:/(?P<plan>[0-9]{1,18})"
    "(?:(?P<items>/items)(?:/(?P<item>[0-9]{1,18})"
    "(?P<checkpoints>/checkpoints)?)?)?)?"
)
# By the last part of the path.
_ACTIONS = {
    None: "ListDisasterRecoveryPlans",
    "plan": "GetDisasterRecoveryPlan",
    "items": "ListDisasterRecoveryItems",
    "item": "GetDisasterRecoveryItem",
    "checkpoints": "ListDisasterRecoveryCheckpoints",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the service: which action, on what, when."""

    action: str
    plan_id: str
    item_id: str
    query: Mapping[str, str]
    now: float


def route(path: str) -> tuple[str, str, str] | None:
    """Find the action, plan id and item id of a path; ids it has not are empty.

    >>> route("/disaster_recovery/1300000016/items")
    ('ListDisasterRecoveryItems', '1300000016', '')
    """
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    return _ACTIONS[found.lastgroup], found["plan"] or "", found["item"] or ""


class Service:
    """Answer calls about one world; in ``churn`` disturb every other poll."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._polls: Counter[tuple[str, str, str]] = Counter()
        self._answers: dict[str, Callable[[Call], Json]] = {
            "ListDisasterRecoveryPlans": self._list_plans,
            "GetDisasterRecoveryPlan": lambda call: bodies.plan_body(self._plan(call)),
            "ListDisasterRecoveryItems": self._list_items,
            "GetDisasterRecoveryItem": lambda call: bodies.item_body(self._item(call)),
            "ListDisasterRecoveryCheckpoints": self._list_checkpoints,
        }

    def answer(self, call: Call) -> Json:
        """Return the ``data`` of the answer.

        Raises:
            ServiceError: something asked for does not exist, or the query is not valid.
        """
        return self._answers[call.action](call)

    def _list_plans(self, call: Call) -> Json:
        return _scrolled(self._world.list_plans(), bodies.plan_body, call)

    def _list_items(self, call: Call) -> Json:
        items = self._world.list_items(self._plan(call).plan_id)
        return _scrolled(items, bodies.item_body, call)

    def _list_checkpoints(self, call: Call) -> Json:
        route = (call.plan_id, call.item_id, self._instance(call))
        self._item(call)
        number, size = _page_of(call.query)
        wanted = call.query.get("filter", "")
        rows = [
            row
            for row in self._world.list_rows(*route, self._now_in_poll(call, number))
            if wanted in row.group or wanted in row.topic or wanted in row.target_topic
        ]
        start = (number - 1) * size
        listed = bodies.checkpoint_bodies(
            call.plan_id,
            call.item_id,
            (
                (row, self._world.progress(row, call.now))
                for row in rows[start : start + size]
            ),
        )
        return bodies.page(listed, number, size, len(rows))

    def _now_in_poll(self, call: Call, number: int) -> float:
        """Let the later pages of an odd poll of ``churn`` see the next phase."""
        if self._world.scenario != "churn":
            return call.now
        polled = (call.plan_id, call.item_id, call.query["instanceId"])
        self._polls[polled] += number == 1
        is_disturbed = number > 1 and self._polls[polled] % 2
        return call.now + scenarios.CHURN_SECONDS * is_disturbed

    def _plan(self, call: Call) -> Plan:
        for plan in self._world.list_plans():
            if plan.plan_id == call.plan_id:
                return plan
        raise _not_found("DisasterRecoveryPlan", "plan")

    def _item(self, call: Call) -> Item:
        for item in self._world.list_items(self._plan(call).plan_id):
            if item.item_id == call.item_id:
                return item
        raise _not_found("DisasterRecoveryItem", "item")

    def _instance(self, call: Call) -> str:
        instance = call.query.get("instanceId", "")
        if not instance:
            message = "Parameter instanceId is mandatory for this action"
            raise ServiceError(400, "MissinginstanceId", message)
        if instance not in {side.instance_id for side in self._plan(call).instances}:
            raise _not_found("Instance", "instance")
        return instance


def _not_found(kind: str, name: str) -> ServiceError:
    return ServiceError(404, f"{kind}.NotFound", f"The {name} cannot be found.")


def _page_of(query: Mapping[str, str]) -> tuple[int, int]:
    """Read page number and size; a size out of bounds is moved into them, silently."""
    try:
        number = int(query.get("pageNumber", "1"))
        size = int(query.get("pageSize", "10"))
    except ValueError:
        message = "The page is not a number."
        raise ServiceError(400, "InvalidParameter", message) from None
    if number < 1:
        message = "Pages are counted from 1."
        raise ServiceError(400, "InvalidParameter.pageNumber", message)
    return number, max(SMALLEST_PAGE, min(size, LARGEST_PAGE))


def _scrolled(
    listed: Sequence[_Listed], body: Callable[[_Listed], Json], call: Call
) -> Json:
    number, size = _page_of(call.query)
    start = (number - 1) * size
    rows: list[Any] = [body(entry) for entry in listed[start : start + size]]
    scroll_id = f"{call.action}-{number}"
    return bodies.page(rows, number, size, len(listed)) | {"scrollId": scroll_id}
