"""Lag and age as bars against their objective. Pure; lengths are percent of the width.

The objective stands in the middle, so that who keeps it stays in the left half.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from exporter.web.status_page.words import duration

OBJECTIVE_AT = 50.0
WARNING_SHARE = 0.8
UNCOMPARABLE_SHARE = 999


class Tone(StrEnum):
    """How good something is; also the CSS class that colours it."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Bar:
    """A duration in words, its length, and what it comes to.

    `note` says what the colour says. `length` is None where there is nothing to draw.
    """

    text: str
    note: str
    length: float | None
    tone: Tone


def bar(value: float | None, objective: float | None) -> Bar:
    """Return the bar of a duration; both are seconds, the objective None if none holds.

    >>> bar(60.0, 300.0)
    Bar(text='1m', note='', length=10.0, tone=<Tone.GOOD: 'good'>)
    >>> bar(3600.0, 300.0)
    Bar(text='1h', note='12× objective', length=100.0, tone=<Tone.BAD: 'bad'>)
    """
    text = duration(value)
    if value is None:
        return Bar(text, "", None, Tone.QUIET)
    if objective is None:
        return Bar(text, "no objective", None, Tone.QUIET)
    share = value / objective
    return Bar(
        text,
        _note(share),
        round(min(100.0, max(0.0, share * OBJECTIVE_AT)), 1),
        tone_of(share),
    )


def tone_of(share: float) -> Tone:
    """Return how good it is to have used this share of an objective.

    >>> tone_of(0.5).value, tone_of(0.9).value, tone_of(1.0).value, tone_of(1.1).value
    ('good', 'warning', 'warning', 'bad')
    """
    if share > 1:
        return Tone.BAD
    return Tone.WARNING if share >= WARNING_SHARE else Tone.GOOD


def _note(share: float) -> str:
    if share < 0:
        return "target ahead"
    if share <= 1:
        return ""
    if share >= UNCOMPARABLE_SHARE:
        return f"over {UNCOMPARABLE_SHARE}× objective"
    return f"{share:.3g}× objective"
