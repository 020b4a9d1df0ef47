"""One plan: its checkpoints against their objectives, both sides, and its polls."""

from __future__ import annotations

from grafana.boards import PLAN, Board, Variable
from grafana.panels import (
    NONE_IS_GOOD,
    OBJECTIVE,
    ONE_IS_GOOD,
    Ask,
    Column,
    Look,
    Panel,
    Words,
    big,
    lines,
    rows,
)
from grafana.promql import (
    CHECKPOINT,
    ROUTE,
    Scope,
    beside,
    checkpoints_ready,
    most,
    pick,
    top,
)

_PLAN = 'plan_id="$plan"'
_ROUTE = (_PLAN, 'item_id=~"$item"')
_ROW = (*_ROUTE, 'group=~"$group"', 'topic=~"$topic"')
HERE = Scope(plan=(_PLAN,), route=_ROUTE, checkpoint=_ROW)
NAME = "{{group}} {{topic}}"

_ANY = '__name__=~"rocketmq_dr_(sync_lag_seconds|sync_age_seconds|checkpoint_problem)"'


def _of_checkpoints(name: str, label: str, *matchers: str) -> Variable:
    selector = pick("", _ANY, *matchers)
    return Variable(name, label, f"label_values({selector}, {name})", ".*")


VARIABLES = (
    Variable(
        "plan",
        "Plan",
        f"label_values({pick('rocketmq_dr_objective_seconds')}, plan_id)",
        None,
    ),
    Variable(
        "item",
        "Item",
        f"label_values({pick('rocketmq_dr_polls_total', _PLAN)}, item_id)",
        ".*",
    ),
    _of_checkpoints("group", "Group", *_ROUTE),
    _of_checkpoints("topic", "Topic", *_ROUTE, 'group=~"$group"'),
)


def board() -> Board:
    """Return the dashboard."""
    return Board(
        uid=PLAN,
        description="One plan: which groups would fall back how far, and why.",
        variables=VARIABLES,
        rows=[
            ("Now", [*answers()]),
            ("Delay, lag and age", [delay(), lag(), age(), checkpoints()]),
            ("Both sides", [consumed(), fetched(), timestamps()]),
            ("Checkpoints", [by_state(), rejected(), problems()]),
            ("Polls", [duration(), failures(), data_age()]),
        ],
    )


def answers() -> list[Panel]:
    """Return the row of big answers."""
    return [
        status(),
        big(
            Words(
                "Ready",
                "Share of the checkpoints of the chosen items that are known, on the "
                "target, and neither late nor stalled. Below the objective, which is "
                "beside it, the plan is not ready to fail over: the tables below name "
                "the groups.",
            ),
            Look("percentunit", 4, 5, ((None, "red"), (0.95, "orange"), (1, "green"))),
            Ask(checkpoints_ready(HERE), "ready"),
            Ask(f"max({HERE.share()})", "objective"),
        ),
        _worst(
            "Worst delay",
            "For how long the target has been behind at worst. Over 100 % of the "
            "objective a failover now would repeat that much work: see whether it "
            "grows, and whether the last sync is recent.",
            HERE.delay(),
            "delay",
            "lag",
        ),
        _worst(
            "Worst age",
            "The longest time since progress was written to the target. Over 100 % of "
            "the objective syncing has stopped: see whether the group is online on the "
            "target, and whether the item runs. Empty where the plan does not sync by "
            "itself.",
            HERE.synced_age(),
            "age",
            "age",
        ),
        big(
            Words(
                "Routes down",
                "Routes of the plan whose last poll failed on every exporter. When "
                "red, nothing new is known of them: the reasons are below.",
            ),
            Look("none", 4, 5, NONE_IS_GOOD),
            Ask(HERE.routes_down(), "down"),
        ),
    ]


def status() -> Panel:
    """Return what the API says of the plan and its items."""
    plan = most("plan_id, status", "rocketmq_dr_plan_status", _PLAN)
    item = most("item_id, status", "rocketmq_dr_item_status", *_ROUTE)
    running = 'status="RUNNING"'
    plans = most("plan_id, status", "rocketmq_dr_plan_status", _PLAN, running)
    items = most("item_id, status", "rocketmq_dr_item_status", *_ROUTE, running)
    return big(
        Words(
            "Plan and items",
            "The status of the plan and of each item. What is red does not run, so "
            "nothing is replicated or synced: start it in the console, or find out who "
            "stopped it.",
        ),
        Look("none", 8, 5, ONE_IS_GOOD),
        Ask(f"{plans} or {plan} * 0", "plan {{status}}"),
        Ask(f"{items} or {item} * 0", "{{item_id}} {{status}}"),
        names=True,
    )


def _worst(title: str, text: str, seconds: str, what: str, objective: str) -> Panel:
    return big(
        Words(title, text),
        Look("percentunit", 4, 5, OBJECTIVE),
        Ask(f"max({seconds})", what, unit="s"),
        Ask(f"max({HERE.of_objective(seconds, objective)})", "of its objective"),
    )


def delay() -> Panel:
    """Return delay over time, beside its objective."""
    return lines(
        Words(
            "Delay",
            "For how long the target of the 20 latest of the chosen checkpoints has "
            "been behind, with the objective. A line that climbs by one second a "
            "second: the target stands still. Over the objective and flat: the target "
            "keeps up, too late. It starts at 0 when the exporter does.",
        ),
        Look("s", 8),
        Ask(top(20, HERE.delay()), NAME),
        Ask(HERE.objective("lag"), "objective"),
    )


def lag() -> Panel:
    """Return lag over time."""
    return lines(
        Words(
            "Lag",
            "The 20 largest lags of the chosen checkpoints. On a sparse topic lag is "
            "the gap between two messages until the next sync: what is late is in the "
            "delay. Below 0 the target is ahead, or its copies were stored later.",
        ),
        Look("s", 8),
        Ask(top(20, HERE.lag()), NAME),
    )


def age() -> Panel:
    """Return age over time, beside its objective."""
    return lines(
        Words(
            "Age",
            "The 20 longest times since progress was written to the target, with the "
            "objective. A line that climbs by one second a second is a group that is "
            "not synced: bring it online on the target. Plans that do not sync by "
            "themselves are left out.",
        ),
        Look("s", 8),
        Ask(top(20, HERE.synced_age()), NAME),
        Ask(HERE.objective("age"), "objective"),
    )


def checkpoints() -> Panel:
    """Return the chosen checkpoints, the worst first."""
    worst = top(100, HERE.delay())
    return rows(
        Words(
            "Checkpoints with the largest delay",
            "The 100 checkpoints whose target has been behind for longest. Red is over "
            "the objective; a small age beside a large delay means that the copying or "
            "the group itself is slow, a large one that it is not synced.",
        ),
        Look("none", 24, 10),
        Column(Ask(worst), "Delay", "s"),
        Column(
            Ask(HERE.of_objective(worst, "lag")),
            "Of its objective",
            "percentunit",
            OBJECTIVE,
        ),
        Column(Ask(beside(worst, HERE.lag())), "Lag", "s"),
        Column(Ask(beside(worst, HERE.age())), "Age", "s"),
        order="Delay",
    )


def _ago(family: str) -> Ask:
    ago = f"time() - {pick(family, *_ROW)}"
    return Ask(top(40, ago, f"{CHECKPOINT}, side"), f"{{{{side}}}} {NAME}")


def consumed() -> Panel:
    """Return how far back each side consumes."""
    return lines(
        Words(
            "Last consumed, by side",
            "How old the last message is that each group consumed on each side, the "
            "40 oldest. Both sides climbing together is a topic at rest, or consumers "
            "that stopped on the source; the target alone is a sync that stopped. "
            "Empty without the family consume in metrics.families.",
        ),
        Look("s", 12),
        _ago("rocketmq_dr_consume_timestamp_seconds"),
    )


def fetched() -> Panel:
    """Return when the service last looked at each side."""
    return lines(
        Words(
            "Last fetched, by side",
            "How long ago the service read the progress of each side, the 40 longest. "
            "Climbing: the service itself does not look any more; see whether the item "
            "runs, else ask the vendor. Empty without the family fetch in "
            "metrics.families.",
        ),
        Look("s", 12),
        _ago("rocketmq_dr_fetch_timestamp_seconds"),
    )


def timestamps() -> Panel:
    """Return the consume timestamps of both sides."""
    family = "rocketmq_dr_consume_timestamp_seconds"
    worst = top(100, HERE.delay())
    return rows(
        Words(
            "Consume timestamps",
            "The last message consumed on each side, of the 100 latest checkpoints: "
            " after a failover a group goes on from the target's time. Empty "
            "without the family consume in metrics.families.",
        ),
        Look("none", 24, 8),
        *(
            Column(
                Ask(f"1000 * {beside(worst, pick(family, *_ROW, match))}"),
                side.title(),
                "dateTimeAsIso",
            )
            for side in ("source", "target")
            for match in [f'side="{side}"']
        ),
        order="Source",
    )


def by_state() -> Panel:
    """Return the checkpoints by state."""
    return lines(
        Words(
            "Checkpoints by state",
            "How many checkpoints of the chosen items are in which state, those over "
            "metrics.max_checkpoints included. never_synced, source_missing and "
            "target_missing have no lag: see the table of problems. A sudden drop of "
            "the sum: groups or topics were deleted or taken out of the item.",
        ),
        Look("none", 8),
        Ask(HERE.checkpoints("state"), "{{state}}"),
        stacked=True,
    )


def rejected() -> Panel:
    """Return the rows that got no series."""
    name = "rocketmq_dr_checkpoints_rejected"
    each = most(f"{ROUTE}, reason", name, *_ROUTE)
    return lines(
        Words(
            "Rows without series",
            "Rows that the API sent and that got no series. filtered: your groups and "
            "topics leave them out. duplicate: another row has the same labels, as in "
            "two-way plans. malformed: the API sent nonsense; see the log, and report "
            "it.",
        ),
        Look("none", 8),
        Ask(f"sum by (reason) ({each})", "{{reason}}"),
    )


def problems() -> Panel:
    """Return the checkpoints that have no lag."""
    family = "rocketmq_dr_checkpoint_problem"
    return rows(
        Words(
            "Checkpoints with a problem",
            "At most 200. never_synced: bring the group online on the target, or sync "
            "by hand. target_missing: it was synced once; see whether the group still "
            "exists on the target. source_missing: the group has not consumed on the "
            "source yet. Empty when there is none.",
        ),
        Look("none", 8),
        Column(
            Ask(f"topk(200, {most(f'{CHECKPOINT}, problem', family, *_ROW)})"),
            "",
            "none",
        ),
        order="problem",
    )


def duration() -> Panel:
    """Return how long polls took."""
    name = "rocketmq_dr_poll_duration_seconds"
    return lines(
        Words(
            "Poll duration",
            "How long the last poll of each route took, with poll.interval. Over the "
            "line: polls are skipped and data gets older; raise poll.interval, or ask "
            "for a higher API quota.",
        ),
        Look("s", 8),
        Ask(most(ROUTE, name, *_ROUTE), "{{item_id}} {{source_instance_id}}"),
        Ask(f"min({pick('rocketmq_dr_exporter_poll_interval_seconds')})", "limit"),
    )


def failures() -> Panel:
    """Return why polls failed."""
    return lines(
        Words(
            "Failed polls by reason",
            "Polls per second that were not complete. Any: the data of a route gets "
            "older; docs/metrics.md says what to do about each reason.",
        ),
        Look("ops", 8),
        Ask(HERE.failures(), "{{reason}}"),
        stacked=True,
    )


def data_age() -> Panel:
    """Return how old the data of each route is."""
    return lines(
        Words(
            "Data age",
            "How long ago each route was polled whole, by any exporter, with "
            "poll.stale_after: over the line its checkpoints are withdrawn. Climbing: "
            "its polls fail; see the reasons beside this.",
        ),
        Look("s", 8),
        Ask(HERE.data_age(), "{{item_id}} {{source_instance_id}}"),
        Ask(f"min({pick('rocketmq_dr_exporter_stale_after_seconds')})", "limit"),
    )
