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
    checkpoints_ready,
    known_zero,
    of_exporters,
    plans_ready,
    top,
)

Series = Mapping[str, float | str]
Answer = Mapping[str, float]
Case = tuple[str, Series, Answer]
"""A query, the series that there are, and what is answered by labels."""

CHOICES = {"cluster": ".*", "namespace": ".*", "job": ".+", "instance": ".+"} | {
    "__rate_interval": "4m"
}
A, B = 'job="j", instance="a"', 'job="j", instance="b"'
PLAN = 'plan_id="1"'
ROUTE = f'{PLAN}, item_id="2", source_instance_id="s"'
SECOND = ROUTE.replace('"2"', '"3"')


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


SYNCS = series("plan_auto_sync", A, PLAN)
UP, UP_B = series("up", A, ROUTE), series("up", B, ROUTE)
WORST_LAG, WORST_AGE = (
    series(f"max_sync_{x}_seconds", A, ROUTE) for x in ("lag", "age")
)
SECOND_LAG, SECOND_AGE = (
    series(f"max_sync_{x}_seconds", A, SECOND) for x in ("lag", "age")
)
OBJECTIVES: Series = {objective("lag"): 300, objective("age"): 600, SYNCS: 1}

READY, READY_TOO = (series("checkpoints_ready", target, ROUTE) for target in (A, B))
SECOND_READY = series("checkpoints_ready", A, SECOND)
SHARE = series("objective_share", A, PLAN)
LATE, STALLED = (
    series("checkpoints_over_objective", A, ROUTE, f'objective="{kind}"')
    for kind in ("lag", "age")
)
CALM: Series = {
    **OBJECTIVES,
    UP: 1,
    SHARE: 0.9,
    READY: 9,
    LATE: 0,
    STALLED: 0,
    count("ok"): 9,
    count("never_synced"): 0,
    series("plan_status", A, PLAN, 'status="RUNNING"'): 1,
    series("item_status", A, PLAN, 'item_id="2", status="RUNNING"'): 1,
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


# Each is as bad as the one above it, or worse.
STATES: list[tuple[str, Series, int]] = [
    ("nothing", {}, 0),
    ("one of ten not on the target", {count("never_synced"): 1}, 0),
    ("not on the target", {READY: 8, count("never_synced"): 2, count("ok"): 8}, 1),
    ("late", {READY: 8, LATE: 2}, 2),
    ("stalled", {READY: 8, STALLED: 2}, 3),
    ("no source", {READY: 8, count("source_missing"): 2}, 4),
    ("a route without data", {series("up", A, SECOND): 0}, 4),
    (
        "an item without a route",
        {series("item_status", A, PLAN, 'item_id="4", status="RUNNING"'): 1},
        4,
    ),
    ("an item that does not exist", {series("plan_missing", A, PLAN): 1}, 4),
    ("a stopped item", {series("item_status", A, PLAN, 'status="STOPPED"'): 1}, 5),
    ("a stopped plan", {series("plan_status", A, PLAN, 'status="STOPPED"'): 1}, 6),
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
    "all are ready": (checkpoints_ready(ALL), CALM, {"{}": 1}),
    "two of two routes are not": (
        *(
            checkpoints_ready(ALL),
            {**CALM, READY: 8, SECOND_READY: 0, count("ok", SECOND): 1},
            {"{}": 0.8},
        ),
    ),
    "of two replicas the one that sees more ready counts": (
        *(checkpoints_ready(ALL), {**CALM, READY_TOO: 3}, {"{}": 1}),
    ),
    "a plan with its share is ready": (plans_ready(ALL), CALM, {"{}": 1}),
    "and without it is not": (
        *(plans_ready(ALL), {**CALM, READY: 8, LATE: 1}, {"{}": 0}),
    ),
    "one without a route is not": (
        *(plans_ready(ALL), {**CALM, series("objective_share", A, 'plan_id="2"'): 0.9}),
        {"{}": 0.5},
    ),
    "an age is not shown where the plan does not sync": (
        *(ALL.worst_age(), {**CALM, SYNCS: 0}, {}),
    ),
    "nothing is divided by an objective of 0": (
        *(LAG_SHARE, {**CALM, objective("lag"): 0}, {}),
    ),
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
