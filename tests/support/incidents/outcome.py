"""An incident played to its end: what Prometheus saw, and what fired.

It must not know which rules are shipped, nor what should fire; see `incidents.verdict`.
"""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pace import slowdown

from incidents.incident import Incident
from incidents.promtool import Alert, Rules, firing
from incidents.running import samples_of
from incidents.samples import Samples
from incidents.verdict import Verdict, firings

# What text/template and the humanize functions leave behind where they fail.
_UNRENDERED = ("<no value>", "<error expanding", "%!", "NaN", "Inf")


@dataclass(frozen=True)
class Outcome:
    """What came of an incident.

    `cpu_seconds` include promtool's, and are those of a machine that does nothing else.
    """

    incident: Incident
    series: Sequence[Mapping[str, str]]
    alerts: Sequence[Alert]
    verdict: Verdict
    cpu_seconds: float

    @property
    def unrendered(self) -> list[Alert]:
        """Alerts that a reader would be told rubbish by."""
        return [
            alert
            for alert in self.alerts
            if any(
                mark in text for _, text in alert.annotations for mark in _UNRENDERED
            )
        ]

    @property
    def at_its_worst(self) -> list[Alert]:
        """What Alertmanager is told when most alerts fire, for the first time."""
        counts = Counter(alert.at for alert in self.alerts)
        worst = self.incident.judged_at or max(
            counts, key=lambda at: (counts[at], -at), default=None
        )
        return [alert for alert in self.alerts if alert.at == worst]


def play(incident: Incident, rules: Rules) -> Outcome:
    """Have an incident happen under these rules."""
    before, began = slowdown(), _cpu_seconds()
    samples = samples_of(incident, rules.names.__contains__)
    series = samples.series()
    found = firing(
        rules,
        series,
        lasts=incident.lasts,
        scrape_every=incident.scrape_every,
        evaluate_every=incident.evaluate_every,
    )
    evaluated = _evaluated(incident, samples)
    alerts = [alert for alert in found if alert.at in evaluated]
    verdict = Verdict(incident, firings(alerts, evaluated))
    took = (_cpu_seconds() - began) / fmean((before, slowdown()))
    return Outcome(incident, series, alerts, verdict, took)


def _evaluated(incident: Incident, samples: Samples) -> list[float]:
    """Return when rules are evaluated: unlike promtool's, not while nobody does."""
    evaluations = range(int(incident.lasts // incident.evaluate_every) + 1)
    moments = (number * incident.evaluate_every for number in evaluations)
    return [at for at in moments if at // incident.scrape_every not in samples.missed]


def _cpu_seconds() -> float:
    """Return what this process and those it awaited used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
