"""What the dashboards' expressions answer for situations that a demo does not show.

promtool evaluates them over series that are written here.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from grafana_client import filled
from programs import real

from grafana.fleet import ALL, missing_count, plan_state
from grafana.promql import (
    checkpoints_within,
    known_zero,
    lags_within,
    of_exporters,
    routes_within,
    top,
)

Series = Mapping[str, float | str]
Answer = Sequence[tuple[str, float]]

CHOICES = {"job": ".+", "instance": ".+", "__rate_interval": "4m"}
A, B = 'job="j", instance="a"', 'job="j", instance="b"'
ROUTE = 'plan_id="1", item_id="2", source_instance_id="s"'
OBJECTIVES: Series = {
    f'rocketmq_dr_objective_seconds{{{A}, plan_id="1", objective="lag"}}': 300,
    f'rocketmq_dr_objective_seconds{{{A}, plan_id="1", objective="age"}}': 600,
    f'rocketmq_dr_plan_auto_sync{{{A}, plan_id="1"}}': 1,
}
UP: Series = {f"rocketmq_dr_up{{{A}, {ROUTE}}}": 1}
BUILD = f"rocketmq_dr_exporter_build_info{{{A}}}"


def checkpoint(family: str, group: str, target: str = A) -> str:
    """Return a series of a checkpoint."""
    labels = f'{target}, {ROUTE}, target_instance_id="t", group="{group}", topic="x"'
    return f"rocketmq_dr_{family}{{{labels}}}"


def state(name: str, target: str = A) -> str:
    """Return the series that counts the checkpoints in a state."""
    return f'rocketmq_dr_checkpoints{{{target}, {ROUTE}, state="{name}"}}'


def answers(folder: Path, expression: str, series: Series, wanted: Answer) -> str:
    """Return how what is answered after five minutes differs from what is wanted."""
    test = {
        "promql_expr_test": [
            {
                "expr": filled(expression, CHOICES),
                "eval_time": "5m",
                "exp_samples": [
                    {"labels": labels, "value": value} for labels, value in wanted
                ],
            }
        ],
        "interval": "1m",
        "input_series": [
            {"series": name, "values": v if isinstance(v, str) else f"{v}+0x9"}
            for name, v in series.items()
        ],
    }
    file = folder / "test.yml"
    file.write_text(
        json.dumps({"evaluation_interval": "1m", "tests": [test]}), encoding="utf-8"
    )
    command = (real("promtool"), "test", "rules", str(file))
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


LATE = checkpoint("sync_lag_seconds", "late")
PROBLEM = checkpoint("checkpoint_problem", "gone").replace(
    "topic", 'problem="p", topic'
)
KNOWN: Series = {
    **OBJECTIVES,
    checkpoint("sync_lag_seconds", "good"): 300,
    checkpoint("sync_lag_seconds", "ahead"): -5,
    checkpoint("sync_lag_seconds", "stalled"): 1,
    LATE: 301,
    checkpoint("sync_age_seconds", "good"): 600,
    checkpoint("sync_age_seconds", "stalled"): 601,
    # It was synced once, so that it has an age; nobody knows its lag.
    checkpoint("sync_age_seconds", "gone"): 999,
    PROBLEM: 1,
    # What the exporter sums up of these.
    **UP,
    state("ok"): 4,
    state("target_missing"): 1,
    f"rocketmq_dr_max_sync_lag_seconds{{{A}, {ROUTE}}}": 301,
    f"rocketmq_dr_max_sync_age_seconds{{{A}, {ROUTE}}}": 999,
}
WITHIN = checkpoints_within(ALL)


def test_within_counts_lag_and_age_and_what_has_none(tmp_path: Path) -> None:
    """Two of five: one is late, one stalled, one was synced once."""
    assert answers(tmp_path, WITHIN, KNOWN, [("{}", 0.4)]) == ""


def test_age_does_not_count_where_the_plan_does_not_sync(tmp_path: Path) -> None:
    """A two-way plan at rest is not late."""
    by_hand = {**KNOWN, f'rocketmq_dr_plan_auto_sync{{{A}, plan_id="1"}}': 0}

    assert answers(tmp_path, WITHIN, by_hand, [("{}", 0.6)]) == ""
    assert answers(tmp_path, ALL.synced_age(), by_hand, []) == ""
    assert answers(tmp_path, ALL.worst_age(), by_hand, []) == ""


def test_nothing_within_is_zero_and_not_unknown(tmp_path: Path) -> None:
    """The worst case must not look like no data."""
    bad: Series = {**OBJECTIVES, LATE: 400}

    assert answers(tmp_path, WITHIN, bad, [("{}", 0)]) == ""


@pytest.mark.parametrize("family", ["sync_lag", "sync_age", "checkpoint_problem"])
def test_without_one_of_its_families_a_share_is_unknown(
    tmp_path: Path, family: str
) -> None:
    """What nobody can tell is neither all nor nothing."""
    less = {name: v for name, v in KNOWN.items() if f"dr_{family}" not in name}

    assert answers(tmp_path, WITHIN, less, []) == ""


def test_an_objective_of_zero_is_none(tmp_path: Path) -> None:
    """As in the alert rules: nothing is late, and nothing is divided by it."""
    lag = f'rocketmq_dr_objective_seconds{{{A}, plan_id="1", objective="lag"}}'
    none = {**KNOWN, lag: 0}

    assert answers(tmp_path, WITHIN, none, [("{}", 0.6)]) == ""
    share = ALL.of_objective(ALL.worst_lag(), "lag")
    assert answers(tmp_path, share, none, []) == ""


def test_a_replica_that_is_behind_makes_the_share_worse_and_not_double(
    tmp_path: Path,
) -> None:
    """Of two lags of one checkpoint the larger counts, once."""
    two = {**KNOWN, checkpoint("sync_lag_seconds", "good", B): 310}

    assert answers(tmp_path, WITHIN, two, [("{}", 0.2)]) == ""


SECOND = ROUTE.replace('"2"', '"3"')
WORST_LAG = f"rocketmq_dr_max_sync_lag_seconds{{{A}, {SECOND}}}"
WORST_AGE = f"rocketmq_dr_max_sync_age_seconds{{{A}, {SECOND}}}"
SECOND_OK = state("ok").replace(ROUTE, SECOND)
TWO_ROUTES: Series = {
    **UP,
    **OBJECTIVES,
    state("ok"): 9,
    state("never_synced"): 0,
    f"rocketmq_dr_max_sync_lag_seconds{{{A}, {ROUTE}}}": 300,
    f"rocketmq_dr_max_sync_age_seconds{{{A}, {ROUTE}}}": 600,
    f"rocketmq_dr_up{{{A}, {SECOND}}}": 1,
    SECOND_OK: 1,
    WORST_LAG: -5,
    WORST_AGE: 1,
}
SYNCS = f'rocketmq_dr_plan_auto_sync{{{A}, plan_id="1"}}'
GONE = "_ _ _ _ _ _"
CHANGES: list[tuple[Series, float]] = [
    ({}, 1),
    ({WORST_LAG: 301}, 0.5),
    ({WORST_AGE: 601}, 0.5),
    ({WORST_AGE: 601, WORST_LAG: 301}, 0.5),
    ({WORST_AGE: 601, SYNCS: 0}, 1),
    ({SECOND_OK.replace('"ok"', '"never_synced"'): 1}, 0.5),
    ({SECOND_OK.replace('"ok"', '"target_ahead"'): 1}, 1),
    # Withdrawn, for nothing has confirmed them for too long.
    ({SECOND_OK: GONE, WORST_LAG: GONE, WORST_AGE: GONE}, 0.5),
    # It failed just now, and what was known before is still shown.
    ({f"rocketmq_dr_up{{{A}, {SECOND}}}": 0}, 1),
    ({WORST_LAG: 301, state("source_missing"): 1}, 0),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_a_route_is_within_if_all_of_it_is_known_to_be(
    tmp_path: Path, number: int
) -> None:
    """One of two routes, each way in which it may not be."""
    changes, wanted = CHANGES[number]
    series = {**TWO_ROUTES, **changes}

    assert answers(tmp_path, routes_within(ALL), series, [("{}", wanted)]) == ""


def bucket(le: str, target: str = A, route: str = ROUTE) -> str:
    """Return the series of a bucket of lag."""
    name = "rocketmq_dr_sync_lag_distribution_seconds_bucket"
    return f'{name}{{{target}, {route}, le="{le}"}}'


SPREAD: Series = {
    **OBJECTIVES,
    state("ok"): 6,
    state("never_synced"): 2,
    bucket("120.0"): 3,
    bucket("300.0"): 4,
    bucket("+Inf"): 6,
}


def test_the_share_of_lags_is_what_the_bucket_of_the_objective_says(
    tmp_path: Path,
) -> None:
    """Four of eight: a checkpoint without a lag is not within."""
    assert answers(tmp_path, lags_within(ALL), SPREAD, [("{}", 0.5)]) == ""


def test_a_plan_whose_objective_is_no_bound_is_left_out(tmp_path: Path) -> None:
    """Its checkpoints count neither as good nor as bad."""
    other = ROUTE.replace('plan_id="1"', 'plan_id="9"')
    objective = f'rocketmq_dr_objective_seconds{{{A}, plan_id="9", objective="lag"}}'
    more: Series = {
        objective: 250,
        state("ok").replace(ROUTE, other): 100,
        bucket("300.0", route=other): 100,
    }

    assert answers(tmp_path, lags_within(ALL), {**SPREAD, **more}, [("{}", 0.5)]) == ""
    assert answers(tmp_path, lags_within(ALL), more, []) == ""


def test_a_share_of_the_objective_is_never_below_zero(tmp_path: Path) -> None:
    """A target that is ahead has nothing of its objective used up."""
    worst = f"rocketmq_dr_max_sync_lag_seconds{{{A}, {ROUTE}}}"
    share = ALL.of_objective(ALL.worst_lag(), "lag")
    labels = f"{{{ROUTE}}}"

    for lag, wanted in ((-60, 0), (150, 0.5), (600, 2)):
        series = {**OBJECTIVES, worst: lag}
        assert answers(tmp_path, share, series, [(labels, wanted)]) == ""


@pytest.mark.parametrize(
    ("one", "two", "down"), [(1, 1, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
)
def test_a_route_is_down_when_nobody_can_poll_it(
    tmp_path: Path, one: int, two: int, down: int
) -> None:
    """One replica that works is enough."""
    series = {
        f"rocketmq_dr_up{{{A}, {ROUTE}}}": one,
        f"rocketmq_dr_up{{{B}, {ROUTE}}}": two,
    }

    assert answers(tmp_path, ALL.routes_down(), series, [("{}", down)]) == ""


def test_data_is_as_old_as_the_freshest_replica_has_it(tmp_path: Path) -> None:
    """Each is compared with its own exporter's setting; the best of them counts."""
    last = "rocketmq_dr_last_success_timestamp_seconds"
    limit = "rocketmq_dr_exporter_stale_after_seconds"
    series = {
        f"{last}{{{A}, {ROUTE}}}": 200,
        f"{limit}{{{A}}}": 1000,
        f"{last}{{{B}, {ROUTE}}}": 250,
        f"{limit}{{{B}}}": 50,
    }
    labels = f"{{{ROUTE}}}"

    assert answers(tmp_path, ALL.data_age(), series, [(labels, 50)]) == ""
    assert answers(tmp_path, ALL.data_age_of_limit(), series, [(labels, 0.1)]) == ""


def test_of_two_that_poll_a_route_the_one_that_fails_more_counts(
    tmp_path: Path,
) -> None:
    """Failures of replicas are not added up, those of routes and reasons are kept."""
    counter = f'rocketmq_dr_poll_failures_total{{TARGET, {ROUTE}, reason="timeout"}}'
    series: Series = {
        counter.replace("TARGET", A): "0+60x9",
        counter.replace("TARGET", B): "0+120x9",
        counter.replace("TARGET", A).replace('"2"', '"3"'): "0+60x9",
    }

    wanted = [('{reason="timeout"}', 3.0)]
    assert answers(tmp_path, ALL.failures(), series, wanted) == ""


def test_the_largest_are_all_there_though_five_exporters_say_the_same(
    tmp_path: Path,
) -> None:
    """Each stands there once, and none is pushed out by its likes."""
    lags: Series = {
        checkpoint("sync_lag_seconds", f"g{lag}", f'job="j", instance="{n}"'): lag
        for lag in range(1, 8)
        for n in range(5)
    }
    six = top(6, ALL.lag())

    assert answers(tmp_path, f"count({six})", lags, [("{}", 6)]) == ""
    assert answers(tmp_path, f"min({six})", lags, [("{}", 2)]) == ""


STATES: list[tuple[Series, int]] = [
    ({}, 0),
    ({state("target_ahead"): 3}, 0),
    ({state("never_synced"): 1}, 1),
    ({state("source_missing"): 1}, 1),
    ({state("target_missing"): 1}, 1),
    ({f'rocketmq_dr_plan_status{{{A}, plan_id="1", status="STOPPED"}}': 1}, 2),
    ({f'rocketmq_dr_item_status{{{A}, plan_id="1", status="STOPPED"}}': 1}, 2),
    ({f"rocketmq_dr_max_sync_lag_seconds{{{A}, {ROUTE}}}": 301}, 3),
    ({f"rocketmq_dr_max_sync_age_seconds{{{A}, {ROUTE}}}": 601}, 3),
    ({f"rocketmq_dr_up{{{A}, {ROUTE}}}": 0}, 4),
]


@pytest.mark.parametrize("number", range(len(STATES)))
def test_a_plan_is_in_the_worst_state_that_fits(tmp_path: Path, number: int) -> None:
    """Each state by itself, and then with all that are less bad."""
    series, wanted = STATES[number]
    calm: Series = {
        **UP,
        **OBJECTIVES,
        state("ok"): 9,
        state("never_synced"): 0,
        f'rocketmq_dr_plan_status{{{A}, plan_id="1", status="RUNNING"}}': 1,
        f'rocketmq_dr_item_status{{{A}, plan_id="1", status="RUNNING"}}': 1,
        f"rocketmq_dr_max_sync_lag_seconds{{{A}, {ROUTE}}}": 300,
        f"rocketmq_dr_max_sync_age_seconds{{{A}, {ROUTE}}}": 600,
    }
    less = {name: v for one, _ in STATES[:number] for name, v in one.items()}
    answer = [('{plan_id="1"}', float(wanted))]

    assert answers(tmp_path, plan_state(), {**calm, **series}, answer) == ""
    both = {**calm, **less, **series}
    assert answers(tmp_path, plan_state(), both, answer) == ""


def info(name: str, target: str) -> str:
    """Return the series that names plan 1."""
    return f'rocketmq_dr_plan_info{{{target}, plan_id="1", plan_name="{name}"}}'


NEW = [('{plan_id="1", plan_name="new"}', 1.0)]


def test_a_plan_is_named_while_it_is_renamed_and_when_it_has_no_name(
    tmp_path: Path,
) -> None:
    """Two names are no error, and no name is no reason to vanish."""
    named = ALL.named(f"max by (plan_id) ({ALL.up()})")
    nameless = {**UP, **OBJECTIVES}
    old_and_new = {**nameless, info("old", A): 1, info("new", B): 1}
    wanted = [('{plan_id="1"}', 1.0)]

    assert answers(tmp_path, named, nameless, wanted) == ""
    assert answers(tmp_path, named, {**UP, **OBJECTIVES, info("new", B): 1}, NEW) == ""
    unpromised = dict.fromkeys(OBJECTIVES, 0)
    assert answers(tmp_path, named, {**UP, **unpromised}, wanted) == ""
    once = f"count by (plan_id) ({named})"
    assert answers(tmp_path, once, old_and_new, wanted) == ""


def test_zero_is_known_only_where_an_exporter_is(tmp_path: Path) -> None:
    """What is missing is counted; nothing missing is 0; nobody to ask is nothing."""
    query = missing_count()
    gone = f'rocketmq_dr_configured_missing{{{A}, kind="plan", id="9"}}'
    twice = f'rocketmq_dr_configured_missing{{{B}, kind="plan", id="9"}}'

    assert answers(tmp_path, query, {}, []) == ""
    assert answers(tmp_path, query, {BUILD: 1}, [("{}", 0)]) == ""
    found: Series = {BUILD: 1, gone: 1, twice: 1}
    assert answers(tmp_path, query, found, [("{}", 1)]) == ""
    assert answers(tmp_path, known_zero("vector(5)"), {BUILD: 1}, [("{}", 5)]) == ""


def test_other_programs_under_the_same_names_are_left_out(tmp_path: Path) -> None:
    """Every program has process_open_fds; All stands for every job there is."""
    other = 'process_open_fds{job="node", instance="a"}'
    series: Series = {BUILD: 1, f"process_open_fds{{{A}}}": 7, other: 9}

    wanted = [(f"process_open_fds{{{A}}}", 7.0)]
    assert answers(tmp_path, of_exporters("process_open_fds"), series, wanted) == ""
