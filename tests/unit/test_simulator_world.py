"""That a simulated world follows from its fields and the time alone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator_truth import START, everything, world

from exporter.simulator.motion import Motion, progress, salt
from exporter.simulator.world import SCENARIOS, World


def test_the_scenarios_are_the_contracts() -> None:
    """The names are public, and the first is the default."""
    assert (
        " ".join(SCENARIOS) == "mixed healthy lagging recovering stalled never_synced "
        "two_way stopped_item churn throttled outage forbidden"
    )
    assert World().scenario == "mixed"


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ({"scenario": "calm"}, "scenario: 'calm', expected one of mixed, healthy"),
        ({"plans": 0}, "plans: 0, expected 1 or more"),
        ({"items": -1}, "items: -1, expected 1 or more"),
        ({"groups": 0}, "groups: 0, expected 1 or more"),
    ],
)
def test_a_world_that_cannot_be_is_refused(
    sizes: dict[str, object], fault: str
) -> None:
    """The error names the field, the value and what was expected."""
    with pytest.raises(ValueError, match=fault):
        World(**sizes)  # type: ignore[arg-type]  # wrong values are the test


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 2), (2, 1, 10), (5, 4, 40)])
def test_every_world_has_the_size_it_says(
    scenario: str, shape: tuple[int, int, int]
) -> None:
    """Each checkpoint exists once, whatever routes list it, beside one DELETED plan."""
    plans, items, groups = shape
    sized = world(scenario, plans, items, groups)

    rows = everything(sized, START)

    assert len(rows) == plans * items * groups
    assert len({(row.group, row.topic, row.source_instance_id) for row in rows}) == len(
        rows
    )
    statuses = Counter(plan.status for plan in sized.plans_at(START))
    assert statuses == {"RUNNING": plans, "DELETED": 1}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_world_is_the_same_at_the_same_time(scenario: str) -> None:
    """Nothing depends on when or how often one looks; the seed moves the numbers."""
    first = everything(world(scenario), START + 77.7)
    everything(world(scenario), START + 1000)

    again = everything(world(scenario), START + 77.7)
    other = everything(World(scenario, seed=2, started_at=START), START + 77.7)

    assert first == again
    assert [row.group for row in other] == [row.group for row in first]
    assert other != first


KINDS = st.sampled_from(list(Motion))
SALTS = st.builds(salt, st.integers(0, 2**31), st.integers(0, 2**20))


@given(KINDS, SALTS, st.integers(0, 10**8), st.integers(0, 10**5))
@settings(max_examples=300, deadline=None)
def test_progress_never_goes_back_nor_past_now(
    kind: Motion, salt: int, elapsed_ms: int, step_ms: int
) -> None:
    """No side reads a message before it was written, nor the same message twice."""
    start_ms = int(START * 1000)
    now_ms = start_ms + elapsed_ms
    before = progress(kind, salt, start_ms, now_ms)
    after = progress(kind, salt, start_ms, now_ms + step_ms)

    for earlier, later in zip(before, after, strict=True):
        assert (earlier is None) == (later is None)
        if earlier is not None and later is not None:
            assert 0 < earlier <= later <= now_ms + step_ms
            assert earlier <= now_ms


@pytest.mark.parametrize("scenario", ["mixed", "two_way"])
def test_each_checkpoint_joins_the_two_instances_of_its_plan(scenario: str) -> None:
    """Source and target differ, lie in their regions, and have the item's topics."""
    joined = world(scenario)
    for plan in joined.plans_at(START):
        regions = {side.instance_id: side.region_id for side in plan.instances}
        assert set(regions.values()) == {"cn-hangzhou", "cn-shanghai"}
        for item in joined.items_at(plan.plan_id, START):
            topics = {side.instance_id: topic for side, topic in item.topics}
            for row in joined.checkpoints_at(
                plan.plan_id, item.item_id, plan.instances[0].instance_id, START
            ):
                ends = (row.source_instance_id, row.target_instance_id)
                assert set(ends) == set(regions)
                assert [regions[end] for end in ends] == [
                    row.source_region_id,
                    row.target_region_id,
                ]
                assert [topics[end] for end in ends] == [row.topic, row.target_topic]


def test_topics_may_be_called_otherwise_on_the_target() -> None:
    """Both names are kept apart, as the vendor allows."""
    rows = everything(world("healthy", plans=3), START)

    renamed = {row.target_topic for row in rows if row.topic != row.target_topic}

    assert renamed == {"refunds_dr", "invoices_dr"}


@pytest.mark.parametrize(
    ("plan_id", "item_id", "instance"),
    [
        ("1", "100070284", "rmq-cn-7e22ody0001"),
        ("plan", "100070284", "rmq-cn-7e22ody0001"),
        ("1300000016", "100070286", "rmq-cn-7e22ody0001"),
        ("1300000016", "item", "rmq-cn-7e22ody0001"),
        ("1300000016", "100070284", "rmq-cn-7e22ody0002"),
        ("1300000018", "100070284", "rmq-cn-7e22ody0003"),
    ],
)
def test_what_does_not_exist_is_not_listed(
    plan_id: str, item_id: str, instance: str
) -> None:
    """An unknown plan, item or instance is an error and not an empty list."""
    with pytest.raises(LookupError):
        world("healthy").checkpoints_at(plan_id, item_id, instance, START)


def test_items_of_an_unknown_plan_are_an_error() -> None:
    """The DELETED plan has no items; a plan that never was has no list."""
    healthy = world("healthy")

    assert healthy.items_at("1300000018", START) == ()
    with pytest.raises(LookupError):
        healthy.items_at("1300000019", START)
