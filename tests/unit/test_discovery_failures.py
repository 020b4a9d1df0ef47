"""What a failed look-up costs, and what polls tell of what is configured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_cases import HERE, REGION, item, not_found, one_way
from discovery_bench import DiscoveryBench
from structlog.testing import capture_logs

from exporter.config import PlanSettings
from exporter.model.errors import PermissionDeniedError, Reason, UnavailableError
from exporter.model.types import Missing, Route


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


async def test_what_fails_can_be_shown_while_it_does() -> None:
    """What was shown stays as it was, whatever the next look finds."""
    bench = DiscoveryBench(PlanSettings(id="1"))
    bench.cloud.hold(one_way("1"), item("1", "10"))
    refused = PermissionDeniedError("refused")
    bench.cloud.errors["1"] = refused

    await bench.discovery.refresh()
    before = bench.discovery.failing
    bench.cloud.errors.clear()
    await bench.discovery.refresh()

    assert before == {"plan 1": refused}
    assert bench.discovery.failing == {}


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
