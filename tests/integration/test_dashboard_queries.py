"""What the dashboards' queries answer in situations that a demo does not have."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from programs import (
    real,
)
from promql import filled

from grafana.fleet import ALL, missing_count, plan_state
from grafana.promql import (
    known_zero,
    of_exporters,
    top,
)

Series = Mapping[str, float | str]
Answer = Mapping[str, float]
Case = tuple[str, Series, Answer]
"""A query, the series that there are, and what is answered by labels."""

CHOICES = {"job": ".+", "instance": ".+", "__rate_interval": "4m"}
A, B = 'job="j", instance="a"', 'job="j", instance="b"'
PLAN = 'plan_id="1"'
ROUTE = f'{PLAN}, item_id="2", source_instance_id="s"'
SECOND = ROUTE.replace('"2"', '"3"')
OTHER = ROUTE.replace(PLAN, 'plan_id="9"')
GONE = "_ _ _ _ _ _"


def series(name: str, *labels: str) -> str:
    """Return the name of a series with labels."""
    return f"rocketmq_dr_{name}{{{', '.join(labels)}}}"


def checkpoint(
    family: str, group: str, target: str = A, more: str = 'topic="x"'
) -> str:
    """Return a series of a checkpoint."""
    labels = f'target_instance_id="t", group="{group}"'
    return series(family, target, ROUTE, labels, more)


def count(state: str, route: str = ROUTE) -> str:
    """Return the series that counts the checkpoints in a state."""
    return series("checkpoints", A, route, f'state="{state}"')


def objective(kind: str, plan: str = PLAN) -> str:
    """Return the series of a plan's objective."""
    return series("objective_seconds", A, plan, f'objective="{kind}"')


def bucket(le: str, route: str = ROUTE) -> str:
    """Return a bucket of the distribution of lag."""
    return series("sync_lag_distribution_seconds_bucket", A, route, f'le="{le}"')


SYNCS = series("plan_auto_sync", A, PLAN)
UP, UP_B = series("up", A, ROUTE), series("up", B, ROUTE)
WORST_LAG, WORST_AGE = (
    series(f"max_sync_{x}_seconds", A, ROUTE) for x in ("lag", "age")
)
SECOND_LAG, SECOND_AGE = (
    series(f"max_sync_{x}_seconds", A, SECOND) for x in ("lag", "age")
)
OBJECTIVES: Series = {objective("lag"): 300, objective("age"): 600, SYNCS: 1}

# Two of five are within: one is late, one is stalled, and the lag of one is unknown.
KNOWN: Series = {
    **OBJECTIVES,
    checkpoint("sync_lag_seconds", "good"): 300,
    checkpoint("sync_lag_seconds", "ahead"): -5,
    checkpoint("sync_lag_seconds", "stalled"): 1,
    checkpoint("sync_lag_seconds", "late"): 301,
    checkpoint("sync_age_seconds", "good"): 600,
    checkpoint("sync_age_seconds", "stalled"): 601,
    checkpoint("sync_age_seconds", "gone"): 999,
    checkpoint("checkpoint_problem", "gone", more='problem="p", topic="x"'): 1,
    UP: 1,
    count("ok"): 4,
    count("target_missing"): 1,
    WORST_LAG: 301,
    WORST_AGE: 999,
}
TWO_ROUTES: Series = {
    **OBJECTIVES,
    UP: 1,
    count("ok"): 9,
    count("never_synced"): 0,
    WORST_LAG: 300,
    WORST_AGE: 600,
    series("up", A, SECOND): 1,
    count("ok", SECOND): 1,
    SECOND_LAG: -5,
    SECOND_AGE: 1,
}
SPREAD: Series = {
    **OBJECTIVES,
    count("ok"): 6,
    count("never_synced"): 2,
    bucket("120.0"): 3,
    bucket("300.0"): 4,
    bucket("+Inf"): 6,
}
NO_BUCKET: Series = {
    objective("lag", 'plan_id="9"'): 250,
    count("ok", OTHER): 100,
    bucket("300.0", OTHER): 100,
}
CALM: Series = {
    **OBJECTIVES,
    UP: 1,
    count("ok"): 9,
    count("never_synced"): 0,
    series("plan_status", A, PLAN, 'status="RUNNING"'): 1,
    series("item_status", A, PLAN, 'status="RUNNING"'): 1,
    WORST_LAG: 300,
    WORST_AGE: 600,
}
FRESH: Series = {
    series("last_success_timestamp_seconds", A, ROUTE): 200,
    series("exporter_stale_after_seconds", A): 1000,
    series("last_success_timestamp_seconds", B, ROUTE): 250,
    series("exporter_stale_after_seconds", B): 50,
}
FAILURES: Series = {
    series("poll_failures_total", A, ROUTE, 'reason="timeout"'): "0+60x9",
    series("poll_failures_total", B, ROUTE, 'reason="timeout"'): "0+120x9",
    series("poll_failures_total", A, SECOND, 'reason="timeout"'): "0+60x9",
}
FIVE_REPLICAS: Series = {
    checkpoint("sync_lag_seconds", f"g{lag}", f'job="j", instance="{n}"'): lag
    for lag in range(1, 8)
    for n in range(5)
}
BUILD = series("exporter_build_info", A)
MISSING = {
    series("configured_missing", each, 'kind="plan"', 'id="9"'): 1 for each in (A, B)
}
OLD, NEW = (
    series("plan_info", each, PLAN, f'plan_name="{name}"')
    for each, name in ((A, "old"), (B, "new"))
)
NAMED = ALL.named(f"max by (plan_id) ({ALL.up()})")
LAG_SHARE = ALL.of_objective(ALL.worst_lag(), "lag")
BY_PLAN, BY_ROUTE = f"{{{PLAN}}}", f"{{{ROUTE}}}"
SIX = top(6, ALL.lag())


def within(share: float | None, *changes: Series, of: Series = KNOWN) -> Case:
    """Return what share of checkpoints is within its objectives after changes."""
    changed = {name: v for each in (of, *changes) for name, v in each.items()}
    return checkpoints_within(ALL), changed, {} if share is None else {"{}": share}


def without(family: str) -> Series:
    """Return what is left of the known series without a family."""
    return {name: v for name, v in KNOWN.items() if f"dr_{family}" not in name}


def routes(share: float, changes: Series) -> Case:
    """Return what share of two routes is within its objectives after changes."""
    return routes_within(ALL), {**TWO_ROUTES, **changes}, {"{}": share}


# Each is as bad as the one above it, or worse.
STATES: list[tuple[str, Series, int]] = [
    ("nothing", {}, 0),
    ("a target ahead", {count("target_ahead"): 3}, 0),
    ("a checkpoint never synced", {count("never_synced"): 1}, 1),
    ("no source", {count("source_missing"): 1}, 1),
    ("no target", {count("target_missing"): 1}, 1),
    ("a stopped plan", {series("plan_status", A, PLAN, 'status="STOPPED"'): 1}, 2),
    ("a stopped item", {series("item_status", A, PLAN, 'status="STOPPED"'): 1}, 2),
    ("lag", {WORST_LAG: 301}, 3),
    ("age", {WORST_AGE: 601}, 3),
    ("one route of two that fails", {UP: 0, series("up", A, SECOND): 1}, 4),
]


def of_plan_states() -> Iterator[tuple[str, Case]]:
    """Yield each state of a plan by itself, and together with those above it."""
    together: Series = CALM
    for name, change, state in STATES:
        together = {**together, **change}
        for there, where in (
            ({**CALM, **change}, "alone"),
            (together, "with those above"),
        ):
            yield f"{name} {where}", (plan_state(), there, {BY_PLAN: state})


CASES: dict[str, Case] = {
    "late, stalled and missing checkpoints are not within": within(0.4),
    "age does not count where the plan does not sync": within(0.6, {SYNCS: 0}),
    "nor is it shown": (ALL.synced_age(), {**KNOWN, SYNCS: 0}, {}),
    "nor is the worst age": (ALL.worst_age(), {**KNOWN, SYNCS: 0}, {}),
    "nothing within is 0": within(
        0, of={**OBJECTIVES, checkpoint("sync_lag_seconds", "late"): 400}
    ),
    "the share needs lags": within(None, of=without("sync_lag")),
    "the share needs ages": within(None, of=without("sync_age")),
    "the share needs problems": within(None, of=without("checkpoint_problem")),
    "an objective of 0 is off": within(0.6, {objective("lag"): 0}),
    "nothing is divided by it": (LAG_SHARE, {**KNOWN, objective("lag"): 0}, {}),
    "of two replicas the worse counts, once": within(
        0.2, {checkpoint("sync_lag_seconds", "good", B): 310}
    ),
    "both routes are within": routes(1, {}),
    "one is late": routes(0.5, {SECOND_LAG: 301}),
    "one is stalled": routes(0.5, {SECOND_AGE: 601}),
    "one is both": routes(0.5, {SECOND_AGE: 601, SECOND_LAG: 301}),
    "one has an age and does not sync": routes(1, {SECOND_AGE: 601, SYNCS: 0}),
    "one has a problem": routes(0.5, {count("never_synced", SECOND): 1}),
    "one is ahead": routes(1, {count("target_ahead", SECOND): 1}),
    "one is too old and has no data": routes(
        0.5, {count("ok", SECOND): GONE, SECOND_LAG: GONE, SECOND_AGE: GONE}
    ),
    "one failed and still has data": routes(1, {series("up", A, SECOND): 0}),
    "both are out": routes(0, {SECOND_LAG: 301, count("source_missing"): 1}),
    "the objective's bucket gives the share": (
        *(lags_within(ALL), SPREAD, {"{}": 0.5}),
    ),
    "a plan without such a bucket does not count": (
        *(lags_within(ALL), {**SPREAD, **NO_BUCKET}, {"{}": 0.5}),
    ),
    "and gives no share": (lags_within(ALL), NO_BUCKET, {}),
    "a target that is ahead uses nothing of its objective": (
        *(LAG_SHARE, {**OBJECTIVES, WORST_LAG: -60}, {BY_ROUTE: 0}),
    ),
    "a lag has a share of its objective": (
        *(LAG_SHARE, {**OBJECTIVES, WORST_LAG: 600}, {BY_ROUTE: 2}),
    ),
    "a route is up if one replica polls it": (
        *(ALL.routes_down(), {UP: 0, UP_B: 1}, {"{}": 0}),
    ),
    "and down if none does": (ALL.routes_down(), {UP: 0, UP_B: 0}, {"{}": 1}),
    "data is as old as the freshest replica's": (
        *(ALL.data_age(), FRESH, {BY_ROUTE: 50}),
    ),
    "and compared with its own limit": (
        *(ALL.data_age_of_limit(), FRESH, {BY_ROUTE: 0.1}),
    ),
    "failures of routes are added, those of replicas are not": (
        *(ALL.failures(), FAILURES, {'{reason="timeout"}': 3}),
    ),
    "the top has six checkpoints of five replicas": (
        *(f"count({SIX})", FIVE_REPLICAS, {"{}": 6}),
    ),
    "and they are the largest": (f"min({SIX})", FIVE_REPLICAS, {"{}": 2}),
    "a plan without a name is shown": (NAMED, {UP: 1, **OBJECTIVES}, {BY_PLAN: 1}),
    "and without objectives": (
        *(NAMED, {UP: 1, **dict.fromkeys(OBJECTIVES, 0)}, {BY_PLAN: 1}),
    ),
    "a plan has its name": (
        *(NAMED, {UP: 1, **OBJECTIVES, NEW: 1}, {f'{{{PLAN}, plan_name="new"}}': 1}),
    ),
    "a plan with two names is shown once": (
        f"count by (plan_id) ({NAMED})",
        {UP: 1, **OBJECTIVES, OLD: 1, NEW: 1},
        {BY_PLAN: 1},
    ),
    "without an exporter nobody knows what is missing": (missing_count(), {}, {}),
    "nothing is missing": (missing_count(), {BUILD: 1}, {"{}": 0}),
    "what two replicas miss counts once": (
        *(missing_count(), {BUILD: 1, **MISSING}, {"{}": 1}),
    ),
    "a known value stays": (known_zero("vector(5)"), {BUILD: 1}, {"{}": 5}),
    "other programs' metrics of the same name do not count": (
        of_exporters("process_open_fds"),
        {
            BUILD: 1,
            f"process_open_fds{{{A}}}": 7,
            'process_open_fds{job="node", instance="a"}': 9,
        },
        {f"process_open_fds{{{A}}}": 7},
    ),
    **dict(of_plan_states()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_query_answers(name: str, tmp_path: Path) -> None:
    """Promtool evaluates it after five minutes."""
    expression, there, answer = CASES[name]
    test = {
        "promql_expr_test": [
            {
                "expr": filled(expression, CHOICES),
                "eval_time": "5m",
                "exp_samples": [
                    {"labels": labels, "value": value}
                    for labels, value in answer.items()
                ],
            }
        ],
        "interval": "1m",
        "input_series": [
            {"series": each, "values": v if isinstance(v, str) else f"{v}+0x9"}
            for each, v in there.items()
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"evaluation_interval": "1m", "tests": [test]}))
    command = (real("promtool"), "test", "rules", str(file))
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
