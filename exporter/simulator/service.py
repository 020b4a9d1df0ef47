"""What each of the five calls answers to a query."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from exporter.simulator import bodies, scenarios
from exporter.simulator.bodies import Json, ServiceError
from exporter.simulator.gateway import Call
from exporter.simulator.world import Item, Plan, Row, World

SMALLEST_PAGE, LARGEST_PAGE = 10, 10_000
# What a cloud does with a pageSize out of its bounds, or says of its pages: refuse it,
# cut it and say so, cut it and state no size, or one that has no sense.
PAGINGS = ("refuse", "clamp", "unstated", "nonsense")
_NONSENSE = (LARGEST_PAGE, -1, "many", 7)


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
        plans = self._world.list_plans()
        return self._page(call, plans, lambda page: [*map(bodies.plan_body, page)])

    def _list_items(self, call: Call) -> Json:
        items = self._world.list_items(self._plan(call).plan_id)
        return self._page(call, items, lambda page: [*map(bodies.item_body, page)])

    def _list_checkpoints(self, call: Call) -> Json:
        instance = call.query.get("instanceId", "")
        if not instance:
            raise _bad("Missing", "instanceId")
        if instance not in {side.instance_id for side in self._plan(call).instances}:
            raise _not_found("Instance")
        route = (call.plan_id, self._item(call).item_id, instance)
        wanted = call.query.get("filter", "")
        rows = [
            row
            for row in self._world.list_rows(*route, self._membership_time(call))
            if wanted in row.group or wanted in row.topic
        ]
        return self._page(call, rows, lambda page: self._spell(call, page))

    def _page(
        self,
        call: Call,
        listed: Sequence[Any],
        spell: Callable[[Sequence[Any]], Any],
    ) -> Json:
        """Spell one page, cut as the world's paging says."""
        number = _number(call, "pageNumber", "1", 1)
        asked = _number(call, "pageSize", "10", -LARGEST_PAGE)
        is_bound = call.action == "ListDisasterRecoveryCheckpoints"
        largest = self._world.largest_page if is_bound else LARGEST_PAGE
        size = max(SMALLEST_PAGE, min(asked, largest))
        paging = self._world.paging
        if paging == "refuse" and size != asked:
            raise _bad("Invalid", "pageSize")
        stated: Json = {"pageSize": size} if paging != "unstated" else {}
        if paging == "nonsense":
            stated["pageSize"] = _NONSENSE[number % len(_NONSENSE)]
        start = (number - 1) * size
        return {
            "pageNumber": number,
            **stated,
            "totalCount": len(listed),
            "scrollId": f"{call.action}-{number}",
            "list": spell(listed[start : start + size]),
        }

    def _spell(self, call: Call, page: Sequence[Row]) -> msgspec.Raw:
        moving = ((row, self._world.progress(row, call.now)) for row in page)
        return bodies.checkpoint_bodies(call.plan_id, call.item_id, moving)

    def _membership_time(self, call: Call) -> float:
        """Let the later pages of an odd poll of ``churn`` see the next phase."""
        if self._world.scenario != "churn":
            return call.now
        polled = (call.plan_id, call.item_id, call.query["instanceId"])
        is_first = call.query.get("pageNumber", "1") == "1"
        self._polls[polled] += is_first
        is_disturbed = not is_first and self._polls[polled] % 2
        return call.now + scenarios.CHURN_SECONDS * is_disturbed

    def _plan(self, call: Call) -> Plan:
        for plan in self._world.list_plans():
            if plan.plan_id == call.plan_id:
                return plan
        raise _not_found("DisasterRecoveryPlan")

    def _item(self, call: Call) -> Item:
        for item in self._world.list_items(self._plan(call).plan_id):
            if item.item_id == call.item_id:
                return item
        raise _not_found("DisasterRecoveryItem")


def _not_found(kind: str) -> ServiceError:
    return ServiceError(404, f"{kind}.NotFound", "What was asked for cannot be found.")


def _bad(how: str, parameter: str) -> ServiceError:
    message = f"The parameter {parameter} is not valid."
    detail = {"parameter": parameter}
    return ServiceError(400, f"{how}{parameter}", message, detail=detail)


def _number(call: Call, name: str, default: str, least: int) -> int:
    text = call.query.get(name, default)
    if not text.removeprefix("-").isdecimal() or int(text) < least:
        raise _bad("Invalid", name)
    return int(text)
