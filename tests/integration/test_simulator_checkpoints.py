"""What the simulated cloud lists as checkpoints, page by page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from simulator_client import serving
from simulator_truth import START

from exporter.simulator.actions import Service
from exporter.simulator.calls import Call
from exporter.simulator.world import Checkpoint, World

MIXED = World("mixed", started_at=START)
WIDE = World("healthy", plans=1, items=1, groups=25, started_at=START)
PLANS = "/disaster_recovery"
ITEM = f"{PLANS}/1300000016/items/100070284"
SOURCE = "rmq-cn-7e22ody0001"


def known(unix_ms: Any) -> int | None:
    """Read a time as a client must: missing, null, 0 and negative are unknown."""
    return unix_ms if isinstance(unix_ms, int) and unix_ms > 0 else None


def consumed(side: Any) -> int | None:
    """Read a side's consumeTimestamp, whatever of the path to it is there."""
    return known((side.get("progressData") or {}).get("consumeTimestamp"))


def read(row: Any) -> Checkpoint:
    """Read a row of the wire back into the truth it was made of."""
    source, target = row["sourceProgress"], row["targetProgress"]
    return Checkpoint(
        checkpoint_id=str(row["checkpointId"]),
        group=source["consumerGroupId"],
        topic=source["topicName"],
        target_group=target["consumerGroupId"],
        target_topic=target["topicName"],
        source_instance_id=source["instanceId"],
        source_region_id=source["regionId"],
        source_type=source["instanceType"],
        target_instance_id=target["instanceId"],
        target_region_id=target["regionId"],
        target_type=target["instanceType"],
        last_sync_ms=known(row.get("lastSyncTime")),
        source_ms=consumed(source),
        target_ms=consumed(target),
        source_fetch_ms=source["lastFetchTime"],
        target_fetch_ms=target["lastFetchTime"],
    )


async def test_checkpoints_on_the_wire_are_the_truth() -> None:
    """Every field of every row says what the world says, unknowns included."""
    async with serving(MIXED) as cloud:
        answer = await cloud.checkpoints(0, 0, SOURCE)

    truth = MIXED.checkpoints_at("1300000016", "100070284", SOURCE, START)
    assert tuple(read(row) for row in answer.rows) == truth
    assert {row["planId"] for row in answer.rows} == {1300000016}
    assert {row["itemId"] for row in answer.rows} == {100070284}
    assert {type(row["checkpointId"]) for row in answer.rows} == {int}


async def test_what_is_unknown_is_spelled_in_every_way() -> None:
    """Missing, null, zero and negative all stand for a time that nobody knows."""
    never = World("never_synced", started_at=START)
    async with serving(never) as cloud:
        rows = (await cloud.checkpoints(0, 0, SOURCE)).rows

    syncs = {repr(row.get("lastSyncTime", "missing")) for row in rows}
    progress = {repr(row["targetProgress"]["progressData"]) for row in rows}
    assert syncs == {"'missing'", "None", "0", "-1"}
    assert progress == {
        "{}",
        "None",
        "{'consumeTimestamp': None}",
        "{'consumeTimestamp': 0}",
    }


@pytest.mark.parametrize(
    ("asked", "given", "listed"),
    [
        ({}, 10, 10),
        ({"pageSize": "1"}, 10, 10),
        ({"pageSize": "20"}, 20, 20),
        ({"pageSize": "1000"}, 100, 25),
        ({"pageSize": "-5", "pageNumber": "3"}, 10, 5),
        ({"pageNumber": "4"}, 10, 0),
    ],
)
async def test_a_page_size_is_clamped_silently(
    asked: dict[str, str], given: int, listed: int
) -> None:
    """The answer's pageSize says what was done; beyond the end the list is empty."""
    async with serving(WIDE) as cloud:
        answer = await cloud.ask(f"{ITEM}/checkpoints", {"instanceId": SOURCE, **asked})

    data = answer.json["data"]
    assert (data["pageSize"], len(data["list"]), data["totalCount"]) == (
        given,
        listed,
        25,
    )
    assert data["pageNumber"] == int(asked.get("pageNumber", "1"))


async def test_pages_add_up() -> None:
    """Pages one after the other list each checkpoint once, in one order."""
    async with serving(WIDE) as cloud:
        pages = [
            await cloud.checkpoints(0, 0, SOURCE, pageSize="10", pageNumber=str(number))
            for number in (1, 2, 3)
        ]

    truth = WIDE.checkpoints_at("1300000016", "100070284", SOURCE, START)
    polled = tuple(read(row) for page in pages for row in page.rows)
    assert polled == truth


@pytest.mark.parametrize(
    "query", [{"pageNumber": "0"}, {"pageSize": "ten"}, {"pageNumber": "1" * 5000}]
)
async def test_a_page_that_is_none_is_refused(query: dict[str, str]) -> None:
    """Pages are counted from 1, in digits."""
    async with serving(WIDE) as cloud:
        answer = await cloud.ask(PLANS, query)

    assert answer.status == 400
    assert answer.code.startswith("InvalidParameter")


async def test_a_filter_looks_into_group_and_topic() -> None:
    """A part of either name is enough, on either side; totals count what is left."""
    async with serving(MIXED) as cloud:
        by_group = await cloud.checkpoints(0, 0, SOURCE, filter="_mail")
        by_topic = await cloud.checkpoints(0, 0, SOURCE, filter="rder")
        by_none = await cloud.checkpoints(0, 0, SOURCE, filter="refunds")

    assert [read(row).group for row in by_group.rows] == ["GID_mailer"]
    assert by_group.json["data"]["totalCount"] == 1
    assert len(by_topic.rows) == 10
    assert by_none.json["data"]["totalCount"] == 0


def test_a_hundred_thousand_checkpoints_are_a_thousand_pages() -> None:
    """Fifty plans of ten items of 200 groups list each checkpoint on one page."""
    big = World("healthy", plans=50, items=10, groups=200, started_at=START)
    service = Service(big)
    seen: set[bytes] = set()
    pages = 0
    for plan in big.plans_at(START):
        source = plan.instances[0].instance_id
        for item in big.items_at(plan.plan_id, START):
            for number in ("1", "2"):
                query = {"instanceId": source, "pageSize": "100", "pageNumber": number}
                call = Call(
                    "ListDisasterRecoveryCheckpoints",
                    plan.plan_id,
                    item.item_id,
                    query,
                    START,
                )
                listed = bytes(service.answer(call)["list"])
                seen.update(re.findall(rb'"checkpointId":(\d+)', listed))
                pages += 1

    assert (pages, len(seen)) == (1000, 100_000)
