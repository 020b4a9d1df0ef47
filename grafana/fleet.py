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
    beside,
    blockers,
    checkpoints_ready,
    known_zero,
    most,
    plans_ready,
    top,
)

ALL = Scope()
OF_OBJECTIVE = "Of its objective"

STATES = {
    0: ("ready", "green"),
    1: ("not on target", "yellow"),
    2: ("late", "red"),
    3: ("stalled", "red"),
    4: ("data unknown", "dark-red"),
    5: ("item stopped", "purple"),
    6: ("plan down", "purple"),
}
"""States of a plan, the cause before its symptoms: the highest that fits is shown."""

_VALUES = (
    "?${datasource:queryparam}&${cluster:queryparam}&${namespace:queryparam}"
    "&${job:queryparam}&${instance:queryparam}"
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
            ("Checkpoints", [distribution(), problems(), worst_delays(), worst_ages()]),
        ],
    )


def answers() -> list[Panel]:
    """Return the row of big answers."""
    return [
        within(),
        worst_delay(),
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
    """Return how many plans are ready."""
    return big(
        Words(
            "Ready to fail over",
            "Share of plans that run with all their items, whose routes are polled, "
            "and of whose checkpoints enough (objectives.share) are known, on the "
            "target, and neither late nor stalled. And the share of all checkpoints "
            "that are. Below 100 %: the plans below say why.",
        ),
        Look("percentunit", 4, 5, ((None, "red"), (0.95, "orange"), (1, "green"))),
        Ask(plans_ready(ALL), "of plans"),
        Ask(checkpoints_ready(ALL), "of checkpoints"),
    )


def worst_delay() -> Panel:
    """Return the worst delay beside the worst lag."""
    worst = ALL.worst_delay()
    return big(
        Words(
            "Worst delay",
            "For how long the target has been behind at worst, and that as a share of "
            "its plan's objective. Over 100 %: a failover now would repeat that much "
            "work. The largest lag beside it may just be the gap between two messages "
            "of a sparse topic.",
        ),
        Look("percentunit", 4, 5, OBJECTIVE),
        Ask(f"max({worst})", "delay", unit="s"),
        Ask(f"max({ALL.of_objective(worst, 'lag')})", "of its objective"),
        Ask(f"max({ALL.worst_lag()})", "lag", unit="s"),
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
    found = reversed(list(enumerate(reversed(blockers(ALL).values()), start=1)))
    blocked = " or ".join(f"0 * ({each}) + {number}" for number, each in found)
    return f"({blocked} or 0 * max by (plan_id) ({ALL.up()}))"


def plan_states() -> Panel:
    """Return what state each plan was in."""
    return states(
        Words(
            "Plans over time",
            "Whether each plan could fail over, or why not, the cause before its "
            "symptoms. Purple: the plan or one of its items does not run; start it in "
            "the console. Dark red: a route has no recent data; see the Exporter "
            "dashboard. Red: too many checkpoints are late or not synced. Yellow: too "
            "many are not on the target. Open the plan for more.",
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
            "What each plan is, its status, how many of its checkpoints are ready, and "
            "its worst delay and age as a share of their objectives. Red is over the "
            "objective: open the plan by its id.",
        ),
        Look("none", 24, 7),
        Column(Ask(info), "", "none"),
        Column(Ask(most("plan_id, status", "rocketmq_dr_plan_status")), "", "none"),
        Column(Ask(ALL.ready()), "Ready", "percentunit"),
        *(
            Column(
                Ask(f"max by (plan_id) ({ALL.of_objective(worst, kind)})"),
                share.format(kind),
                "percentunit",
                OBJECTIVE,
            )
            for worst, kind in ((ALL.worst_delay(), "lag"), (ALL.worst_age(), "age"))
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
            "that grows; one that appears on top is a group that fell behind, or a "
            "sparse topic: the table of the largest delays tells which.",
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


def worst_delays() -> Panel:
    """Return the checkpoints that are latest."""
    worst = top(20, ALL.delay())
    return rows(
        Words(
            "Largest delays",
            "The 20 checkpoints whose target has been behind for longest, and their "
            "lag. Red is over the plan's objective: open the group, and see whether "
            "the delay grows and the target syncs.",
        ),
        Look("none", 24, 10),
        Column(Ask(worst), "Delay", "s"),
        Column(
            Ask(ALL.of_objective(worst, "lag")), OF_OBJECTIVE, "percentunit", OBJECTIVE
        ),
        Column(Ask(beside(worst, ALL.lag())), "Lag", "s"),
        order="Delay",
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
