"""An incident played to its end: which alerts were missed, and which were false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from incidents.incident import MINUTE, Fires, Incident
from incidents.promtool import Alert, Labels, Rules, Samples, firing
from incidents.stage import samples_of


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that an alert fires; `until` is when it ends, None if it lasts."""

    labels: Labels
    since: float
    until: float | None

    @property
    def name(self) -> str:
        """The alert's name."""
        return dict(self.labels)["alertname"]

    def __str__(self) -> str:
        labels = ", ".join(f"{n}={v}" for n, v in self.labels if n != "alertname")
        end = "and lasts" if self.until is None else f"to {self.until / MINUTE:g} min"
        return f"{self.name}({labels}) from {self.since / MINUTE:g} min {end}"


def firings(alerts: Iterable[Alert], evaluated: Sequence[float]) -> list[Firing]:
    """Return each uninterrupted time that an alert fires, in the order of their begin.

    `evaluated` are the moments at which it could; between two of them nothing ends.

    >>> two = [Alert(at, (("alertname", "A"),), ()) for at in (60.0, 120.0, 240.0)]
    >>> [(f.since, f.until) for f in firings(two, (60.0, 120.0, 180.0, 240.0))]
    [(60.0, 180.0), (240.0, None)]
    """
    place = {at: number for number, at in enumerate(evaluated)}
    in_order = sorted(alerts, key=lambda alert: (alert.labels, alert.at))
    found = []
    for labels, same in groupby(in_order, key=lambda alert: alert.labels):
        places = {place[alert.at] for alert in same}
        begins = sorted(n for n in places if n - 1 not in places)
        ends = sorted(n + 1 for n in places if n + 1 not in places)
        found += [
            Firing(labels, evaluated[begin], (*evaluated, None)[end])
            for begin, end in zip(begins, ends, strict=True)
        ]
    return sorted(found, key=lambda firing: (firing.since, firing.labels))


# What text/template and the humanize functions leave behind where they fail.
_UNRENDERED = ("<no value>", "<error expanding", "%!", "NaN", "Inf")


@dataclass(frozen=True)
class Verdict:
    """What fired in an incident, and how far that is what should have."""

    incident: Incident
    alerts: Sequence[Alert]
    firings: Sequence[Firing]

    @property
    def missed(self) -> list[Fires]:
        """What is declared and did not fire, not in time, or not as many of it."""
        return [
            fires
            for fires in self.incident.fires
            if sum(_is(firing, fires) for firing in self.firings) != fires.count
        ]

    @property
    def false(self) -> list[Firing]:
        """What fires and is not declared, or at another time."""
        declared = self.incident.fires
        return [f for f in self.firings if not any(_is(f, fires) for fires in declared)]

    @property
    def unrendered(self) -> list[Alert]:
        """Alerts with an annotation whose template failed."""
        return [
            alert
            for alert in self.alerts
            if any(
                mark in text for _, text in alert.annotations for mark in _UNRENDERED
            )
        ]

    @property
    def at_its_worst(self) -> list[Labels]:
        """What Alertmanager is told when most alerts fire, for the first time."""
        counts = Counter(alert.at for alert in self.alerts)
        worst = max(counts, key=lambda at: (counts[at], -at), default=None)
        if self.incident.judged_at is not None:
            worst = self.incident.judged_at * MINUTE
        return [alert.labels for alert in self.alerts if alert.at == worst]

    def __str__(self) -> str:
        lines = [self.incident.name]
        lines += [f"  missed: {fires}" for fires in self.missed]
        lines += [f"  false:  {firing}" for firing in self.false]
        return "\n".join([*lines, *(f"  fires:  {firing}" for firing in self.firings)])


def _is(firing: Firing, fires: Fires) -> bool:
    labels = {"alertname": fires.alert, **fires.labels}
    if not labels.items() <= dict(firing.labels).items():
        return False
    if not fires.after <= firing.since / MINUTE <= fires.by:
        return False
    if fires.until is None or firing.until is None:
        return fires.until is firing.until
    return firing.until / MINUTE <= fires.until


def play(incident: Incident, rules: Rules) -> Verdict:
    """Have an incident happen under these rules."""
    samples = samples_of(incident, rules.names.__contains__)
    found = firing(
        rules,
        samples.series(),
        lasts=incident.lasts * MINUTE,
        scrape_every=incident.scrape_every * MINUTE,
        evaluate_every=incident.evaluate_every * MINUTE,
    )
    evaluated = _evaluated(incident, samples)
    alerts = [alert for alert in found if alert.at in evaluated]
    return Verdict(incident, alerts, firings(alerts, evaluated))


def _evaluated(incident: Incident, samples: Samples) -> list[float]:
    """Return when rules are evaluated: by Prometheus, while it runs."""
    evaluations = range(int(incident.lasts // incident.evaluate_every) + 1)
    moments = (number * incident.evaluate_every for number in evaluations)
    return [
        at * MINUTE
        for at in moments
        if at // incident.scrape_every not in samples.missed
    ]
