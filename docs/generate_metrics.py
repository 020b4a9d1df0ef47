"""Writes docs/metrics.md from the catalogue; with --check it only compares.

Exit 1 with --check when the page is not what the catalogue says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from exporter.metrics.catalogue import CHECKPOINT, INVENTORY, OWN, ROUTE, Family
from exporter.model.errors import CloudError, Reason
from exporter.model.lag import BUCKET_BOUNDS_MS
from exporter.model.types import Rejection, State

PAGE = Path(__file__).parent / "metrics.md"

INTRODUCTION = """\
# Metrics

Generated from `exporter/metrics/catalogue.py` by `make docs`; change it there.

**The exporter polls on its own timer, not when scraped**, so scrapes cost the API
nothing. Checkpoints and routes are as of the last poll (`poll.interval`), plans
and items as of the last discovery (`poll.discovery_interval`). Only ages are computed
when scraped, at most once a second. The age of the rest is
`time() - rocketmq_dr_last_success_timestamp_seconds`.

- **Alert on the delay, not on the lag.** Lag is a difference of message times: on a
  sparse topic it is the gap between two messages until the next sync, though nothing is
  late. Delay is for how long the target has been behind. It starts at 0 when the
  exporter starts or takes over, and is never overstated.
- **Lag is signed**: source minus target. 0 is in step. Below 0 the target is ahead, or
  it stores copies with its own, later time: then in step reads slightly below 0.
- A group that never consumed may carry the time of the oldest stored message, and so a
  large lag. Where that message is gone the API says -1, which is unknown.
- **An unknown value is absent**, never 0 and never NaN.
- **A lag of 0 is no proof of health**: look at the age beside it, where
  `rocketmq_dr_plan_auto_sync` is 1, and at `rocketmq_dr_up`.
- Two checkpoints with the same labels never make two samples: the one whose source is
  the route's own instance is kept, then the larger lag. The other is counted as a
  duplicate.
- Scrapes within one second of each other share one answer.
"""

STATES = {
    State.SOURCE_MISSING: "no `consumeTimestamp` of the source",
    State.NEVER_SYNCED: "no `consumeTimestamp` of the target, and no `lastSyncTime`",
    State.TARGET_MISSING: "no `consumeTimestamp` of the target, though synced once",
    State.TARGET_AHEAD: "lag below 0; no problem",
    State.OK: "all else",
}
REJECTIONS = {
    Rejection.MALFORMED: "a row that the API should never send, such as one without id",
    Rejection.DUPLICATE: "a row with the labels of another",
    Rejection.FILTERED: "a row that `groups` or `topics` leave out",
}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def families(members: Sequence[Family], *, switched: bool = False) -> str:
    """Return the table of some families."""
    switch = ["`metrics.families`"] if switched else []
    return table(
        ["family", "type", "labels", *switch, "meaning", "absent"],
        (
            [
                f"`{family.name}`",
                family.kind.replace("gaugeh", "gauge h"),
                ", ".join(f"`{label}`" for label in family.labels) or "none",
                *([f"`{family.switch}`"] if switched else []),
                family.meaning,
                family.absent or "never",
            ]
            for family in members
        ),
    )


def remedies() -> list[tuple[Reason, str]]:
    """Return what to do about each reason, as the errors themselves have it."""
    known = {error.reason: error.remedy for error in CloudError.__subclasses__()}
    return [(reason, known[reason]) for reason in Reason]


def words(head: str, what: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return the table of a closed set of label values."""
    return table([head, what], ([f"`{word}`", text] for word, text in rows))


def sections() -> Iterator[tuple[str, str]]:
    """Yield each section: its heading with what is said first, and its table."""
    bounds = ", ".join(f"{bound / 1000:g}" for bound in BUCKET_BOUNDS_MS)
    checkpoints = "The last four families have to be asked for in `metrics.families`."
    routes = f"""\
A route is one plan, one item, one source instance. The bounds `le` of the distribution
are {bounds} seconds;
the text formats know no gauge histogram, so there its `_gcount` and `_gsum` are gauges
beside a histogram of buckets."""
    own = "Beside these there are prometheus_client's `process_*` and `python_*`."
    yield f"Checkpoints\n\n{checkpoints}", families(CHECKPOINT, switched=True)
    yield f"Routes\n\n{routes}", families(ROUTE)
    yield "Plans and items", families(INVENTORY)
    yield f"The exporter itself\n\n{own}", families(OWN)
    yield (
        "States of a checkpoint\n\nThe first that fits.",
        words("state", "when", STATES.items()),
    )
    yield (
        "Reasons of a failure\n\nA closed set, by what to do.",
        words("reason", "what to do", remedies()),
    )
    yield "Reasons of a rejected row", words("reason", "what", REJECTIONS.items())


def page() -> str:
    """Return the whole page."""
    return INTRODUCTION + "".join(
        f"\n## {heading}\n\n{content}" for heading, content in sections()
    )


def main(arguments: Sequence[str]) -> int:
    """Write or check the page."""
    if "--check" not in arguments:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print(
        "docs/metrics.md is not what the catalogue says: run docs/generate_metrics.py"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
