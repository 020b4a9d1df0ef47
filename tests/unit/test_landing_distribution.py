"""The histogram of the landing page: every checkpoint once, and its colour."""

from __future__ import annotations

from core_cases import OTHER, ROUTE, row
from exposition_cases import snapshot_of, status_of
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.lag import BUCKET_BOUNDS_MS
from exporter.model.types import RouteStatus
from exporter.web.status_page.distribution import HEIGHT, LEAST_HEIGHT, distribution

FIVE_MINUTES = 300.0


def found(*lags_ms: int | None) -> RouteStatus:
    """Return the status of a route with these lags."""
    rows = [row(number, lag_ms=lag) for number, lag in enumerate(lags_ms)]
    return status_of(snapshot_of(ROUTE, *rows))


@given(st.lists(st.none() | st.integers(-200_000, 100_000_000), min_size=1))
def test_every_known_lag_is_in_one_column(lags: list[int | None]) -> None:
    """The unknown are in none; without any that is known there is no column."""
    known = [lag for lag in lags if lag is not None]

    columns = distribution([found(*lags)], lambda _plan: FIVE_MINUTES)

    assert sum(column.count for column in columns) == len(known)
    assert len(columns) == (len(BUCKET_BOUNDS_MS) + 1 if known else 0)
    assert bool(columns) == bool(known)


def test_the_edges_are_said_in_words() -> None:
    """Below zero, between two bounds, and above all of them."""
    columns = distribution([found(5_000)], lambda _plan: FIVE_MINUTES)

    labels = [column.label for column in columns]
    assert labels[:3] == [
        "target ahead, more than 1m",
        "target ahead, up to 1m",
        "0s to 1s",
    ]
    assert labels[-1] == "over 1d"
    assert [column.mark for column in columns][-3:] == ["6h", "1d", ""]
    assert columns[3].title == "1s to 5s: 1 checkpoint"


def test_the_tallest_column_is_the_most_and_the_rest_is_in_proportion() -> None:
    """Few beside many are seen all the same."""
    many = [2_000] * 1_000

    columns = distribution(
        [found(*many, *[20_000] * 250, 7_000)], lambda _plan: FIVE_MINUTES
    )

    assert columns[3].within == HEIGHT
    assert columns[5].within == HEIGHT / 4
    assert columns[4].within == LEAST_HEIGHT
    assert columns[0].within == 0


def test_each_plan_has_the_colour_of_its_own_objective() -> None:
    """Within, over, and in the bucket that the objective lies in."""
    lags = (119_000, 121_000, 301_000)
    other = status_of(
        snapshot_of(OTHER, *(row(n, lag_ms=lag) for n, lag in enumerate(lags)))
    )
    objectives = {ROUTE.plan_id: 300.0, OTHER.plan_id: 200.0}

    columns = distribution([found(*lags), other], objectives.__getitem__)

    shapes = [(c.within, c.near, c.over) for c in columns if c.count]
    assert shapes == [(100.0, 0.0, 0.0), (50.0, 50.0, 0.0), (0.0, 0.0, 100.0)]


def test_a_route_without_data_adds_nothing() -> None:
    """Before its first poll, and after its data was withdrawn."""
    assert distribution([RouteStatus(ROUTE)], lambda _plan: FIVE_MINUTES) == ()
