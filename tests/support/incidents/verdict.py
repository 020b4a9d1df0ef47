"""What fires in an incident beside what should: alerts missed, and false ones.

Pure; it must not run anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from incidents.incident import Fires, Incident
from incidents.promtool import Alert
from incidents.samples import Labels


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that an alert fires; `until` is when it no more does, None if never."""

    labels: Labels
    since: float
    until: float | None

    @property
    def name(self) -> str:
        """The alert's name."""
        return dict(self.labels)["alertname"]

    def __str__(self) -> str:
        labels = ", ".join(f"{n}={v}" for n, v in self.labels if n != "alertname")
        end = "and lasts" if self.until is None else f"to {self.until / 60:g} min"
        return f"{self.name}({labels}) from {self.since / 60:g} min {end}"


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


@dataclass(frozen=True)
class Verdict:
    """What fired, and how far that is what should have."""

    incident: Incident
    firings: Sequence[Firing]

    def of(self, fires: Fires) -> list[Firing]:
        """Return the firings that are as declared."""
        return [firing for firing in self.firings if _is(firing, fires)]

    @property
    def missed(self) -> list[Fires]:
        """What is declared and did not fire, not in time, or not as many of it."""
        declared = self.incident.fires
        return [fires for fires in declared if len(self.of(fires)) != fires.count]

    @property
    def false(self) -> list[Firing]:
        """What fires and is not declared, or at another time."""
        declared = self.incident.fires
        return [f for f in self.firings if not any(_is(f, fires) for fires in declared)]

    def first(self, labels: Mapping[str, str]) -> float | None:
        """Return when an alert with these labels first fires, None if none does."""
        times = [
            firing.since
            for firing in self.firings
            if labels.items() <= dict(firing.labels).items()
        ]
        return min(times, default=None)

    def __str__(self) -> str:
        lines = [self.incident.name]
        lines += [f"  missed: {fires}" for fires in self.missed]
        lines += [f"  false:  {firing}" for firing in self.false]
        return "\n".join([*lines, *(f"  fires:  {firing}" for firing in self.firings)])


def _is(firing: Firing, fires: Fires) -> bool:
    labels = {"alertname": fires.alert, **fires.labels}
    if not labels.items() <= dict(firing.labels).items():
        return False
    if not fires.after <= firing.since <= fires.by:
        return False
    if fires.until is None or firing.until is None:
        return fires.until is firing.until
    return firing.until <= fires.until


def precision(verdicts: Sequence[Verdict]) -> float:
    """Return which share of what fired should have; 1 where nothing did."""
    fired = sum(len(verdict.firings) for verdict in verdicts)
    false = sum(len(verdict.false) for verdict in verdicts)
    return (fired - false) / fired if fired else 1.0


def recall(verdicts: Sequence[Verdict]) -> float:
    """Return which share of what should fire did; 1 where nothing should."""
    declared = sum(len(verdict.incident.fires) for verdict in verdicts)
    missed = sum(len(verdict.missed) for verdict in verdicts)
    return (declared - missed) / declared if declared else 1.0
