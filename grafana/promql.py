"""The expressions that the dashboards ask Prometheus.

It must not know how an answer is drawn.

Two exporters may poll the same routes, and one Prometheus may scrape many exporters: so
whatever is said of a route or a checkpoint is first brought down to one sample for it,
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

    Where there is no exporter the answer stays absent: nobody knows.
    """
    return f"({expression}) or 0 * max({pick('rocketmq_dr_exporter_build_info')})"


def of_exporters(metric: str) -> str:
    """Return a metric that other programs have as well, of exporters alone."""
    own = pick("rocketmq_dr_exporter_build_info")
    return f"{pick(metric)} and on ({TARGET}) {own}"


def rate(labels: str, counter: str, *matchers: str) -> str:
    """Return a counter's rate, summed over whatever exporters count by themselves."""
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

        An objective of 0 is none, as the alert rules have it.
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
