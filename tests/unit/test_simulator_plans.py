"""What the simulated cloud tells of plans and items, and whom it says nothing of."""

from __future__ import annotations

import pytest
from simulator_client import serving
from simulator_truth import START

from exporter.simulator import bodies
from exporter.simulator.world import World

MIXED = World("mixed", started_at=START)
PLANS = "/disaster_recovery"
PLAN = f"{PLANS}/1300000016"
ITEMS = f"{PLAN}/items"
ITEM = f"{ITEMS}/100070284"
SOURCE = "rmq-cn-7e22ody0001"


@pytest.mark.parametrize("path", [PLANS, PLAN, ITEMS, ITEM])
async def test_success_stands_beside_a_message_of_failure(path: str) -> None:
    """The envelope is the vendor's example, misleading message and all."""
    async with serving(MIXED) as cloud:
        answer = await cloud.ask(path)

    body = answer.json
    assert (answer.status, body["success"], body["code"]) == (200, True, "200")
    assert body["message"] == "The instance cannot be found."
    assert body["httpStatusCode"] == 200
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"


async def test_plans_are_listed_with_a_deleted_one() -> None:
    """Ids are numbers, times are text, roles are spelled as it comes."""
    async with serving(MIXED) as cloud:
        data = (await cloud.ask(PLANS)).json["data"]

    plans = data["list"]
    assert [plan["planId"] for plan in plans] == [1300000016, 1300000017, 1300000018]
    assert [plan["planStatus"] for plan in plans] == ["RUNNING", "RUNNING", "DELETED"]
    assert plans[0]["createTime"] == "2025-01-29 06:28:00"
    roles = {side["instanceRole"] for plan in plans for side in plan["instances"]}
    assert {"ACTIVE", "Active", "Passive"} <= roles
    assert data["scrollId"]
    assert (data["pageNumber"], data["pageSize"], data["totalCount"]) == (1, 10, 3)


async def test_a_plan_and_an_item_are_what_their_lists_say() -> None:
    """The Get calls carry one entry of the lists as their data."""
    async with serving(MIXED) as cloud:
        plans, plan = await cloud.ask(PLANS), await cloud.ask(PLAN)
        items, item = await cloud.ask(ITEMS), await cloud.ask(ITEM)

    assert plan.json["data"] == plans.rows[0]
    assert item.json["data"] == items.rows[0]
    assert item.json["data"]["topics"][0]["topicName"] == "orders"
    assert items.json["data"]["scrollId"]
    first_named = [row["topics"][0]["instanceId"] for row in items.rows]
    assert len(set(first_named)) == 2


async def test_credentials_are_in_plan_bodies_and_nowhere_else() -> None:
    """The vendor's plans carry passwords; no other answer does."""
    async with serving(MIXED) as cloud:
        with_plans = [await cloud.ask(PLANS), await cloud.ask(PLAN)]
        others = [
            await cloud.ask(ITEMS),
            await cloud.ask(ITEM),
            await cloud.checkpoints(0, 0, SOURCE),
            await cloud.ask(f"{PLANS}/1"),
        ]

    for canary in (bodies.USERNAME_CANARY, bodies.PASSWORD_CANARY):
        assert all(canary.encode() in answer.body for answer in with_plans)
    assert not any(b"canary" in answer.body for answer in others)


@pytest.mark.parametrize(
    ("path", "query", "listed"),
    [
        (PLANS, {"filter": "finance"}, 1),
        (PLANS, {"instanceId": "rmq-cn-nwy3i060002"}, 1),
        (PLANS, {"instanceId": "rmq-cn-stranger"}, 0),
        (ITEMS, {"filter": "pay"}, 1),
        (ITEMS, {"topicName": "orders"}, 1),
        (ITEMS, {"topicName": "order"}, 0),
    ],
)
async def test_plans_and_items_can_be_narrowed(
    path: str, query: dict[str, str], listed: int
) -> None:
    """Each parameter of the vendor's list calls does something."""
    async with serving(MIXED) as cloud:
        answer = await cloud.ask(path, query)

    assert len(answer.rows) == listed


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        (f"{PLANS}/1", {}, 404, "DisasterRecoveryPlan.NotFound"),
        (f"{PLANS}/1/items", {}, 404, "DisasterRecoveryPlan.NotFound"),
        (f"{ITEMS}/1", {}, 404, "DisasterRecoveryItem.NotFound"),
        (
            f"{ITEMS}/1/checkpoints",
            {"instanceId": SOURCE},
            404,
            "DisasterRecoveryItem.NotFound",
        ),
        (f"{ITEM}/checkpoints", {"instanceId": "rmq-cn-x"}, 404, "Instance.NotFound"),
        (f"{ITEM}/checkpoints", {}, 400, "MissinginstanceId"),
    ],
)
async def test_what_is_not_there_has_a_code(
    path: str, query: dict[str, str], status: int, code: str
) -> None:
    """The service refuses in camelCase, with success false and no data."""
    async with serving(MIXED) as cloud:
        answer = await cloud.ask(path, query)

    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["success"] is False
    assert answer.json["httpStatusCode"] == status
    assert "data" not in answer.json
