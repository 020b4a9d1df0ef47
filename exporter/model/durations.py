"""Durations as Prometheus writes them, to and from ``timedelta``, and for people."""

import re
from datetime import timedelta
from itertools import pairwise

_MS_PER_UNIT = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,19}}){unit})?" for unit in _MS_PER_UNIT))
# Prometheus holds durations as 64-bit nanoseconds and refuses what does not fit.
_LARGEST_MS = (2**63 - 1) // 1_000_000


def parse_duration(text: str) -> timedelta:
    """Return the duration a text such as ``1m30s`` stands for.

    Raises:
        ValueError: the text is no duration; the message does not repeat it.
    """
    if text == "0":
        return timedelta()
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError("expected a duration such as 90s or 1m30s")
    milliseconds = sum(
        int(count or 0) * size
        for count, size in zip(match.groups(), _MS_PER_UNIT.values(), strict=True)
    )
    if milliseconds > _LARGEST_MS:
        raise ValueError("expected a duration of at most 292 years")
    return timedelta(milliseconds=milliseconds)


def format_duration(duration: timedelta) -> str:
    """Return the duration as Prometheus writes it, cut to milliseconds.

    >>> format_duration(timedelta(days=14)), format_duration(timedelta(days=90))
    ('2w', '90d')
    """
    rest, text = duration // timedelta(milliseconds=1), ""
    for unit, size in _MS_PER_UNIT.items():
        # Years and weeks only where nothing is left over: not 12w6d, but 90d.
        if rest >= size and not (unit in {"y", "w"} and rest % size):
            text += f"{rest // size}{unit}"
            rest %= size
    return text or "0s"


def brief_duration(seconds: float | None) -> str:
    """Return seconds in their two largest units; what is unknown is a dash.

    >>> brief_duration(12.5), brief_duration(5025.0), brief_duration(-90_061.0)
    ('12.5s', '1h 23m', '-1d 1h')
    >>> brief_duration(59.97), brief_duration(None)
    ('1m', '-')
    """
    if seconds is None:
        return "-"
    for large, small in pairwise("dhms"):
        size = _MS_PER_UNIT[small] / 1000
        whole = int(round(abs(seconds), 1) // size)
        count, rest = divmod(whole, _MS_PER_UNIT[large] // _MS_PER_UNIT[small])
        if count:
            sign = "-" if seconds < 0 else ""
            return f"{sign}{count}{large}" + (f" {rest}{small}" if rest else "")
    return f"{seconds:.3g}s"
