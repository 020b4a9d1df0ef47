"""What is declared must fire, in time and as often; whatever else fires is false."""

from __future__ import annotations

import pytest
from incidents.incident import Fires, Incident
from incidents.verdict import Firing, Verdict, precision, recall

PLAN = {"plan_id": "1"}


def fired(since: float, until: float | None = None, name: str = "A") -> Firing:
    """Return a time that an alert on plan 1 fires."""
    return Firing((("alertname", name), ("plan_id", "1")), since, until)


def declared(*fires: Fires) -> Incident:
    """Return an incident that must come to this."""
    return Incident("trouble", lasts=1_000, fires=fires)


IN_TIME = Fires("A", after=100, by=200, labels=PLAN)
UNTIL = Fires("A", after=100, by=200, until=300, labels=PLAN)


@pytest.mark.parametrize(
    ("fires", "firing"),
    [
        (IN_TIME, fired(100)),
        (IN_TIME, fired(200)),
        (UNTIL, fired(150, 300)),
        (Fires("A", after=100, by=200), fired(150)),
    ],
)
def test_what_fires_as_declared_is_right(fires: Fires, firing: Firing) -> None:
    """Both bounds belong to what is declared."""
    verdict = Verdict(declared(fires), [firing])

    assert (verdict.missed, verdict.false) == ([], [])
    assert (precision([verdict]), recall([verdict])) == (1, 1)


@pytest.mark.parametrize(
    ("fires", "firing"),
    [
        (IN_TIME, fired(99)),
        (IN_TIME, fired(201)),
        (IN_TIME, fired(150, 300)),
        (UNTIL, fired(150)),
        (UNTIL, fired(150, 301)),
        (Fires("A", after=100, by=200, labels={"plan_id": "2"}), fired(150)),
        (Fires("A", after=100, by=200, labels={"item_id": ""}), fired(150)),
        (Fires("B", after=100, by=200), fired(150)),
    ],
)
def test_what_fires_otherwise_is_missed_and_false(fires: Fires, firing: Firing) -> None:
    """Too early, too late, too long, too short, or another alert."""
    verdict = Verdict(declared(fires), [firing])

    assert (verdict.missed, verdict.false) == ([fires], [firing])
    assert (precision([verdict]), recall([verdict])) == (0, 0)


def test_an_alert_that_fires_twice_is_not_one_that_fires_once() -> None:
    """Whoever is woken twice for one trouble was woken once for nothing."""
    again = fired(500, 600)
    verdict = Verdict(declared(UNTIL), [fired(150, 300), again])

    assert verdict.false == [again]


def test_two_alerts_where_one_is_declared_are_one_too_many() -> None:
    """Replicas of the exporter must not page twice."""
    twin = Firing((*fired(0).labels, ("instance", "b")), 150, None)
    verdict = Verdict(declared(IN_TIME), [fired(150), twin])

    assert verdict.missed == [IN_TIME]


def test_silence_is_right_where_nothing_is_declared() -> None:
    """Neither share has anything to count then."""
    silent, loud = (Verdict(declared(), firings) for firings in ([], [fired(1)]))

    assert (precision([silent]), recall([silent])) == (1, 1)
    assert (precision([silent, loud]), recall([silent, loud])) == (0, 1)


def test_what_an_incident_came_to_is_told_in_words() -> None:
    """Whoever writes one reads there what to declare."""
    told = str(Verdict(declared(UNTIL), [fired(120, None, "B")]))

    assert "missed: Fires(alert='A'" in told
    assert "false:  B(plan_id=1) from 2 min and lasts" in told
