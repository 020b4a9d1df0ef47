"""The RAM policy that we ship allows what the client calls, and nothing else."""

import json
from typing import Any, NoReturn, cast

import pytest
from paths import ROOT

from exporter.cloud.answers import Decode
from exporter.cloud.client import CloudClient
from exporter.cloud.deadline import Deadline
from exporter.cloud.exchange import Call
from exporter.cloud.transport import Transport
from exporter.metrics.telemetry import ACTIONS
from exporter.model.errors import NotFoundError
from exporter.model.types import Route

POLICY = ROOT / "deploy" / "ram-policy.json"
ROUTE = Route("1300000016", "100070284", "rmq-cn-7e22ody0001", "cn-hangzhou")


class EmptyCloud:
    """A transport to a cloud in which nothing exists; it notes what is asked for."""

    def __init__(self) -> None:
        self.actions: list[str] = []

    async def get(
        self, call: Call, decode: Decode[Any], deadline: Deadline
    ) -> NoReturn:
        """Note the action, and find nothing."""
        self.actions.append(call.action)
        raise NotFoundError("nothing exists here")


async def called_actions() -> set[str]:
    """Return the actions that the client's public methods call."""
    cloud = EmptyCloud()
    client = CloudClient(
        cast("Transport", cloud),
        lambda region: f"https://{region}.example",
        timeout=10,
        page_size=100,
        workers=1,
    )
    reads = {
        "list_plans": client.list_plans("cn-hangzhou"),
        "get_plan": client.get_plan("cn-hangzhou", ROUTE.plan_id),
        "list_items": client.list_items("cn-hangzhou", ROUTE.plan_id),
        "get_item": client.get_item("cn-hangzhou", ROUTE.plan_id, ROUTE.item_id),
        "list_checkpoints": client.list_checkpoints(
            ROUTE, admits=lambda _group, _topic: True, room=1
        ),
    }
    for read in reads.values():
        with pytest.raises(NotFoundError):
            await read
    public = {name for name in vars(CloudClient) if not name.startswith("_")}
    assert set(reads) == public, "a method of the client is called by no test here"
    return set(cloud.actions)


def statements() -> list[dict[str, Any]]:
    """Return the policy's statements."""
    policy = json.loads(POLICY.read_text(encoding="utf-8"))
    assert policy["Version"] == "1"
    return cast("list[dict[str, Any]]", policy["Statement"])


async def test_the_policy_allows_exactly_what_the_client_calls() -> None:
    """No action is refused, and none is granted that nobody needs."""
    (statement,) = statements()

    allowed = statement["Action"]

    assert sorted(allowed) == sorted(f"rocketmq:{a}" for a in await called_actions())
    assert (statement["Effect"], statement["Resource"]) == ("Allow", "*")


async def test_each_action_that_is_called_is_counted_from_the_start() -> None:
    """Telemetry's list of actions is the client's."""
    assert sorted(ACTIONS) == sorted(await called_actions())


def test_the_policy_allows_no_write() -> None:
    """Each action is spelled out, and reads."""
    for statement in statements():
        for action in statement["Action"]:
            assert action.startswith(("rocketmq:List", "rocketmq:Get"))
            assert "*" not in action
