"""Durations are written as Prometheus writes them, and nothing else is one."""

from datetime import timedelta

import pytest
from hypothesis import given, strategies

from exporter.model.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("1h", timedelta(hours=1)),
        ("1y2w3d4h5m6s7ms", timedelta(365 + 14 + 3, 6, 0, 7, 5, 4)),
        ("292y", timedelta(292 * 365)),
        ("0", timedelta()),
        ("0s", timedelta()),
    ],
)
def test_units_add_up(text: str, expected: timedelta) -> None:
    """Each unit counts, in its order."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "1", "-1s", "+1s", "1.5s", " 1s", "1s ", "1s\n", "1S", "1s1m", "1m1m", "s",
     "1us", "\u0661s", "293y", "9" * 19 + "y", "9" * 5000 + "s"],
)  # fmt: skip
def test_what_prometheus_refuses_is_refused(text: str) -> None:
    """Bare numbers, fractions, other orders and other units are no durations."""
    with pytest.raises(ValueError, match=r"^expected a duration"):
        parse_duration(text)


@given(milliseconds=strategies.integers(min_value=0, max_value=10**12))
def test_formatting_is_undone_by_parsing(milliseconds: int) -> None:
    """What is shown can be written into a file."""
    duration = timedelta(milliseconds=milliseconds)

    assert parse_duration(format_duration(duration)) == duration
