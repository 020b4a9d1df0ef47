"""Writes docs/alerts.md from rules and incidents; with --check it only compares.

With --measure it plays the incidents first and notes how long each alert takes to fire,
which `make test` holds against what they come to. Exit 1 with --check when the page is
not what rules and notes say. The tests have to be on the path: `PYTHONPATH=tests`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from incidents.library import LIBRARY, RULES
from incidents.outcome import play
from incidents.proofs import note, noted, proofs, times, variant

PAGE = Path(__file__).parent / "alerts.md"

INTRODUCTION = """\
# Alerts

Generated from `deploy/prometheus/rules/alerts.yml` and `tests/support/incidents` by
`make incidents`; change it there.

Each alert is proven by incidents: the simulated cloud and the exporter itself run in
virtual time, what they expose becomes the input of `promtool test rules`, and whatever
fires without being declared fails the test. The incident named here is a test in
`tests/integration/test_incidents.py`, by that name in brackets. The time to fire is
from the first thing that goes wrong in it, with Prometheus scraping every 30 s and
evaluating every minute unless the incident takes hours.

Thresholds are the objectives that the exporter exports for each plan. `critical` pages,
`warning` makes a ticket, `info` is kept.

What has the same `job` in another `cluster` or `namespace` is another exporter;
instances and pods of one job are replicas, of which one is enough. Shards are not: all
of an account are one job, in which none may be missing. `poll.stale_after` has to be
several times `poll.interval`, or data are withdrawn between two polls. Of a plan that
is configured with both `items` and `source_instances` nothing is asked, and what needs
its type, switches or status is silent: RocketMQDRSyncStalled, RocketMQDRNeverSynced,
RocketMQDRPlanNotRunning, RocketMQDRItemStopped.

## What the rules cost

Measured once: Prometheus 2.42 with these rules, scraping the exporter every 30 s beside
`simulate --plans=50 --items=10 --groups=200` (100,000 checkpoints of 500 routes,
311,000 samples a scrape, scenario `mixed`, in which many routes are in trouble), on two
cores that others used as well. Seconds for one evaluation:

| group | at best | median |
| --- | --- | --- |
| rocketmq-dr-plans | 1.1 | 1.9 |
| rocketmq-dr-sync | 0.7 | 1.2 |
| rocketmq-dr-routes | 0.05 | 0.07 |
| rocketmq-dr-monitor | 0.01 | 0.03 |
| rocketmq-dr-inventory | 0.01 | 0.02 |
| rocketmq-dr-readiness | 0.01 | 0.01 |

One rule reads every checkpoint, plan:rocketmq_dr_within_lag_objective:ratio, and takes
0.9 s of one core; all others read what the exporter sums up for each route. What
rocketmq-dr-sync takes is the descriptions of the alerts that fire, which look up the
worst checkpoints of their routes. Prometheus used 1.9 GB of memory.

## The alerts

| alert | severity | fires when | for | incident that proves it | time to fire |
| --- | --- | --- | --- | --- | --- |
"""
HARMLESS = """
## Silence

In these incidents nothing fires, whatever they look like:

"""


def page() -> str:
    """Return the whole page."""
    found = {variant(proof.rule): proof for proof in proofs(noted(), RULES)}
    rows = []
    for rule in RULES.alerting:
        proof = found.get(variant(rule))
        proven = ("none yet", "") if proof is None else (proof.incident, proof.seconds)
        rows.append(line(rule, *proven))
    return INTRODUCTION + "".join(rows) + HARMLESS + "".join(silent())


def line(rule: Mapping[str, Any], incident: str, seconds: float | str) -> str:
    """Return one row of the table."""
    name = rule["alert"]
    labels = rule["labels"]
    windows = " and ".join(re.findall(r":ratio_(\w+)", rule["expr"]))
    cells = (
        f"[{name}](runbooks/{name}.md)",
        labels["severity"],
        rule["annotations"]["summary"].removesuffix(".")
        + (windows and f" (over {windows})"),
        rule.get("for", "0s"),
        incident,
        seconds if isinstance(seconds, str) else in_words(seconds),
    )
    return f"| {' | '.join(cells)} |\n"


def in_words(seconds: float) -> str:
    """Return a time as Prometheus writes it.

    >>> in_words(3690.0), in_words(660.0), in_words(0.0)
    ('1h1m30s', '11m', '0s')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def silent() -> list[str]:
    """Return a line for each incident that nobody is woken for."""
    return [
        f"- {incident.name}: not {', not '.join(incident.looks_like)}\n"
        for incident in LIBRARY
        if not incident.fires
    ]


def main(arguments: Sequence[str]) -> int:
    """Measure, write or check the page."""
    if "--measure" in arguments:
        note(times([play(incident, RULES).verdict for incident in LIBRARY], RULES))
    if "--check" not in arguments:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("docs/alerts.md is not what the rules say: run docs/generate_alerts.py")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
