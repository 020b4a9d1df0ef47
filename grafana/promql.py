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

EXPORTERS = tuple(
    f'{name}=~"${name}"' for name in ("cluster", "namespace", "job", "instance")
)

PROBLEMS = 'state=~"never_synced|source_missing|target_missing"'


def pick(metric: str, *matchers: str) -> str:
    """Return a selector that heeds the variables for the exporter."""
    inner = ", ".join((*EXPORTERS, *matchers))
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


def beside(checkpoints: str, expression: str) -> str:
    """Return what an expression says of these checkpoints, once for each."""
    found = f"{expression} and on ({CHECKPOINT}) {checkpoints}"
    return f"max by ({CHECKPOINT}) ({found})"


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

    def delay(self) -> str:
        """Return the delay of each checkpoint, as each exporter has it."""
        return pick("rocketmq_dr_sync_delay_seconds", *self.checkpoint)

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

    def worst_delay(self) -> str:
        """Return the worst delay of each route, beyond metrics.max_checkpoints too."""
        return most(ROUTE, "rocketmq_dr_max_sync_delay_seconds", *self.route)

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

    def over(self, kind: str) -> str:
        """Return how many checkpoints of each route are over an objective."""
        name = "rocketmq_dr_checkpoints_over_objective"
        return most(ROUTE, name, *self.route, f'objective="{kind}"')

    def ready(self) -> str:
        """Return the share of each plan's checkpoints that a failover could rely on."""
        each = most(ROUTE, "rocketmq_dr_checkpoints_ready", *self.route)
        return f"sum by (plan_id) ({each}) / ({self.checkpoints('plan_id')} > 0)"

    def share(self) -> str:
        """Return what share of each plan's checkpoints has to be ready."""
        return most("plan_id", "rocketmq_dr_objective_share", *self.plan)

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


def blockers(scope: Scope) -> dict[str, str]:
    """Return what finds the plans that are not ready, by why; the cause first.

    It judges as the rules do that record plan:rocketmq_dr_failover_blocked:max.
    """
    up, known = scope.up(), scope.checkpoints(ROUTE)
    missed = f"({scope.ready()} < on (plan_id) {scope.share()})"
    stopped = 'status!="RUNNING"'
    plan = most("plan_id", "rocketmq_dr_plan_status", *scope.plan, stopped)
    item = most("plan_id", "rocketmq_dr_item_status", *scope.plan, stopped)
    unpolled = f"({scope.share()} unless on (plan_id) {up} unless on (plan_id) {plan})"
    missing = most("plan_id", "rocketmq_dr_plan_missing", *scope.plan)
    items = most("plan_id, item_id", "rocketmq_dr_item_status", *scope.plan)

    def share_missed_by(counts: str) -> str:
        return f"({missed} and on (plan_id) ({counts} > 0))"

    return {
        "plan down": plan,
        "item stopped": item,
        "data unknown": (
            f"max by (plan_id) ({up} unless on ({ROUTE}) {known})"
            f" or {unpolled} or {missing} > 0"
            f" or max by (plan_id) ({items} unless on (plan_id, item_id) {up})"
            f" or {scope.checkpoints('plan_id')} == 0 or "
            + share_missed_by(scope.checkpoints("plan_id", 'state="source_missing"'))
        ),
        "stalled": share_missed_by(scope.over("age")),
        "late": share_missed_by(scope.over("lag")),
        "not on target": share_missed_by(
            scope.checkpoints("plan_id", 'state=~"never_synced|target_missing"')
        ),
    }


def plans_ready(scope: Scope) -> str:
    """Return the share of plans that are ready to fail over."""
    total = f"count({scope.share()} or max by (plan_id) ({scope.up()}))"
    blocked = " or ".join(f"0 * ({found})" for found in blockers(scope).values())
    return f"1 - (count(max by (plan_id) ({blocked})) or 0 * {total}) / {total}"


def checkpoints_ready(scope: Scope) -> str:
    """Return the share of all checkpoints that a failover could rely on."""
    each = most(ROUTE, "rocketmq_dr_checkpoints_ready", *scope.route)
    return f"sum({each}) / (sum({scope.checkpoints(ROUTE)}) > 0)"
