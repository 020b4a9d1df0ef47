"""What each scenario makes true of its checkpoints, now and later."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from simulator_truth import HOUR, MINUTE, START, ages, everything, lags, routes, world

from exporter.simulator import scenarios


def test_healthy_lags_by_seconds_and_is_synced_in_steps() -> None:
    """The source moves between syncs, the target only with one, each 10 s."""
    healthy = world("healthy")
    seconds = [START + second for second in range(60)]
    seen = [everything(healthy, now) for now in seconds]

    for now, rows in zip(seconds, seen, strict=True):
        assert all(0 < lag < 15 for lag in lags(rows))
        assert all(0 <= age < 15 for age in ages(rows, now))
    first = [rows[0] for rows in seen]
    assert len({row.last_sync_ms for row in first}) in {6, 7}
    assert len({row.source_ms for row in first}) in {12, 13}
    for before, after in pairwise(first):
        has_synced = before.last_sync_ms != after.last_sync_ms
        assert has_synced == (before.target_ms != after.target_ms)


def test_lagging_falls_behind_though_it_is_synced() -> None:
    """Lag grows over minutes while the age of the sync stays small."""
    lagging = world("lagging")
    early, late = (everything(lagging, START + wait) for wait in (0, 10 * MINUTE))

    assert all(lag > 5 * MINUTE for lag in lags(early))
    assert all(b > a + MINUTE for a, b in zip(lags(early), lags(late), strict=True))
    assert all(age < 15 for age in ages(late, START + 10 * MINUTE))


def test_recovering_catches_up() -> None:
    """Lag shrinks until it is healthy."""
    recovering = world("recovering")
    waits = (0, MINUTE, 5 * MINUTE, HOUR)
    first, second, third, last = (
        lags(everything(recovering, START + wait)) for wait in waits
    )

    assert all(lag > 10 * MINUTE for lag in first)
    assert all(b < a - MINUTE for a, b in zip(first, second, strict=True))
    assert all(b < a - 5 * MINUTE for a, b in zip(second, third, strict=True))
    assert all(0 < lag < 15 for lag in last)


def test_stalled_stands_still_while_the_source_goes_on() -> None:
    """The last sync never moves, so age and lag grow with the time."""
    stalled = world("stalled")
    early, late = (everything(stalled, START + wait) for wait in (0, HOUR))

    assert [row.last_sync_ms for row in early] == [row.last_sync_ms for row in late]
    assert all(age > 10 * MINUTE for age in ages(early, START))
    assert all(b - a > HOUR - 15 for a, b in zip(lags(early), lags(late), strict=True))


def test_never_synced_has_a_source_and_nothing_else() -> None:
    """There is neither a last sync nor a target's time, and both sides are read."""
    rows = everything(world("never_synced"), START)

    assert {row.last_sync_ms for row in rows} == {None}
    assert {row.target_ms for row in rows} == {None}
    assert all(row.source_ms and row.target_fetch_ms for row in rows)


def test_two_way_is_synced_by_hand_and_listed_for_both_instances() -> None:
    """Old or no syncs, some targets ahead, each direction under its own instance."""
    two_way = world("two_way")
    plan = two_way.plans_at(START)[0]
    item = two_way.items_at(plan.plan_id, START)[0]
    by_instance = {
        instance.instance_id: two_way.checkpoints_at(
            plan.plan_id, item.item_id, instance.instance_id, START
        )
        for instance in plan.instances
    }

    assert (plan.plan_type, plan.auto_sync) == ("ACTIVE_ACTIVE", False)
    for instance, rows in by_instance.items():
        assert instance in {row.source_instance_id for row in rows}
    first, second = (
        {row.checkpoint_id for row in rows} for rows in by_instance.values()
    )
    assert len(first | second) == 10
    assert first & second
    rows = everything(two_way, START)
    assert any(lag < 0 for lag in lags(rows))
    assert all(age > HOUR for age in ages(rows, START))
    assert None in {row.last_sync_ms for row in rows}
    assert None not in {row.target_ms for row in rows}


def test_one_way_lists_nothing_for_the_passive_instance() -> None:
    """The passive side is nobody's source."""
    healthy = world("healthy")
    plan = healthy.plans_at(START)[0]
    item = healthy.items_at(plan.plan_id, START)[0]
    _, passive = plan.instances

    rows = healthy.checkpoints_at(
        plan.plan_id, item.item_id, passive.instance_id, START
    )

    assert rows == ()


def test_stopped_items_stand_still_and_say_so() -> None:
    """Both ways of being stopped occur, beside items that run."""
    stopping = world("stopped_item")
    for plan in stopping.plans_at(START):
        for item in stopping.items_at(plan.plan_id, START):
            source = plan.instances[0].instance_id
            rows = stopping.checkpoints_at(plan.plan_id, item.item_id, source, START)
            is_still = all(age > 10 * MINUTE for age in ages(rows, START))
            assert is_still == (item.status != "RUNNING")

    statuses = {
        item.status
        for plan in stopping.plans_at(START)
        for item in stopping.items_at(plan.plan_id, START)
    }
    assert statuses == {"OVERDUE_STOPPED", "MANUAL_STOPPED", "RUNNING"}


@pytest.mark.parametrize("shape", [(2, 2, 10), (5, 10, 100)])
def test_mixed_has_a_little_of_everything(shape: tuple[int, int, int]) -> None:
    """Even the smallest demo shows each state, and most of it is healthy."""
    mixed = world("mixed", *shape)
    rows = everything(mixed, START)
    statuses = Counter(
        item.status
        for plan in mixed.plans_at(START)
        for item in mixed.items_at(plan.plan_id, START)
    )

    assert statuses["OVERDUE_STOPPED"] == 1
    assert {plan.plan_type for plan in mixed.plans_at(START)} == {
        "ACTIVE_ACTIVE",
        "ACTIVE_PASSIVE",
    }
    assert any(row.last_sync_ms is None and row.target_ms is None for row in rows)
    assert any(row.last_sync_ms is not None and row.target_ms is None for row in rows)
    assert any(row.source_ms is None for row in rows)
    one_way = mixed.checkpoints_at(*routes(mixed)[0], START)
    assert any(lag < 0 for lag in lags(one_way))
    assert any(lag > 10 * MINUTE for lag in lags(rows))
    assert sum(lag < MINUTE for lag in lags(rows)) > len(rows) / 2


def test_mixed_has_an_item_that_is_stalled_in_part() -> None:
    """A sync skips the groups that are offline on the target, and no others."""
    mixed = world("mixed")
    rows = mixed.checkpoints_at("1300000016", "100070285", "rmq-cn-7e22ody0001", START)

    still = sum(age > 10 * MINUTE for age in ages(rows, START))

    assert 0 < still < len(rows)


def test_churn_moves_in_steps_that_a_poll_can_tell() -> None:
    """Across a step the total differs, or a row of the first page comes twice."""
    groups, size = 25, 10
    churning = world("churn", groups=groups)
    route = routes(churning)[0]
    times = [START + scenarios.CHURN_SECONDS * phase for phase in range(5)]
    listed = [
        [row.checkpoint_id for row in churning.checkpoints_at(*route, now)]
        for now in times
    ]

    for before, after in pairwise(listed):
        polled = before[:size] + after[size:]
        assert len(before) != len(after) or len(set(polled)) < len(before)
    assert listed[0] == listed[4]
    assert {len(rows) for rows in listed} == {groups - 1, groups, groups + 1}
