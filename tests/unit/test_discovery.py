"""Which routes are found, what is missing, and what a failure costs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from core_cases import (
    ERRORS,
    HERE,
    REGION,
    THERE,
    DiscoveryBench,
    FakePlanReader,
    Ids,
    item,
    not_found,
    one_way,
    two_way,
)
from structlog.testing import capture_logs
from virtual_time import settled, virtually

from exporter.config.settings import (
    ApiSettings,
    PlanSettings,
    PollSettings,
    Settings,
    ShardSettings,
)
from exporter.model.errors import PermissionDeniedError, Reason, UnavailableError
from exporter.model.types import Limits, Missing, Plan, Route

FULL = PlanSettings(id="1", items=("10", "11"), source_instances=(HERE,))


async def test_a_plan_configured_in_full_is_polled_before_it_is_looked_up() -> None:
    """Its routes are known without a call, and while the cloud cannot be asked."""
    wanted = PlanSettings(
        id="1",
        region="cn-shanghai",
        items=("10", "11"),
        source_instances=(HERE, THERE),
        filter="topic_test",
    )
    bench = DiscoveryBench(wanted)
    routes = tuple(
        Route("1", item_id, instance, "cn-shanghai", "topic_test")
        for item_id in ("10", "11")
        for instance in (HERE, THERE)
    )
    assert bench.discovery.inventory.routes == routes
    bench.cloud.errors["1"] = UnavailableError("refused")

    assert not await bench.discovery.refresh()

    assert bench.discovery.inventory.routes == routes


async def test_a_plan_configured_in_full_is_judged_as_any_other() -> None:
    """Two calls tell its status, its items, and which of its ids do not exist."""
    bench = DiscoveryBench(FULL)
    bench.cloud.hold(one_way("1"), item("1", "10"))

    assert await bench.discovery.refresh()

    inventory = bench.discovery.inventory
    assert (inventory.plans, inventory.items) == ((one_way("1"),), (item("1", "10"),))
    assert bench.missing() == {Missing("item", "11", "1")}
    assert inventory.looked_up == {"1"}
    assert bench.routes() == [("1", "10", HERE)]
    assert len(bench.cloud.calls) == 2


async def test_a_plan_has_objectives_unless_it_does_not_exist() -> None:
    """Also while the cloud cannot be asked what it is; its own, or everybody's."""
    own = {"id": "2", "objectives": {"lag": "7s"}}
    bench = DiscoveryBench(
        PlanSettings(id="1"), PlanSettings.model_validate(own), PlanSettings(id="3")
    )
    bench.cloud.hold(one_way("1"))
    bench.cloud.errors["2"] = UnavailableError("refused")

    await bench.discovery.refresh()

    limits = bench.discovery.inventory.limits
    assert list(limits.items()) == [
        ("1", Limits(300.0, 600.0, 0.99, is_auto_synced=True)),
        ("2", Limits(7.0, 600.0, 0.99)),
    ]


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
    assert list(bench.discovery.inventory.limits) == ["1", "2"]
    assert bench.failures == []


@pytest.mark.parametrize(
    ("listed", "found", "calls", "routes"),
    [
        ("CREATED", "RUNNING", ["list"], []),
        ("DELETED", "RUNNING", ["list"], []),
        # It may have changed since the list was read.
        ("RUNNING", "CREATED", ["list", "1"], []),
        ("RUNNING", "DELETED", ["list", "1"], []),
        ("RUNNING", "RUNNING", ["list", "1", "items 1"], [("1", "10", HERE)]),
    ],
)
async def test_a_listed_plan_is_polled_only_while_it_runs(
    listed: str, found: str, calls: list[str], routes: list[Ids]
) -> None:
    """A list may leave the instances out: then the plan is asked. Deleted is gone."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1", status=found), item("1", "10"))
    bench.cloud.listed = [replace(one_way("1", status=listed), instances=())]

    assert await bench.discovery.refresh()

    assert (bench.cloud.calls, bench.routes()) == (calls, routes)
    is_deleted = "DELETED" in (listed, found)
    assert len(bench.discovery.inventory.plans) == int(not is_deleted)
    assert bench.missing() == set()


@pytest.mark.parametrize(
    ("wanted", "calls", "routes"),
    [
        (
            PlanSettings(id="2"),
            ["2", "items 2"],
            [("2", "20", THERE), ("2", "21", HERE), ("2", "21", THERE)],
        ),
        (
            PlanSettings(id="2", items=("21",)),
            ["2", "21"],
            [("2", "21", HERE), ("2", "21", THERE)],
        ),
        (
            PlanSettings(id="2", source_instances=(HERE,)),
            ["2", "items 2"],
            [("2", "20", HERE), ("2", "21", HERE)],
        ),
    ],
)
async def test_a_configured_plan_is_completed_whatever_its_status(
    wanted: PlanSettings, calls: list[str], routes: list[Ids]
) -> None:
    """Items and instances are found where they are not given; the filter is kept."""
    bench = DiscoveryBench(wanted.model_copy(update={"filter": "orders"}))
    plan = replace(two_way("2"), status="CREATED")
    bench.cloud.hold(plan, item("2", "20", THERE), item("2", "21"))

    assert await bench.discovery.refresh()

    assert (bench.cloud.calls, bench.routes()) == (calls, routes)
    ours = bench.discovery.inventory.routes
    assert {(r.filter, r.region) for r in ours} == {("orders", REGION)}
    assert bench.missing() == set()


@pytest.mark.parametrize(
    ("wanted", "gone", "left"),
    [
        (PlanSettings(id="9"), Missing("plan", "9"), []),
        (PlanSettings(id="8"), Missing("plan", "8"), []),
        (
            PlanSettings(id="1", items=("10", "99")),
            Missing("item", "99", "1"),
            [("1", "10", HERE)],
        ),
        (
            PlanSettings(id="1", source_instances=(HERE, "rmq-gone")),
            Missing("instance", "rmq-gone", "1"),
            [("1", "10", HERE)],
        ),
        (
            PlanSettings(id="1", source_instances=("rmq-gone",)),
            Missing("instance", "rmq-gone", "1"),
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
    # Deleted plans can still be read.
    bench.cloud.hold(one_way("8", status="DELETED"), item("8", "10"))
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


async def test_a_plan_that_names_no_instances_misses_none() -> None:
    """What it leaves unsaid is no proof that the configuration is wrong."""
    bench = DiscoveryBench(PlanSettings(id="1", source_instances=(HERE,)))
    bench.cloud.hold(replace(one_way("1"), instances=()), item("1", "10"))

    await bench.discovery.refresh()

    assert bench.missing() == set()
    assert bench.routes() == [("1", "10", HERE)]


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
    bench = DiscoveryBench()
    cloud = bench.cloud = SlowPlanReader()
    plans = [{"id": str(number)} for number in range(1, 11)]
    for number in range(1, 11):
        cloud.hold(one_way(str(number)))
    settings = Settings(plans=plans, api=ApiSettings(max_concurrency=3))

    await bench.discovery_of(settings).refresh()

    assert cloud.most == 3


async def test_a_failure_is_told_until_it_ends_and_again_for_another_reason() -> None:
    """It can be asked for, by plan or region; the rest keeps what was found."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    await bench.discovery.refresh()
    before = bench.discovery.inventory
    refused, denied = UnavailableError("refused"), PermissionDeniedError("denied")

    with capture_logs() as logs:
        for errors, failing in (
            ({"list": refused}, {f"region {REGION}": refused}),
            ({"items 1": refused}, {"plan 1": refused}),
            ({"items 1": denied}, {"plan 1": denied}),
            ({"items 1": denied}, {"plan 1": denied}),
            ({}, {}),
        ):
            bench.cloud.errors = dict(errors)
            assert await bench.discovery.refresh() == (not errors)
            assert bench.discovery.failures.failing == failing
            assert bench.discovery.inventory == before

    assert bench.failures == [Reason.UNAVAILABLE] * 2 + [Reason.PERMISSION] * 2
    assert [(log["event"], log["subject"], log.get("reason")) for log in logs] == [
        ("discovery_failed", f"region {REGION}", "unavailable"),
        ("discovery_recovered", f"region {REGION}", None),
        ("discovery_failed", "plan 1", "unavailable"),
        ("discovery_failed", "plan 1", "permission"),
        ("discovery_recovered", "plan 1", None),
    ]


@pytest.mark.parametrize(
    ("failing", "reason", "is_known"),
    [
        ("items 1", Reason.PERMISSION, True),
        ("items 1", Reason.MALFORMED, True),
        ("items 1", Reason.UNAVAILABLE, False),
        ("items 1", Reason.CREDENTIALS, False),
        ("list", Reason.PERMISSION, False),
    ],
)
async def test_every_plan_is_known_though_one_may_not_be_looked_up(
    failing: str, reason: Reason, *, is_known: bool
) -> None:
    """It was listed. What waiting ends, or ails all plans, proves nothing."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    bench.cloud.hold(replace(one_way("2"), status="CREATED"))
    bench.cloud.errors[failing] = ERRORS[reason]("failed")

    assert not await bench.discovery.refresh()

    assert bench.discovery.is_known is is_known
    looked_up = {"2"} if failing == "items 1" else set()
    assert bench.discovery.inventory.looked_up == looked_up


async def test_each_region_lists_its_plans_and_one_that_fails_costs_only_itself() -> (
    None
):
    """Its plans stay as they were; a plan that two regions list is polled once."""
    bench, shanghai = DiscoveryBench(), "cn-shanghai"
    here, both, there = (one_way(number) for number in "123")
    for number, plan in enumerate((here, both, there)):
        bench.cloud.hold(plan, item(plan.plan_id, str(10 + number)))
    moved = [replace(plan, region=shanghai) for plan in (both, there)]
    bench.cloud.regions = {REGION: [here, both], shanghai: moved}
    api = ApiSettings(regions=(REGION, shanghai))
    found = bench.discovery_of(Settings(api=api))

    def homes() -> dict[str, str]:
        routes = found.inventory.routes
        assert {route.plan_id for route in routes} == {
            plan.plan_id for plan in found.inventory.plans
        }
        return {route.plan_id: route.region for route in routes}

    assert await found.refresh()
    assert homes() == {"1": REGION, "2": REGION, "3": shanghai}
    bench.cloud.regions = {REGION: UnavailableError("x"), shanghai: moved[:1]}
    assert not await found.refresh()
    assert list(found.failures.failing) == [f"region {REGION}"]
    assert homes() == {"1": REGION, "2": REGION}
    bench.cloud.regions = {REGION: [here], shanghai: moved}
    assert await found.refresh()
    bench.cloud.regions = {REGION: [here, both], shanghai: moved}
    assert await found.refresh()
    assert homes() == {"1": REGION, "2": shanghai, "3": shanghai}


@pytest.mark.parametrize("is_gone", [True, False])
async def test_a_failing_plan_that_is_not_looked_at_has_not_recovered(
    *, is_gone: bool
) -> None:
    """If it is gone, discovery is whole again; if the list fails, nothing is known."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    bench.cloud.errors["items 1"] = UnavailableError("refused")
    await bench.discovery.refresh()
    if is_gone:
        del bench.cloud.plans["1"]
    else:
        bench.cloud.errors["list"] = UnavailableError("refused")

    with capture_logs() as logs:
        assert await bench.discovery.refresh() is is_gone

    assert [log["event"] for log in logs] == ["discovery_failed"] * (not is_gone)


@pytest.mark.parametrize("broken", ["list", "items 1"])
async def test_a_bug_costs_its_look_up_alone(broken: str) -> None:
    """It is counted as internal, logged with its traceback, and tried again."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    await bench.discovery.refresh()
    bug = KeyError("a bug")
    bench.cloud.errors[broken] = bug

    with capture_logs() as logs:
        assert not await bench.discovery.refresh()
        assert not await bench.discovery.refresh()

    assert bench.routes() == [("1", "10", HERE)]
    assert bench.failures == [Reason.INTERNAL] * 2
    assert [log["exc_info"] for log in logs] == [bug]
    bench.cloud.errors.clear()
    assert await bench.discovery.refresh()


async def test_a_failing_plan_shows_its_new_status() -> None:
    """The list told it, though the rest could not be looked up."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    await bench.discovery.refresh()
    renamed = replace(one_way("1"), name="new")
    bench.cloud.hold(renamed, item("1", "10"))
    bench.cloud.errors["items 1"] = UnavailableError("refused")

    await bench.discovery.refresh()

    assert bench.discovery.inventory.plans == (renamed,)
    assert bench.routes() == [("1", "10", HERE)]


async def test_a_reload_knows_the_routes_that_stay_before_the_cloud_answers() -> None:
    """Plans that are not asked for are gone at once; an outage costs no route."""
    bench = DiscoveryBench()
    for plan_id in ("1", "2"):
        bench.cloud.hold(one_way(plan_id), item(plan_id, "10"))
    await bench.discovery.refresh()
    bench.cloud.errors = dict.fromkeys(("list", "1"), UnavailableError("refused"))

    same = bench.discovery_of(Settings(), bench.discovery)
    other = bench.discovery_of(Settings(plans=({"id": "1"},)), bench.discovery)

    assert same.inventory == bench.discovery.inventory
    for _ in range(2):
        assert [route.plan_id for route in other.inventory.routes] == ["1"]
        assert not await other.refresh()


@pytest.mark.parametrize(
    ("wanted", "is_missing"),
    [({"id": "1", "items": ["99"]}, True), ({"id": "1"}, False)],
)
async def test_a_reload_keeps_what_is_missing_of_plans_that_it_leaves_alone(
    wanted: dict[str, object], *, is_missing: bool
) -> None:
    """An id that is no longer configured is neither missing nor found."""
    bench = DiscoveryBench(PlanSettings(id="1", items=("99",)))
    bench.cloud.hold(one_way("1"), item("1", "10"))
    await bench.discovery.refresh()

    with capture_logs() as logs:
        settings = Settings(plans=(wanted,), log={"level": "warn"})
        discovery = bench.discovery_of(settings, bench.discovery)
        before = set(discovery.inventory.missing)
        await discovery.refresh()

    gone = {Missing("item", "99", "1")} if is_missing else set()
    assert (before, logs) == (gone, [])
    assert discovery.inventory.missing == before


async def waited(bench: DiscoveryBench) -> float:
    """Return for how many seconds it waits for the next discovery."""
    clock = asyncio.get_running_loop().time
    began = clock()
    await bench.discovery.due()
    return clock() - began


@pytest.mark.parametrize(
    ("interval", "after_success", "after_failure"), [(600, 600, 60), (5, 5, 5)]
)
@virtually
async def test_the_next_discovery_is_sooner_after_a_failure(
    interval: int, after_success: int, after_failure: int
) -> None:
    """But not at once, nor later than its interval; a success ends the haste."""
    bench = DiscoveryBench()
    poll = PollSettings(discovery_interval=timedelta(seconds=interval))
    bench.discovery = bench.discovery_of(Settings(poll=poll))
    for errors, seconds in (
        ({}, after_success),
        ({"list": UnavailableError("refused")}, after_failure),
        ({}, after_success),
    ):
        bench.cloud.errors = dict(errors)
        await bench.discovery.refresh()
        assert bench.discovery.next_in() is None
        waiting = asyncio.create_task(waited(bench))
        await settled()
        assert bench.discovery.next_in() == await waiting == seconds


@virtually
async def test_a_poll_that_misses_an_id_has_discovery_come_at_once() -> None:
    """A poll that fails otherwise says nothing of the ids."""
    bench = DiscoveryBench(FULL)
    await bench.discovery.refresh()
    waiting = asyncio.create_task(waited(bench))
    await asyncio.sleep(200)
    bench.discovery.polled(UnavailableError("refused"))
    await asyncio.sleep(50)

    bench.discovery.polled(not_found())

    assert await waiting == 250
