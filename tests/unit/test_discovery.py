"""Which routes are found, what is missing, and what a failure costs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from core_cases import (
    HERE,
    REGION,
    THERE,
    FakePlanReader,
    item,
    not_found,
    one_way,
    two_way,
)
from discovery_bench import DiscoveryBench, Ids
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
from exporter.model.types import Missing, Plan, Route


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


async def test_a_plan_has_objectives_once_it_has_a_route_or_is_known() -> None:
    """Also while the cloud cannot be asked what it is; its own, or everybody's."""
    full = {"id": "2", "items": ["20"], "source_instances": [HERE]}
    bench = DiscoveryBench(
        PlanSettings(id="1"),
        PlanSettings.model_validate({**full, "objectives": {"lag": "7s"}}),
        PlanSettings(id="3"),
    )
    bench.cloud.hold(one_way("1"))

    await bench.discovery.refresh()

    objectives = bench.discovery.inventory.objectives
    assert list(objectives.items()) == [("1", (300.0, 600.0)), ("2", (7.0, 600.0))]


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


async def test_a_failed_plan_keeps_its_routes_and_stops_no_other() -> None:
    """The failure has a reason, and is logged until it changes or ends."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    await bench.discovery.refresh()
    bench.cloud.hold(one_way("2"), item("2", "20"))
    bench.cloud.errors["items 1"] = UnavailableError("refused")

    with capture_logs() as logs:
        assert not await bench.discovery.refresh()
        assert not await bench.discovery.refresh()

    assert bench.routes() == [("1", "10", HERE), ("2", "20", HERE)]
    assert bench.failures == [Reason.UNAVAILABLE] * 2
    assert [(log["event"], log["subject"], log["reason"]) for log in logs] == [
        ("discovery_failed", "plan 1", "unavailable")
    ]


async def test_a_failure_of_another_kind_is_told_and_so_is_its_end() -> None:
    """Whoever reads the log sees what to do now."""
    bench = DiscoveryBench(PlanSettings(id="1"))
    bench.cloud.hold(one_way("1"), item("1", "10"))

    with capture_logs() as logs:
        bench.cloud.errors["1"] = UnavailableError("refused")
        await bench.discovery.refresh()
        bench.cloud.errors["1"] = PermissionDeniedError("refused")
        await bench.discovery.refresh()
        bench.cloud.errors.clear()
        assert await bench.discovery.refresh()
        assert await bench.discovery.refresh()

    assert [(log["event"], log.get("reason")) for log in logs] == [
        ("discovery_failed", "unavailable"),
        ("discovery_failed", "permission"),
        ("discovery_recovered", None),
    ]


async def test_what_fails_at_present_can_be_asked_for() -> None:
    """By plan or region, with the error that has the remedy; ended, it is gone."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    refused, denied = UnavailableError("refused"), PermissionDeniedError("denied")

    bench.cloud.errors = {"list": refused}
    await bench.discovery.refresh()
    first = bench.discovery.failing
    bench.cloud.errors = {"items 1": denied}
    await bench.discovery.refresh()
    second = bench.discovery.failing
    bench.cloud.errors = {}
    await bench.discovery.refresh()

    assert first == {f"region {REGION}": refused}
    assert second == {"plan 1": denied}
    assert bench.discovery.failing == {}


async def test_a_failed_list_keeps_everything() -> None:
    """An outage is no reason to forget what was found."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    await bench.discovery.refresh()
    before = bench.discovery.inventory
    bench.cloud.errors["list"] = UnavailableError("refused")

    with capture_logs() as logs:
        assert not await bench.discovery.refresh()

    assert bench.discovery.inventory == before
    assert bench.failures == [Reason.UNAVAILABLE]
    assert [log["subject"] for log in logs] == [f"region {REGION}"]


async def test_a_failed_list_is_no_recovery_of_a_plan() -> None:
    """The plan was not looked at, so nothing is known of it."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    bench.cloud.errors["items 1"] = UnavailableError("refused")
    await bench.discovery.refresh()
    bench.cloud.errors["list"] = UnavailableError("refused")

    with capture_logs() as logs:
        await bench.discovery.refresh()

    assert [log["event"] for log in logs] == ["discovery_failed"]


async def test_a_failing_plan_that_goes_has_not_recovered() -> None:
    """Its failure is forgotten without a word, and discovery is whole again."""
    bench = DiscoveryBench()
    bench.cloud.hold(one_way("1"), item("1", "10"))
    bench.cloud.errors["items 1"] = UnavailableError("refused")
    await bench.discovery.refresh()
    del bench.cloud.plans["1"]

    with capture_logs() as logs:
        assert await bench.discovery.refresh()

    assert logs == []


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


FULL = PlanSettings(id="1", items=("10", "11"), source_instances=(HERE,))
ROUTE = Route("1", "10", HERE, REGION)


async def test_a_poll_shows_that_a_configured_id_is_wrong() -> None:
    """Nothing else would, for a plan that needs no discovery call."""
    bench = DiscoveryBench(FULL)
    await bench.discovery.refresh()

    with capture_logs() as logs:
        for _ in range(2):
            bench.discovery.polled(ROUTE, not_found("DisasterRecoveryItem.NotFound"))
            await bench.discovery.refresh()

    assert bench.missing() == {Missing("item", "10")}
    assert len(bench.routes()) == 2
    assert [log["event"] for log in logs] == ["configured_not_found"]


async def test_a_good_poll_shows_that_the_id_is_right() -> None:
    """The plan was created since."""
    bench = DiscoveryBench(FULL)
    await bench.discovery.refresh()
    bench.discovery.polled(ROUTE, not_found())

    with capture_logs() as logs:
        bench.discovery.polled(ROUTE, None)

    assert bench.missing() == set()
    assert [log["event"] for log in logs] == ["configured_found"]


async def test_an_outage_does_not_show_that_the_id_is_right() -> None:
    """A poll that fails otherwise says nothing of what exists."""
    bench = DiscoveryBench(FULL)
    await bench.discovery.refresh()
    bench.discovery.polled(ROUTE, not_found())

    with capture_logs() as logs:
        bench.discovery.polled(ROUTE, UnavailableError("refused"))

    assert bench.missing() == {Missing("item", "10")}
    assert logs == []


async def test_a_poll_that_shows_nothing_new_changes_nothing() -> None:
    """It is asked after each poll, and must not cost what all the routes cost."""
    bench = DiscoveryBench(FULL)
    await bench.discovery.refresh()
    before = bench.discovery.inventory

    bench.discovery.polled(ROUTE, None)

    assert bench.discovery.inventory is before


async def test_what_a_poll_missed_is_forgotten_with_its_route() -> None:
    """A route that came back is missed again by its own poll, or not at all."""
    bench = DiscoveryBench(PlanSettings(id="1", items=("10",)))
    bench.cloud.hold(one_way("1"), item("1", "10"))
    await bench.discovery.refresh()
    bench.discovery.polled(ROUTE, not_found("DisasterRecoveryPlan.NotFound"))
    bench.cloud.plans.clear()

    await bench.discovery.refresh()

    assert bench.missing() == {Missing("plan", "1")}
    bench.cloud.hold(one_way("1"), item("1", "10"))
    await bench.discovery.refresh()
    assert bench.missing() == set()


async def test_a_poll_during_discovery_says_nothing_of_other_failures() -> None:
    """A plan that fails is not called recovered before it was looked at again."""
    bench = DiscoveryBench(FULL, PlanSettings(id="2"))
    bench.cloud.errors["2"] = UnavailableError("refused")
    await bench.discovery.refresh()

    with capture_logs() as logs:
        bench.cloud.before_answer = lambda: bench.discovery.polled(ROUTE, not_found())
        await bench.discovery.refresh()
        bench.cloud.errors["2"] = PermissionDeniedError("refused")
        await bench.discovery.refresh()

    events = [(log["event"], log.get("reason")) for log in logs]
    assert events == [
        ("configured_not_found", None),
        ("discovery_failed", "permission"),
    ]


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

    assert (before, logs) == ({Missing("item", "99")} if is_missing else set(), [])
    assert discovery.inventory.missing == before


async def waited(bench: DiscoveryBench) -> float:
    """Return for how many seconds it waits for the next discovery."""
    clock = asyncio.get_running_loop().time
    began = clock()
    await bench.discovery.due()
    return clock() - began


@virtually
async def test_the_next_discovery_is_sooner_after_a_failure() -> None:
    """But not at once, and a failure that is over costs one discovery."""
    bench = DiscoveryBench()
    await bench.discovery.refresh()
    assert await waited(bench) == 600

    bench.cloud.errors["list"] = UnavailableError("refused")
    await bench.discovery.refresh()
    assert await waited(bench) == 60

    bench.cloud.errors.clear()
    await bench.discovery.refresh()
    assert await waited(bench) == 600


@virtually
async def test_a_poll_that_misses_an_id_has_discovery_come_at_once() -> None:
    """A poll that fails otherwise says nothing of the ids."""
    bench = DiscoveryBench(FULL)
    await bench.discovery.refresh()
    waiting = asyncio.create_task(waited(bench))
    await asyncio.sleep(200)
    bench.discovery.polled(ROUTE, UnavailableError("refused"))
    await asyncio.sleep(50)

    bench.discovery.polled(ROUTE, not_found())

    assert await waiting == 250


@pytest.mark.parametrize("fails", [False, True])
@virtually
async def test_discovery_is_never_later_than_its_interval(*, fails: bool) -> None:
    """Even if that is shorter than the interval of polls."""
    often = PollSettings(discovery_interval=timedelta(seconds=5))
    bench = DiscoveryBench()
    bench.discovery = bench.discovery_of(Settings(poll=often))
    if fails:
        bench.cloud.errors["list"] = UnavailableError("refused")
    await bench.discovery.refresh()

    assert await waited(bench) == 5
