"""The expressions that the dashboards ask Prometheus.

Two exporters may poll the same routes, and one Prometheus may scrape many exporters: so
series of a route or a checkpoint are first reduced to one sample,
by naming the metric's own labels. The labels that a scrape adds (job, instance, pod …)
never remain by accident.

There may be a hundred thousand checkpoints, and grouping is what takes Prometheus long:
so the few that matter are found first, and then brought down to one for each.
"""

from __future__ import annotations

from dataclasses import dataclass

ROUTE = "plan_id, item_id, source_instance_id"
CHECKPOINT = f"{ROUTE}, target_instance_id, group, topic"
TARGET = "job, instance"
"""The labels that tell one exporter from another."""

PROBLEMS = 'state=~"never_synced|source_missing|target_missing"'


def pick(metric: str, *matchers: str) -> str:
    """Return a selector that heeds the variables job and instance.

    >>> pick("rocketmq_dr_up", 'plan_id="1"')
    'rocketmq_dr_up{job=~"$job", instance=~"$instance", plan_id="1"}'
    """
    inner = ", ".join(('job=~"$job"', 'instance=~"$instance"', *matchers))
    return f"{metric}{{{inner}}}"


def most(labels: str, metric: str, *matchers: str) -> str:
    """Return one sample for each of these labels: the largest of all exporters."""
    return f"max by ({labels}) ({pick(metric, *matchers)})"


def top(count: int, expression: str, labels: str = CHECKPOINT) -> str:
    """Return the largest, once for each of these labels.

    They are all there as long as no more than five exporters say the same.
    """
    found = f"topk({5 * count}, {expression})"
    return f"topk({count}, max by ({labels}) ({found}))"


def known_zero(expression: str) -> str:
    """Return 0 where an expression finds nothing although an exporter is there.

    Without an exporter the answer stays absent: it is unknown.
    """
    return f"({expression}) or 0 * max({pick('rocketmq_dr_exporter_build_info')})"


def of_exporters(metric: str) -> str:
    """Return a metric that other programs have as well, of exporters alone."""
    own = pick("rocketmq_dr_exporter_build_info")
    return f"{pick(metric)} and on ({TARGET}) {own}"


def rate(labels: str, counter: str, *matchers: str) -> str:
    """Return a counter's rate, summed over the exporters that count by themselves."""
    return f"sum by ({labels}) (rate({pick(counter, *matchers)}[$__rate_interval]))"


@dataclass(frozen=True, slots=True)
class Scope:
    """What part of the whole is asked for: matchers for each kind of label set."""

    plan: tuple[str, ...] = ()
    route: tuple[str, ...] = ()
    checkpoint: tuple[str, ...] = ()

    def lag(self) -> str:
        """Return the lag of each checkpoint, signed, as each exporter has it."""
        return pick("rocketmq_dr_sync_lag_seconds", *self.checkpoint)

    def age(self) -> str:
        """Return the age of each checkpoint, as each exporter has it."""
        return pick("rocketmq_dr_sync_age_seconds", *self.checkpoint)

    def synced_age(self) -> str:
        """Return the same of the plans that sync by themselves."""
        return f"({self.age()} and on (plan_id) {self.auto_sync()})"

    def auto_sync(self) -> str:
        """Return 1 for each plan that syncs by itself, and nothing for the others."""
        return f"{most('plan_id', 'rocketmq_dr_plan_auto_sync', *self.plan)} == 1"

    def worst_lag(self) -> str:
        """Return the worst lag of each route, beyond metrics.max_checkpoints too."""
        return most(ROUTE, "rocketmq_dr_max_sync_lag_seconds", *self.route)

    def worst_age(self) -> str:
        """Return the worst age of each route whose plan syncs by itself."""
        age = most(ROUTE, "rocketmq_dr_max_sync_age_seconds", *self.route)
        return f"({age} and on (plan_id) {self.auto_sync()})"

    def objective(self, kind: str) -> str:
        """Return the objective of each plan; of two that differ the stricter.

        An objective of 0 is off, as in the alert rules.
        """
        name = "rocketmq_dr_objective_seconds"
        selector = pick(name, *self.plan, f'objective="{kind}"')
        return f"min by (plan_id) ({selector} > 0)"

    def of_objective(self, seconds: str, kind: str) -> str:
        """Return times as a share of their plan's objective: over 1 is too much."""
        objective = self.objective(kind)
        return f"clamp_min({seconds}, 0) / on (plan_id) group_left () {objective}"

    def up(self) -> str:
        """Return for each route whether any exporter's last poll was complete."""
        return most(ROUTE, "rocketmq_dr_up", *self.route)

    def routes_down(self) -> str:
        """Return how many routes no exporter could poll."""
        return f"count({self.up()}) - sum({self.up()})"

    def data_age(self) -> str:
        """Return how long ago each route was last polled whole, by any exporter."""
        name = "rocketmq_dr_last_success_timestamp_seconds"
        return f"time() - {most(ROUTE, name, *self.route)}"

    def data_age_of_limit(self) -> str:
        """Return the same as a share of each exporter's own poll.stale_after."""
        last = pick("rocketmq_dr_last_success_timestamp_seconds", *self.route)
        limit = pick("rocketmq_dr_exporter_stale_after_seconds")
        shares = f"(time() - {last}) / on ({TARGET}) group_left () {limit}"
        return f"min by ({ROUTE}) ({shares})"

    def checkpoints(self, labels: str, *matchers: str) -> str:
        """Return how many checkpoints there are, by these labels of theirs."""
        each = most(
            f"{ROUTE}, state", "rocketmq_dr_checkpoints", *self.route, *matchers
        )
        return f"sum by ({labels}) ({each})"

    def failures(self) -> str:
        """Return the polls per second that failed, by reason.

        Of two exporters that poll the same route the one that fails more.
        """
        counter = pick("rocketmq_dr_poll_failures_total", *self.route)
        each = f"max by ({ROUTE}, reason) (rate({counter}[$__rate_interval]))"
        return f"sum by (reason) ({each})"

    def named(self, expression: str) -> str:
        """Add plan_name to samples that have a plan_id; empty where it is unknown."""
        info = most("plan_id, plan_name", "rocketmq_dr_plan_info", *self.plan)
        # While a plan is being renamed two exporters may know it by two names.
        names = f"0 * topk by (plan_id) (1, {info})"
        others = most("plan_id", "rocketmq_dr_objective_seconds", *self.plan)
        return (
            f"{expression} + on (plan_id) group_left (plan_name) "
            f"({names} or on (plan_id) 0 * {others})"
        )


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
