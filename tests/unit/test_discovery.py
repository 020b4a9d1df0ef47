"""Which routes are found, and what of the configuration is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_cases import (
    HERE,
    REGION,
    THERE,
    FakePlanReader,
    item,
    one_way,
    two_way,
)
from discovery_bench import DiscoveryBench, Ids
from structlog.testing import capture_logs
from virtual_time import settled

from exporter.config import ApiSettings, PlanSettings, Settings, ShardSettings
from exporter.model.types import Missing, Plan, Route
from exporter.polling.discovery import Discovery


async def test_a_plan_configured_in_full_needs_no_call() -> None:
    """Its routes are known before the cloud can be reached."""
    wanted = PlanSettings(
        id="1",
        region="cn-shanghai",
        items=("10", "11"),
        source_instances=(HERE, THERE),
        filter="topic_test",
    )
    bench = DiscoveryBench(wanted)

    assert await bench.discovery.refresh()

    assert bench.cloud.calls == []
    assert bench.discovery.inventory.plans == ()
    assert bench.discovery.inventory.routes == tuple(
        Route("1", item_id, instance, "cn-shanghai", "topic_test")
        for item_id in ("10", "11")
        for instance in (HERE, THERE)
    )


async def test_left_to_itself_it_finds_every_running_plan() -> None:
    """One-way plans at their active side, two-way plans at both."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1", role="Active"), item("1", "10"), item("1", "11"))
    bench.cloud.hold(two_way("2"), item("2", "20"))

    assert await bench.discovery.refresh()

    assert bench.routes() == [
        ("1", "10", HERE),
        ("1", "11", HERE),
        ("2", "20", HERE),
        ("2", "20", THERE),
    ]
    assert bench.failures == []


async def test_plans_that_do_not_run_are_listed_but_not_polled() -> None:
    """Their status is a metric; nothing is asked of them."""
    bench = DiscoveryBench()
    created = one_way("1", status="CREATED")
    bench.cloud.hold(created, item("1", "10"))

    await bench.discovery.refresh()

    assert bench.routes() == []
    assert bench.discovery.inventory.plans == (created,)
    assert bench.cloud.calls == ["list"]


async def test_deleted_plans_are_skipped() -> None:
    """The list of plans may still name them."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1", status="DELETED"), item("1", "10"))

    assert await bench.discovery.refresh()

    assert bench.discovery.inventory.plans == ()
    assert bench.routes() == []
    assert bench.cloud.calls == ["list"]


async def test_a_list_without_instances_is_completed() -> None:
    """Who takes part is then asked of each plan."""
    bench = DiscoveryBench()
    bench.cloud.hold(two_way("2"), item("2", "20"))
    bench.cloud.listed = [replace(two_way("2"), instances=())]

    await bench.discovery.refresh()

    assert bench.cloud.calls == ["list", "2", "items 2"]
    assert bench.routes() == [("2", "20", HERE), ("2", "20", THERE)]
    assert bench.discovery.inventory.plans == (two_way("2"),)


@pytest.mark.parametrize(("status", "listed"), [("DELETED", 0), ("CREATED", 1)])
async def test_what_a_plan_says_of_itself_holds(status: str, listed: int) -> None:
    """It may have changed since the list was read."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1", status=status), item("1", "10"))
    bench.cloud.listed = [replace(one_way("1"), instances=())]

    await bench.discovery.refresh()

    assert bench.routes() == []
    assert len(bench.discovery.inventory.plans) == listed


async def test_a_configured_plan_is_completed() -> None:
    """Its items and instances are found, and its filter is kept."""
    bench = DiscoveryBench(PlanSettings(id="2", filter="topic_test"))
    bench.cloud.hold(two_way("2"), item("2", "20", THERE), item("2", "21"))

    await bench.discovery.refresh()

    assert bench.cloud.calls == ["2", "items 2"]
    assert bench.routes() == [
        ("2", "20", THERE),
        ("2", "21", HERE),
        ("2", "21", THERE),
    ]
    assert {r.filter for r in bench.discovery.inventory.routes} == {"topic_test"}
    assert {r.region for r in bench.discovery.inventory.routes} == {REGION}


async def test_a_configured_plan_is_polled_whatever_its_status() -> None:
    """Whoever names a plan wants to see it."""
    bench = DiscoveryBench(PlanSettings(id="1"))
    bench.cloud.hold(one_way("1", status="CREATED"), item("1", "10"))

    await bench.discovery.refresh()

    assert bench.routes() == [("1", "10", HERE)]


async def test_configured_items_and_instances_narrow_a_plan() -> None:
    """Either may be given without the other."""
    bench = DiscoveryBench(
        PlanSettings(id="1", items=("11",)),
        PlanSettings(id="2", source_instances=(THERE,)),
    )
    bench.cloud.hold(one_way("1"), item("1", "10"), item("1", "11"))
    bench.cloud.hold(two_way("2"), item("2", "20"), item("2", "21"))

    await bench.discovery.refresh()

    assert bench.routes() == [
        ("1", "11", HERE),
        ("2", "20", THERE),
        ("2", "21", THERE),
    ]
    assert bench.missing() == set()


@pytest.mark.parametrize(
    ("wanted", "gone", "left"),
    [
        (PlanSettings(id="9"), Missing("plan", "9"), []),
        (
            PlanSettings(id="1", items=("10", "99")),
            Missing("item", "99"),
            [("1", "10", HERE)],
        ),
        (
            PlanSettings(id="1", source_instances=(HERE, "rmq-gone")),
            Missing("instance", "rmq-gone"),
            [("1", "10", HERE)],
        ),
        (
            PlanSettings(id="1", source_instances=("rmq-gone",)),
            Missing("instance", "rmq-gone"),
            [],
        ),
    ],
)
async def test_what_is_configured_and_not_found_is_told_once(
    wanted: PlanSettings, gone: Missing, left: list[Ids]
) -> None:
    """It is no failure, costs nothing else, and is looked for again each time."""
    bench = DiscoveryBench(wanted)
    bench.cloud.hold(one_way("1"), item("1", "10"))
    with capture_logs() as logs:
        assert await bench.discovery.refresh()
        assert await bench.discovery.refresh()

    assert bench.missing() == {gone}
    assert bench.routes() == left
    assert bench.failures == []
    assert logs == [
        {
            "event": "configured_not_found",
            "log_level": "warning",
            "kind": gone.kind,
            "id": gone.id,
        }
    ]


async def test_a_configured_plan_that_is_deleted_is_missing() -> None:
    """Deleted plans can still be read."""
    bench = DiscoveryBench(PlanSettings(id="1"))
    bench.cloud.hold(one_way("1", status="DELETED"), item("1", "10"))

    await bench.discovery.refresh()

    assert bench.missing() == {Missing("plan", "1")}
    assert bench.routes() == []


async def test_a_plan_that_names_no_instances_misses_none() -> None:
    """What it leaves unsaid is no proof that the configuration is wrong."""
    bench = DiscoveryBench(PlanSettings(id="1", source_instances=(HERE,)))
    bench.cloud.hold(replace(one_way("1"), instances=()), item("1", "10"))

    await bench.discovery.refresh()

    assert bench.missing() == set()
    assert bench.routes() == [("1", "10", HERE)]


async def test_what_turns_up_is_told_and_polled() -> None:
    """The plan is created after the exporter was configured for it."""
    bench = DiscoveryBench(PlanSettings(id="1"))
    await bench.discovery.refresh()
    bench.cloud.hold(one_way("1"), item("1", "10"))

    with capture_logs() as logs:
        await bench.discovery.refresh()

    assert bench.missing() == set()
    assert bench.routes() == [("1", "10", HERE)]
    assert [(log["event"], log["id"]) for log in logs] == [("configured_found", "1")]


async def test_routes_follow_what_is_found() -> None:
    """What is new upstream is polled, what has gone is not."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    await bench.discovery.refresh()

    bench.cloud.hold(one_way("1"), item("1", "11"))
    bench.cloud.hold(one_way("2"), item("2", "20"))
    await bench.discovery.refresh()

    assert bench.routes() == [("1", "11", HERE), ("2", "20", HERE)]


async def test_shards_discover_the_same_and_share_the_routes() -> None:
    """Together they poll each route once; each knows every plan."""
    benches = [
        DiscoveryBench(shard=ShardSettings(index=index, total=3)) for index in range(3)
    ]
    for bench in benches:
        for number in range(20):
            bench.cloud.hold(one_way(str(number)), item(str(number), "10"))
        await bench.discovery.refresh()

    shares = [set(bench.routes()) for bench in benches]
    assert all(shares)
    assert sum(map(len, shares)) == len(set.union(*shares)) == 20
    assert len({bench.discovery.inventory.plans for bench in benches}) == 1


class SlowPlanReader(FakePlanReader):
    """Takes its time, and notes how many ask at once."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = self.most = 0

    async def get_plan(self, region: str, plan_id: str) -> Plan:
        """Return one plan, after the others had time to ask."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await settled()
        self.under_way -= 1
        return await super().get_plan(region, plan_id)


async def test_as_many_plans_are_looked_up_at_a_time_as_calls_may_be_made() -> None:
    """A thousand would queue for the limiter, and hold up the polls."""
    cloud = SlowPlanReader()
    plans = [{"id": str(number)} for number in range(1, 11)]
    for number in range(1, 11):
        cloud.hold(one_way(str(number)))
    few, more = (
        Settings(plans=plans, api=ApiSettings(max_concurrency=most)) for most in (3, 5)
    )
    discovery = Discovery(cloud, few, on_failure=lambda _: None)
    await discovery.refresh()
    assert cloud.most == 3

    discovery.reconfigure(cloud, more)
    await discovery.refresh()

    assert cloud.most == 5
