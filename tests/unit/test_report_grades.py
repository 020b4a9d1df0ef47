"""How good numbers are against what plans promise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_cases import OTHER, row
from report_cases import LIMITS, NOW, findings_of, found

from exporter.app.report.grades import Breaches, breaches, is_bad
from exporter.model.types import RouteStatus


@pytest.mark.parametrize(
    ("lag_ms", "last_sync_ms", "expected"),
    [
        (300_000, int(NOW * 1000), False),
        (300_001, int(NOW * 1000), True),
        (1, int(NOW * 1000) - 600_000, False),
        (1, int(NOW * 1000) - 600_001, True),
        (None, 0, True),
        (-1_000, 0, False),
    ],
)
def test_bad_is_what_breaks_an_objective_or_is_a_problem(
    lag_ms: int | None, last_sync_ms: int, *, expected: bool
) -> None:
    """Exactly the objective is no breach; a target that is ahead is no problem."""
    (finding,) = findings_of(row(lag_ms=lag_ms, last_sync_ms=last_sync_ms))

    assert is_bad(finding, LIMITS["1"]) is expected
    counted = breaches([found(finding.checkpoint)], LIMITS, NOW)
    assert (counted != Breaches(0, 0)) is (expected and lag_ms is not None)


def test_each_plan_is_measured_by_its_own_objectives() -> None:
    """What is within one plan's objective breaks another's."""
    lags = [found(row(lag_ms=100_000)), found(row(lag_ms=100_000), route=OTHER)]

    assert breaches(lags, LIMITS, NOW) == Breaches(lag=1, age=0)


def test_age_counts_only_where_it_is_promised() -> None:
    """Where nobody syncs progress by itself it may grow."""
    old = row(last_sync_ms=1)

    assert breaches([found(old)], LIMITS, NOW) == Breaches(lag=0, age=1)
    assert breaches([found(old, route=OTHER)], LIMITS, NOW) == Breaches(0, 0)


def test_what_is_not_shown_is_not_counted() -> None:
    """Neither hidden rows nor routes without a snapshot."""
    late = row(lag_ms=999_000)
    hidden = replace(found(late, late), hidden=frozenset({0}))

    counted = breaches([hidden, RouteStatus(OTHER)], LIMITS, NOW)

    assert counted == Breaches(lag=1, age=0)
