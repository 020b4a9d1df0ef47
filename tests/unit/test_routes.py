"""Which routes a plan has, who polls each, and when."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from core_cases import HERE, REGION, ROUTE, THERE, one_way
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.types import Instance, Item, Route
from exporter.polling.routes import (
    position,
    shard_of,
    source_instances,
)

MANY = [
    Route(str(plan), str(number), instance, REGION)
    for plan in range(20)
    for number in range(25)
    for instance in (HERE, THERE)
]


@pytest.mark.parametrize(
    ("sides", "named", "expected"),
    [
        # One of two active instances is named by the topics.
        ((("a", "ACTIVE"), ("b", "ACTIVE")), ("b", "c"), ("b",)),
        # The topics are not told: the active instance is.
        ((("a", "ACTIVE"), ("b", "PASSIVE")), (), ("a",)),
        # The topics name others: they cannot take the place of the active one.
        ((("a", "ACTIVE"), ("b", "PASSIVE")), ("b",), ("a",)),
        # No role is told: any that the topics name may be the source.
        ((("a", ""), ("b", ""), ("c", "")), ("a", "b"), ("a", "b")),
        # Neither the plan nor the topics tell anything.
        ((), ("a", "b"), ("a", "b")),
        ((), (), ()),
        # An instance named twice is one route.
        ((("a", "ACTIVE"), ("a", "ACTIVE")), ("a",), ("a",)),
    ],
)
def test_what_is_left_unsaid_does_not_narrow_the_choice(
    sides: tuple[tuple[str, str], ...],
    named: tuple[str, ...],
    expected: tuple[str, ...],
) -> None:
    """A route too many fails in the log; a route too few would not be noticed."""
    instances = tuple(Instance(*side) for side in sides)
    plan = replace(one_way("1"), instances=instances)

    found = source_instances(plan, Item("1", "10", "RUNNING", named))

    assert found == expected


def test_a_route_has_the_same_shard_on_every_machine() -> None:
    """Two that disagree would poll a route twice, or never: these are for good."""
    shards = [shard_of(route, 8) for route in MANY[:12]]

    assert shards == [3, 0, 7, 6, 0, 1, 4, 5, 2, 5, 4, 7]


@given(st.integers(1, 8), st.sampled_from(MANY))
def test_with_a_shard_more_routes_move_to_it_alone(total: int, route: Route) -> None:
    """Nothing moves between shards that were there before."""
    assert shard_of(route, total + 1) in {shard_of(route, total), total}


@pytest.mark.parametrize("total", [1, 2, 4, 9])
def test_a_new_shard_takes_over_its_share(total: int) -> None:
    """Of a thousand routes about one in n + 1 moves, and every shard has work."""
    moved = sum(shard_of(route, total + 1) == total for route in MANY)
    loads = Counter(shard_of(route, total + 1) for route in MANY)

    share = len(MANY) / (total + 1)
    assert share * 0.7 < moved < share * 1.3
    assert all(share * 0.6 < loads[index] < share * 1.4 for index in range(total + 1))


def test_places_are_spread_over_the_interval() -> None:
    """Each tenth of the interval has about a tenth of the routes."""
    tenths = Counter(int(position(route) * 10) for route in MANY)

    assert set(tenths) == set(range(10))
    assert max(tenths.values()) < 1.5 * len(MANY) / 10


def test_a_place_is_the_same_for_every_process() -> None:
    """It comes from the ids alone: not from the run, nor from how it is polled."""
    elsewhere = replace(ROUTE, region="cn-shanghai", filter="topic")

    assert position(elsewhere) == position(ROUTE)
    assert round(position(ROUTE), 6) == 0.874186
