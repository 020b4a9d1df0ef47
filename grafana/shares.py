"""Expressions for what share of routes or checkpoints is within its objectives.

They must not say good or bad of what is not known: what cannot be told is no data.
"""

from __future__ import annotations

from grafana.promql import CHECKPOINT, PROBLEMS, ROUTE, TARGET, Scope, most, pick

_LAG, _AGE = "rocketmq_dr_sync_lag_seconds", "rocketmq_dr_sync_age_seconds"
_PROBLEM = "rocketmq_dr_checkpoint_problem"


def routes_within(scope: Scope) -> str:
    """Return the share of routes of which no checkpoint is out of its objectives.

    It reads what the exporter sums up itself: exact, however many checkpoints there
    are. A route of which nothing is known is not within.
    """
    total = f"count({scope.up()})"
    late = " or ".join(
        f"({worst} > on (plan_id) group_left () {scope.objective(kind)})"
        for worst, kind in ((scope.worst_lag(), "lag"), (scope.worst_age(), "age"))
    )
    problems = f"({scope.checkpoints(ROUTE, PROBLEMS)} > 0)"
    unknown = f"({scope.up()} unless on ({ROUTE}) {scope.checkpoints(ROUTE)})"
    bad = f"count({late} or {problems} or {unknown})"
    return f"1 - ({bad} or 0 * {total}) / {total}"


def lags_within(scope: Scope) -> str:
    """Return the share of checkpoints whose lag is within its objective.

    It reads the distribution of lag, which can tell that of plans whose objective is
    one of its bounds, as that by default is; other plans are left out.
    """
    bound = f'count_values by (plan_id) ("le", {scope.objective("lag")})'
    # The exporter writes a bound as 300.0, count_values the objective as 300.
    bound = f'label_replace({bound}, "le", "$1.0", "le", "([0-9]+)")'
    name = "rocketmq_dr_sync_lag_distribution_seconds_bucket"
    each = f"min by ({ROUTE}, le) ({pick(name, *scope.route)})"
    within = f"({each} and on (plan_id, le) {bound})"
    total = f"({scope.checkpoints(ROUTE)} and on ({ROUTE}) {within})"
    return f"sum({within}) / (sum({total}) > 0)"


def checkpoints_within(scope: Scope) -> str:
    """Return the share of checkpoints within both objectives, of those with series.

    What has a problem is not within. It reads every series of the scope.
    """
    known, problems = _counted(scope, _LAG), _counted(scope, _PROBLEM)
    total = f"({known} + ({problems} or 0 * {known}) or {problems})"
    good = f"{known} - (count({_late(scope)}) or 0 * {known})"
    share = f"({good} or 0 * {total}) / ({total} > 0)"
    return f"{share} unless ({_left_out(scope)})"


def _late(scope: Scope) -> str:
    """Return the checkpoints with a lag that are over an objective."""
    ages = f"({scope.objective('age')} and on (plan_id) {scope.auto_sync()})"
    # What has an age and no lag is a problem, and those are few to leave out.
    problem = pick(_PROBLEM, *scope.checkpoint)
    lagging = f"({scope.lag()} > on (plan_id) group_left () {scope.objective('lag')})"
    stalled = f"({scope.age()} > on (plan_id) group_left () {ages})"
    known = f"({stalled} unless ignoring (problem) {problem})"
    return f"max by ({CHECKPOINT}) ({lagging} or {known})"


def _counted(scope: Scope, family: str) -> str:
    """Return how many checkpoints have a sample in a family."""
    each = f"count by ({ROUTE}, {TARGET}) ({pick(family, *scope.checkpoint)})"
    return f"sum(max by ({ROUTE}) ({each}))"


def _left_out(scope: Scope) -> str:
    """Return a sample if there is something to tell of, and no series that tells it.

    So it is where metrics.families leaves out one of the three.
    """
    states = most(f"{ROUTE}, state", "rocketmq_dr_checkpoints", *scope.route, PROBLEMS)
    there = (
        (scope.worst_lag(), _LAG),
        (scope.worst_age(), _AGE),
        (f"{states} > 0", _PROBLEM),
    )
    return " or ".join(
        f"(count({known}) unless count({pick(family, *scope.route)}))"
        for known, family in there
    )
