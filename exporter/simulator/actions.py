"""What each of the five calls answers to a query.

It must not know signatures, faults or HTTP; a refusal is a `ServiceError`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from exporter.simulator import bodies, scenarios
from exporter.simulator.calls import Call, page_of
from exporter.simulator.checkpoint_bodies import checkpoint_bodies
from exporter.simulator.refusals import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.simulator.bodies import Json
    from exporter.simulator.world import Item, Plan, World

_Listed = TypeVar("_Listed")


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
        wanted, instance = call.query.get("filter", ""), call.query.get("instanceId")
        plans = [
            plan
            for plan in self._world.plans_at(call.now)
            if wanted in plan.name
            and instance in {None, "", *(side.instance_id for side in plan.instances)}
        ]
        return _scrolled(plans, bodies.plan_body, call)

    def _list_items(self, call: Call) -> Json:
        self._plan(call)
        wanted, topic = call.query.get("filter", ""), call.query.get("topicName")
        items = [
            item
            for item in self._world.items_at(call.plan_id, call.now)
            if any(wanted in name for _, name in item.topics)
            and topic in {None, "", *(name for _, name in item.topics)}
        ]
        return _scrolled(items, bodies.item_body, call)

    def _list_checkpoints(self, call: Call) -> Json:
        instance = call.query.get("instanceId", "")
        if not instance:
            raise ServiceError(
                400,
                "MissinginstanceId",
                "Parameter instanceId is mandatory for this action",
            )
        if instance not in {side.instance_id for side in self._plan(call).instances}:
            raise ServiceError(
                404, "Instance.NotFound", "The instance cannot be found."
            )
        self._item(call)
        number, size = page_of(call.query)
        now = self._now_in_poll(
            (call.plan_id, call.item_id, instance), number, call.now
        )
        rows = self._world.rows_at(call.plan_id, call.item_id, instance, now)
        wanted = call.query.get("filter", "")
        if wanted:
            rows = tuple(
                row for row in rows if any(wanted in name for name in row.names)
            )
        start = (number - 1) * size
        moved = self._world.moved(rows[start : start + size], call.now)
        listed = msgspec.Raw(checkpoint_bodies(call.plan_id, call.item_id, moved))
        return bodies.page(listed, number, size, len(rows))

    def _now_in_poll(
        self, polled: tuple[str, str, str], number: int, now: float
    ) -> float:
        """Let the later pages of an odd poll of ``churn`` see the next phase."""
        if self._world.scenario != "churn":
            return now
        self._polls[polled] += number == 1
        return now + scenarios.CHURN_SECONDS * (number > 1 and self._polls[polled] % 2)

    def _plan(self, call: Call) -> Plan:
        for plan in self._world.plans_at(call.now):
            if plan.plan_id == call.plan_id:
                return plan
        raise ServiceError(
            404, "DisasterRecoveryPlan.NotFound", "The plan cannot be found."
        )

    def _item(self, call: Call) -> Item:
        self._plan(call)
        for item in self._world.items_at(call.plan_id, call.now):
            if item.item_id == call.item_id:
                return item
        raise ServiceError(
            404, "DisasterRecoveryItem.NotFound", "The item cannot be found."
        )


def _scrolled(
    listed: Sequence[_Listed], body: Callable[[_Listed], Json], call: Call
) -> Json:
    number, size = page_of(call.query)
    start = (number - 1) * size
    rows: list[Any] = [body(entry) for entry in listed[start : start + size]]
    scroll_id = f"{call.action}-{number}"
    return bodies.page(rows, number, size, len(listed)) | {"scrollId": scroll_id}
