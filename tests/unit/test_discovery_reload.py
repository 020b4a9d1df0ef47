"""What discovery keeps of what it found, when the configuration is another."""

from __future__ import annotations

import pytest
from core_cases import HERE, THERE, item, not_found, one_way, two_way
from discovery_bench import DiscoveryBench
from structlog.testing import capture_logs

from exporter.config import ApiSettings, PlanSettings, Settings
from exporter.model.errors import UnavailableError
from exporter.model.types import Missing


def reconfigure(bench: DiscoveryBench, settings: Settings) -> None:
    """Have the bench go by other settings."""
    bench.discovery.reconfigure(bench.cloud, settings)


@pytest.fixture
def bench() -> DiscoveryBench:
    """Return a discovery that has found all of two plans by itself."""
    bench = DiscoveryBench()
    bench.cloud.hold(two_way("1"), item("1", "10"), item("1", "11"))
    bench.cloud.hold(one_way("2"), item("2", "20"))
    return bench


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ({"id": "1"}, [("10", HERE), ("10", THERE), ("11", HERE), ("11", THERE)]),
        ({"id": "1", "items": ["11"]}, [("11", HERE), ("11", THERE)]),
        ({"id": "1", "source_instances": [THERE]}, [("10", THERE), ("11", THERE)]),
        ({"id": "1", "filter": "topic"}, []),
        ({"id": "1", "region": "cn-shanghai"}, []),
        ({"id": "1", "objectives": {"lag": "1s"}, "items": ["10", "12"]},
         [("10", HERE), ("10", THERE)]),
    ],
)  # fmt: skip
async def test_what_is_not_asked_for_any_more_is_gone_before_the_cloud_is_asked(
    bench: DiscoveryBench, wanted: dict[str, object], kept: list[tuple[str, str]]
) -> None:
    """And what is, stays, though the cloud is silent."""
    assert await bench.discovery.refresh()
    asked = len(bench.cloud.calls)

    reconfigure(bench, Settings(plans=[wanted]))

    assert [ids[1:] for ids in bench.routes()] == kept
    assert {ids[0] for ids in bench.routes()} <= {"1"}
    assert len(bench.cloud.calls) == asked
    bench.cloud.errors["1"] = UnavailableError("down")
    if "items" not in wanted:
        assert not await bench.discovery.refresh()
        assert [ids[1:] for ids in bench.routes()] == kept


async def test_back_to_the_whole_region_nothing_is_lost(bench: DiscoveryBench) -> None:
    """The configured plan stays while the list fails, and the others come with it."""
    reconfigure(bench, Settings(plans=[{"id": "2"}]))
    assert await bench.discovery.refresh()
    bench.cloud.errors["list"] = UnavailableError("down")

    reconfigure(bench, Settings())
    assert not await bench.discovery.refresh()
    assert bench.routes() == [("2", "20", HERE)]

    del bench.cloud.errors["list"]
    assert await bench.discovery.refresh()
    assert len(bench.routes()) == 5


async def test_a_failure_of_what_is_not_asked_for_any_more_is_forgotten(
    bench: DiscoveryBench,
) -> None:
    """The list of the region failed; with a plan configured nobody asks for it."""
    bench.cloud.errors["list"] = UnavailableError("down")
    assert not await bench.discovery.refresh()

    reconfigure(bench, Settings(plans=[{"id": "1"}]))

    assert await bench.discovery.refresh()


async def test_another_region_has_no_route_of_the_first(bench: DiscoveryBench) -> None:
    """Its plans are another list."""
    assert await bench.discovery.refresh()

    reconfigure(bench, Settings(api=ApiSettings(region="cn-shanghai")))

    assert bench.routes() == []


async def test_a_missing_id_is_missing_as_long_as_it_is_configured() -> None:
    """No longer asked for is not found: the log says nothing of the kind."""
    plan = PlanSettings(id="1", items=("10", "19"))
    bench = DiscoveryBench(plan, PlanSettings(id="9"))
    bench.cloud.hold(two_way("1"), item("1", "10"))
    assert await bench.discovery.refresh()
    assert bench.missing() == {Missing("item", "19"), Missing("plan", "9")}

    with capture_logs() as lines:
        reconfigure(bench, Settings(plans=[plan]))
    assert bench.missing() == {Missing("item", "19")}
    assert lines == []

    reconfigure(bench, Settings(plans=[{"id": "1", "items": ["10"]}]))
    assert bench.missing() == set()


async def test_what_a_poll_did_not_find_is_remembered_while_it_is_configured() -> None:
    """It was configured in full, so that only the poll could tell."""
    plan = PlanSettings(id="1", items=("10", "11"), source_instances=(HERE,))
    bench = DiscoveryBench(plan)
    assert await bench.discovery.refresh()
    route = bench.discovery.inventory.routes[0]
    error = not_found("DisasterRecoveryItem.NotFound")
    bench.discovery.polled(route, error)
    assert bench.missing() == {Missing("item", "10")}

    other = plan.model_copy(update={"items": ("10",)})
    reconfigure(bench, Settings(plans=[other]))
    assert bench.missing() == {Missing("item", "10")}

    other = plan.model_copy(update={"items": ("11",)})
    reconfigure(bench, Settings(plans=[other]))
    assert bench.missing() == set()
