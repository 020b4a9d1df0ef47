"""What is true of a simulated world, in each scenario and as time passes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import START, Seen, everything, listed

from exporter.simulator import motion
from exporter.simulator.scenarios import SCENARIOS
from exporter.simulator.world import World

MINUTE, HOUR = 60.0, 3600.0


def world(scenario: str, plans: int = 2, items: int = 2, groups: int = 10) -> World:
    """Build a world that starts at `START`."""
    return World(scenario, plans, items, groups, started_at=START)


def lags(seen: list[Seen]) -> list[float]:
    """List the known lags, in seconds."""
    return [each.lag for each in seen if each.lag is not None]


def ages(seen: list[Seen], now: float) -> list[float]:
    """List the known ages of the last sync, in seconds."""
    synced = (each.at.last_sync_ms for each in seen)
    return [now - sync / 1000 for sync in synced if sync is not None]


def test_the_scenarios_are_the_contracts() -> None:
    """The names are public, and the first is the default."""
    assert (
        " ".join(SCENARIOS) == "mixed healthy lagging recovering stalled sparse "
        "never_synced two_way stopped_item churn throttled outage forbidden"
    )
    assert World().scenario == "mixed"


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 10)])
def test_every_world_has_the_size_it_says(
    scenario: str, shape: tuple[int, int, int]
) -> None:
    """Each checkpoint exists once, whatever routes list it, beside one DELETED plan."""
    plans, items, groups = shape
    sized = world(scenario, plans, items, groups)

    seen = everything(sized, START)

    assert len(seen) == plans * items * groups
    names = {(each.row.group, each.row.topic, each.row.source) for each in seen}
    assert len(names) == len(seen)
    statuses = Counter(plan.status for plan in sized.list_plans())
    assert statuses == {"RUNNING": plans, "DELETED": 1}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_world_follows_from_its_seed_and_the_time(scenario: str) -> None:
    """Nothing depends on when or how often one looks; the seed moves the numbers."""
    first = everything(world(scenario), START + 77.7)
    everything(world(scenario), START + 1000)

    again = everything(world(scenario), START + 77.7)
    other = everything(World(scenario, seed=2, started_at=START), START + 77.7)

    assert first == again
    assert [each.row.group for each in other] == [each.row.group for each in first]
    assert other != first


MOTIONS = (
    motion.healthy,
    motion.lagging,
    motion.recovering,
    motion.stalled,
    motion.sparse,
    motion.never_consumed,
    motion.unread_on_target,
    motion.never_synced,
    motion.source_missing,
    motion.target_missing,
    motion.target_ahead,
    motion.manual,
)
SALTS = st.builds(motion.salt, st.integers(0, 2**31), st.integers(0, 2**20))


@given(st.sampled_from(MOTIONS), SALTS, st.integers(0, 10**8), st.integers(0, 10**5))
@settings(deadline=None)
def test_progress_never_goes_back_nor_past_now(
    kind: motion.Motion, salt: int, elapsed_ms: int, step_ms: int
) -> None:
    """No side reads a message before it was written, nor the same message twice."""
    start_ms = int(START * 1000)
    now_ms = start_ms + elapsed_ms
    before = motion.progress(kind, salt, start_ms, now_ms)
    after = motion.progress(kind, salt, start_ms, now_ms + step_ms)

    for earlier, later in zip(before, after, strict=True):
        assert (earlier is None) == (later is None)
        if earlier is not None and later is not None:
            assert 0 < earlier <= later <= now_ms + step_ms
            assert earlier <= now_ms


NO_LAG = NO_AGE = (0.0, 0.0)


@pytest.mark.parametrize(
    ("scenario", "wait", "lag", "age"),
    [
        ("healthy", 0, (0, 15), (0, 15)),
        ("healthy", HOUR, (0, 15), (0, 15)),
        ("lagging", 0, (6 * MINUTE, 16 * MINUTE), (0, 15)),
        ("lagging", HOUR, (20 * MINUTE, 31 * MINUTE), (0, 15)),
        ("recovering", 0, (19 * MINUTE, 46 * MINUTE), (0, 15)),
        ("recovering", HOUR, (0, 15), (0, 15)),
        ("stalled", 0, (15 * MINUTE, 21 * MINUTE), (15 * MINUTE, 21 * MINUTE)),
        ("stalled", HOUR, (75 * MINUTE, 81 * MINUTE), (75 * MINUTE, 81 * MINUTE)),
        ("sparse", HOUR, (0, HOUR + 1), (0, 15)),
        ("never_synced", HOUR, NO_LAG, NO_AGE),
    ],
)
def test_a_scenario_moves_as_its_name_says(
    scenario: str, wait: float, lag: tuple[float, float], age: tuple[float, float]
) -> None:
    """Lag and age, in seconds, lie between two bounds that depend on the time."""
    seen = everything(world(scenario), START + wait)

    for values, (low, high) in ((lags(seen), lag), (ages(seen, START + wait), age)):
        assert len(values) == (len(seen) if high else 0)
        assert all(low <= value < high for value in values)
    assert all(each.at.source_ms for each in seen)


def test_two_way_is_synced_by_hand_and_listed_for_both_instances() -> None:
    """Old or no syncs, some targets ahead; one-way plans list the active side only."""
    two_way = world("two_way")
    plan = two_way.list_plans()[0]
    twice = list(listed(two_way, START))
    seen = everything(two_way, START)

    assert (plan.plan_type, plan.auto_sync) == ("ACTIVE_ACTIVE", False)
    assert len(seen) < len(twice) < 2 * len(seen)
    sources = {each.row.source for each in seen if each.plan == plan}
    assert sources == set(plan.instances)
    assert min(lags(seen)) < 0 < max(lags(seen))
    assert all(age > HOUR for age in ages(seen, START))
    assert None in {each.at.last_sync_ms for each in seen}
    assert None not in {each.at.target_ms for each in seen}
    healthy = world("healthy")
    assert len(list(listed(healthy, START))) == len(everything(healthy, START))


def test_sparse_traffic_is_in_step_though_it_lags_now_and_then() -> None:
    """A lag is the gap between two messages, and over with the next sync."""
    sparse = world("sparse", plans=1, items=1, groups=100)
    found = [everything(sparse, START + second) for second in range(0, 120, 2)]
    gaps = {20.0, MINUTE, 20 * MINUTE, HOUR}

    assert set().union(*map(lags, found)) == {0.0} | gaps
    for group in zip(*found, strict=True):
        behind: Counter[int | None] = Counter(e.at.target_ms for e in group if e.lag)
        assert 2 * max(behind.values(), default=0) <= 10
    messages = {each.at.source_ms for look in found for each in look}
    assert len({(ms or 0) % 20_000 for ms in messages}) > 90


def test_a_target_may_store_copies_later_than_the_source() -> None:
    """In step reads slightly below 0, and strongly what was sent before all copying."""

    def stamped(scenario: str) -> list[float]:
        shape = World(scenario, groups=40, started_at=START, restamp_seconds=15)
        return lags(everything(shape, START + MINUTE))

    assert -10 < min(stamped("healthy")) < max(stamped("healthy")) < 0
    assert -HOUR < min(stamped("sparse")) < -30 * MINUTE


def test_stopped_items_stand_still_and_say_so() -> None:
    """Both ways of being stopped occur, beside items that run."""
    seen = everything(world("stopped_item"), START)
    for status in ("OVERDUE_STOPPED", "MANUAL_STOPPED", "RUNNING"):
        of_status = [each for each in seen if each.item.status == status]
        is_still = all(age > 10 * MINUTE for age in ages(of_status, START))
        assert of_status
        assert is_still == (status != "RUNNING")


def stands_at_the_oldest(seen: Seen) -> bool:
    """Say whether the source has consumed nothing of the last two days."""
    at = seen.at
    return at.source_ms is not None and at.source_ms < (START - 48 * HOUR) * 1000


@pytest.mark.parametrize("shape", [(2, 2, 10), (5, 10, 100)])
def test_mixed_has_a_little_of_everything(shape: tuple[int, int, int]) -> None:
    """Even the smallest demo has each state, and most of it is healthy."""
    mixed = world("mixed", *shape)
    seen = everything(mixed, START)
    stopped = {e.item.item_id for e in seen if e.item.status == "OVERDUE_STOPPED"}
    known = {
        (at.last_sync_ms is None, at.source_ms is None, at.target_ms is None)
        for _, _, _, at in seen
    }

    assert len(stopped) == 1
    assert {each.plan.plan_type for each in seen} == {"ACTIVE_ACTIVE", "ACTIVE_PASSIVE"}
    no, yes = False, True
    assert {(yes, no, yes), (no, no, yes), (no, yes, no), (no, no, no)} <= known
    first_item = [each for each in seen if each.item.item_id == "100070284"]
    assert any(lag < 0 for lag in lags(first_item))
    assert any(lag > 10 * MINUTE for lag in lags(seen))
    assert sum(lag < MINUTE for lag in lags(seen)) > len(seen) / 2
    assert any(stands_at_the_oldest(each) for each in first_item)
    second_item = [each for each in seen if each.item.item_id == "100070285"]
    assert any(lag > 24 * HOUR for lag in lags(second_item))
    still = sum(age > 10 * MINUTE for age in ages(second_item, START))
    assert 0 < still < len(second_item)
