"""Writes docs/metrics.md from the catalogue; with --check it only compares.

Exit 1 with --check when the page is not what the catalogue says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from exporter.metrics.catalogue import (
    CHECKPOINT,
    CHECKPOINT_LABELS,
    INVENTORY,
    OWN,
    ROUTE,
    ROUTE_LABELS,
    Family,
    Kind,
)
from exporter.model.errors import CloudError, Reason
from exporter.model.lag import BUCKET_BOUNDS_MS
from exporter.model.types import Rejection, State

PAGE = Path(__file__).parent / "metrics.md"

INTRODUCTION = """\
# Metrics

`make docs` writes this page from `exporter/metrics/catalogue.py`. Change it there.
[Concepts](concepts.md) explains plan, item, route, lag, age and delay.

- **The exporter polls on its own timer.** A scrape costs the API nothing. Checkpoints
  and routes are as old as the last poll (`poll.interval`), plans and items as the last
  discovery (`poll.discovery_interval`). Only ages are computed when scraped.
- **Alert on the delay, not on the lag.** On a sparse topic the lag is the gap between
  two messages, though nothing is late. The delay starts at 0 when the exporter starts,
  and is never overstated.
- **Lag is signed**: source minus target. Below 0 the target is ahead, or it stored its
  copies later.
- **A lag of 0 does not prove health.** Look at the age too, where
  `rocketmq_dr_plan_auto_sync` is 1, and at `rocketmq_dr_up`.
- **An unknown value is absent**, never 0 and never NaN. A group that never consumed may
  show the time of the oldest stored message, and so a large lag.
- Two checkpoints with the same labels make one sample: the one whose source is the
  route's own instance, then the one with the larger lag. The other counts as
  `duplicate`.

In the tables, **R** stands for the labels `plan_id`, `item_id`, `source_instance_id`;
**C** for these and `target_instance_id`, `group`, `topic`. *Stale*: the route had no
complete poll within `poll.stale_after`. *The limit* is `metrics.max_checkpoints`. What
ends in `_total` is a counter; the rest are gauges unless the table says otherwise.
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


SHARED = {CHECKPOINT_LABELS: "C", ROUTE_LABELS: "R"}
SHORTER = {
    "when the route had no complete poll within poll.stale_after": "when stale",
    "or beyond metrics.max_checkpoints": "or beyond the limit",
}


def labels(family: Family) -> str:
    """Return a family's labels, with a letter for those that most families share."""
    for shared, letter in SHARED.items():
        if family.labels[: len(shared)] == shared:
            own = [f"`{label}`" for label in family.labels[len(shared) :]]
            return ", ".join([f"**{letter}**", *own])
    return ", ".join(f"`{label}`" for label in family.labels)


def meaning(family: Family) -> str:
    """Return what a family says, and whether it is a histogram."""
    text = family.help
    for words, shorter in SHORTER.items():
        text = text.replace(words, shorter)
    kinds = {
        Kind.HISTOGRAM: " A histogram.",
        Kind.GAUGE_HISTOGRAM: " A gauge histogram.",
    }
    return text + kinds.get(family.kind, "")


def families(members: Sequence[Family], *, switched: bool = False) -> str:
    """Return the table of some families."""
    switch = ["switch"] if switched else []
    rows = (
        [
            f"`{one.name}`",
            labels(one),
            *([f"`{one.switch}`"] if switched else []),
            meaning(one),
        ]
        for one in members
    )
    return table(["family", "labels", *switch, "meaning"], rows)


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
    checkpoints = "List the last four switches in `metrics.families` to get them."
    routes = f"""\
The bounds `le` of the distribution are
{bounds} seconds. The text formats
have no gauge histogram: there `_gcount` and `_gsum` are gauges beside the buckets."""
    own = "prometheus_client adds `process_*` and `python_*`."
    yield f"Checkpoints\n\n{checkpoints}", families(CHECKPOINT, switched=True)
    yield f"Routes\n\n{routes}", families(ROUTE)
    yield "Plans and items", families(INVENTORY)
    yield f"The exporter itself\n\n{own}", families(OWN)
    yield (
        "States of a checkpoint\n\nThe first that fits.",
        words("state", "when", STATES.items()),
    )
    yield (
        "Reasons of a failure\n\nThere are no others.",
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
