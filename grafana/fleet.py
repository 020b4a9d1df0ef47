"""Are we able to fail over now? All plans of all exporters at a glance."""

from __future__ import annotations

from grafana.boards import FLEET, PLAN, Board
from grafana.panels import (
    NONE_IS_GOOD,
    OBJECTIVE,
    Ask,
    Column,
    Link,
    Look,
    Panel,
    Words,
    big,
    heat,
    lines,
    rows,
    states,
)
from grafana.promql import (
    PROBLEMS,
    ROUTE,
    Scope,
    known_zero,
    lags_within,
    most,
    routes_within,
    top,
)

ALL = Scope()
OF_OBJECTIVE = "Of its objective"

STATES = {
    0: ("within its objectives", "green"),
    1: ("checkpoints without sync", "yellow"),
    2: ("plan or item not running", "purple"),
    3: ("over an objective", "red"),
    4: ("not known: a route is down", "dark-red"),
}
"""States of a plan, the worst last: what it is said to be is the worst that fits."""

_VALUES = (
    "?${datasource:queryparam}&${job:queryparam}&${instance:queryparam}"
    "&${__url_time_range}&var-plan=${__data.fields.plan_id:percentencode}"
)
TO_PLAN = Link("plan_id", "Open the plan", f"/d/{PLAN}{_VALUES}")
TO_RUNBOOK = Link(
    "alertname",
    "Open the runbook",
    "https://github.com/rocketmq-dr/rocketmq-dr-exporter/blob/main/docs/runbooks/"
    "${__data.fields.alertname:percentencode}.md",
)
TO_CHECKPOINT = Link(
    "group",
    "Open the checkpoint",
    TO_PLAN.url
    + "&var-item=${__data.fields.item_id:percentencode}"
    + "&var-group=${__data.fields.group:percentencode}"
    + "&var-topic=${__data.fields.topic:percentencode}",
)


def board() -> Board:
    """Return the dashboard."""
    return Board(
        uid=FLEET,
        description="Are we able to fail over now? All plans at a glance.",
        variables=(),
        rows=[
            ("Now", [*answers()]),
            ("Plans", [plan_states(), alerts(), plans()]),
            ("Checkpoints", [distribution(), problems(), worst_lags(), worst_ages()]),
        ],
    )


def answers() -> list[Panel]:
    """Return the row of big answers."""
    return [
        within(),
        worst_lag(),
        worst_age(),
        big(
            Words(
                "Routes down",
                "Routes whose last poll failed on every exporter. When red, nothing "
                "new is known of them: look at the reasons on the Exporter dashboard.",
            ),
            Look("none", 4, 5, NONE_IS_GOOD),
            Ask(ALL.routes_down(), "down"),
        ),
        data_age(),
        missing(),
    ]


def within() -> Panel:
    """Return how much is within its objectives."""
    return big(
        Words(
            "Within objectives",
            "Share of routes of which every checkpoint is within the plan's "
            "objectives, for age only where the plan syncs by itself; one without a "
            "sync, or a route of which nothing is known, is not. And the share of all "
            "checkpoints whose lag is within its objective, of plans whose objective "
            "is a bound of the distribution: 1s, 5s, 10s, 30s, 1m, 2m, 5m, 10m, 30m, "
            "1h, 6h or 1d. Below 100 % those groups would fall back too far: find "
            "them in the tables below.",
        ),
        Look("percentunit", 4, 5, ((None, "red"), (0.95, "orange"), (1, "green"))),
        Ask(routes_within(ALL), "of routes"),
        Ask(lags_within(ALL), "of lags"),
    )


def worst_lag() -> Panel:
    """Return the worst lag, and how it compares."""
    worst = ALL.worst_lag()
    return big(
        Words(
            "Worst lag",
            "The largest lag, and the largest share of its plan's objective, which "
            "need not be the same checkpoint's. Over 100 %: a failover now would "
            "repeat that much work. See whether the group consumes on the source, "
            "then whether the item runs.",
        ),
        Look("percentunit", 4, 5, OBJECTIVE),
        Ask(f"max({worst})", "lag", unit="s"),
        Ask(f"max({ALL.of_objective(worst, 'lag')})", "of its objective"),
    )


def worst_age() -> Panel:
    """Return the worst age, and how it compares."""
    worst = ALL.worst_age()
    return big(
        Words(
            "Worst age",
            "The longest time since progress was written to the target, of plans that "
            "sync by themselves, and the largest share of an objective. Over 100 %: "
            "syncing has stopped; see whether the group is online on the target, then "
            "whether plan and item run. Empty when no plan syncs by itself.",
        ),
        Look("percentunit", 4, 5, OBJECTIVE),
        Ask(f"max({worst})", "age", unit="s"),
        Ask(f"max({ALL.of_objective(worst, 'age')})", "of its objective"),
    )


def data_age() -> Panel:
    """Return how old all this is at worst."""
    return big(
        Words(
            "Data age",
            "How long ago the route that was polled longest ago was polled whole, and "
            "the same as a share of poll.stale_after, at which its checkpoints are "
            "withdrawn. When red, this page is about the past: look at the Exporter "
            "dashboard.",
        ),
        Look("percentunit", 4, 5, ((None, "green"), (0.5, "orange"), (1, "red"))),
        Ask(f"max({ALL.data_age()})", "age", unit="s"),
        Ask(f"max({ALL.data_age_of_limit()})", "of stale_after"),
    )


def missing() -> Panel:
    """Return how much of the configuration does not exist."""
    return big(
        Words(
            "Missing upstream",
            "Plans, items and instances that are configured and that the API does not "
            "know: they are not watched at all. Correct or drop the ids that the "
            "exporter's log and rocketmq_dr_configured_missing name.",
        ),
        Look("none", 4, 5, NONE_IS_GOOD),
        Ask(missing_count(), "missing"),
    )


def missing_count() -> str:
    """Return how much is missing: 0 where exporters miss nothing."""
    return known_zero(f"count({most('kind, id', 'rocketmq_dr_configured_missing')})")


def plan_state() -> str:
    """Return the number of each plan's state."""
    late = " or ".join(
        f"max by (plan_id) ({ALL.of_objective(worst, kind)}) > 1"
        for worst, kind in ((ALL.worst_lag(), "lag"), (ALL.worst_age(), "age"))
    )
    stopped = " or ".join(
        most("plan_id", name, 'status!="RUNNING"')
        for name in ("rocketmq_dr_plan_status", "rocketmq_dr_item_status")
    )
    return (
        f"((min by (plan_id) ({ALL.up()}) == 0) + 4"
        f" or ({late}) * 0 + 3"
        f" or ({stopped}) * 0 + 2"
        f" or ({ALL.checkpoints('plan_id', PROBLEMS)} > 0) * 0 + 1"
        f" or max by (plan_id) ({ALL.up()}) * 0)"
    )


def plan_states() -> Panel:
    """Return what state each plan was in."""
    return states(
        Words(
            "Plans over time",
            "The worst that is true of each plan. Dark red: a route cannot be polled, "
            "see the Exporter dashboard. Red: lag, or age where progress syncs by "
            "itself, is over the objective; open the plan. Purple: the plan or one of "
            "its items does not run; start it in the console. Yellow: some "
            "checkpoints were never synced, or lack a side.",
        ),
        Look("none", 14, 9),
        Ask(ALL.named(plan_state()), "{{plan_name}} {{plan_id}}"),
        STATES,
    )


def alerts() -> Panel:
    """Return which alerts fire."""
    firing = 'ALERTS{alertname=~"RocketMQDR.+", alertstate="firing"}'
    return rows(
        Words(
            "Alerts firing",
            "Alerts of the shipped rules that fire; each leads to its runbook. Empty "
            "when none does, and also when this Prometheus does not load the rules. "
            "Not narrowed by job and instance, since the rules aggregate those away.",
        ),
        Look("none", 10, 9),
        Column(
            Ask(f"count by (alertname, severity, plan_id) ({firing})"),
            "Firing",
            "none",
            NONE_IS_GOOD,
        ),
        order="Firing",
        links=[TO_RUNBOOK, TO_PLAN],
    )


def plans() -> Panel:
    """Return one row for each plan."""
    name = "rocketmq_dr_plan_info"
    info = most("plan_id, plan_name, plan_type, region_id", name)
    share = "Of its {} objective"
    return rows(
        Words(
            "Plans",
            "What each plan is, its status, and its worst lag and age as a share of "
            "their objectives. Red is over the objective: open the plan by its id.",
        ),
        Look("none", 24, 7),
        Column(Ask(info), "", "none"),
        Column(Ask(most("plan_id, status", "rocketmq_dr_plan_status")), "", "none"),
        *(
            Column(
                Ask(f"max by (plan_id) ({ALL.of_objective(worst, kind)})"),
                share.format(kind),
                "percentunit",
                OBJECTIVE,
            )
            for worst, kind in ((ALL.worst_lag(), "lag"), (ALL.worst_age(), "age"))
        ),
        Column(
            Ask(f"count by (plan_id) ({ALL.up()}) - sum by (plan_id) ({ALL.up()})"),
            "Routes down",
            "none",
            NONE_IS_GOOD,
        ),
        order=share.format("lag"),
        links=[TO_PLAN],
    )


def distribution() -> Panel:
    """Return how lag is spread."""
    name = "rocketmq_dr_sync_lag_distribution_seconds_bucket"
    return heat(
        Words(
            "Distribution of lag",
            "How many checkpoints have which lag. A band that climbs is a backlog "
            "that grows; one that appears on top is a group that fell behind: find it "
            "in the table of the largest lags.",
        ),
        Look("s", 14, 9),
        Ask(f"sum by (le) ({most(f'{ROUTE}, le', name)})", "{{le}}"),
    )


def problems() -> Panel:
    """Return the checkpoints without lag."""
    return lines(
        Words(
            "Problems by kind",
            "Checkpoints whose lag cannot be known. never_synced: bring the group "
            "online on the target, or sync it by hand. target_missing: it was synced "
            "once; see whether the group still exists on the target. source_missing: "
            "the group has not consumed on the source yet.",
        ),
        Look("none", 10, 9),
        Ask(ALL.checkpoints("state", PROBLEMS), "{{state}}"),
        stacked=True,
    )


def worst_lags() -> Panel:
    """Return the checkpoints that lag most."""
    worst = top(20, ALL.lag())
    return rows(
        Words(
            "Largest lags",
            "The 20 checkpoints that lag most. Red is over the plan's objective: open "
            "the group, and see whether lag grows and the target syncs.",
        ),
        Look("none", 24, 10),
        Column(Ask(worst), "Lag", "s"),
        Column(
            Ask(ALL.of_objective(worst, "lag")), OF_OBJECTIVE, "percentunit", OBJECTIVE
        ),
        order="Lag",
        links=[TO_PLAN, TO_CHECKPOINT],
    )


def worst_ages() -> Panel:
    """Return the checkpoints that were synced longest ago."""
    worst = top(20, ALL.synced_age())
    return rows(
        Words(
            "Largest ages",
            "The 20 checkpoints, of plans that sync by themselves, whose last sync is "
            "longest ago. Red is over the plan's objective: see whether the group is "
            "online on the target.",
        ),
        Look("none", 24, 10),
        Column(Ask(worst), "Age", "s"),
        Column(
            Ask(ALL.of_objective(worst, "age")), OF_OBJECTIVE, "percentunit", OBJECTIVE
        ),
        order="Age",
        links=[TO_PLAN, TO_CHECKPOINT],
    )
