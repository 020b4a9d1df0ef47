"""Which format and coding an answer has; headers that make no sense are ignored."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exporter.metrics.formats import Format

# RFC 9110, 12.4.2; an entry with another weight is passed over.
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")

# Several times what Prometheus and browsers send.
LONGEST = 2048

# How exactly an entry names a format, RFC 9110, 12.5.1: the more exact one counts.
_ANY, _TYPE, _NAME, _VERSION = range(4)

_MATCHES = {
    ("*/*", ""): [(fmt, _ANY) for fmt in Format],
    ("text/*", ""): [(Format.TEXT_0_0_4, _TYPE), (Format.TEXT_1_0_0, _TYPE)],
    ("application/*", ""): [(Format.OPENMETRICS_1_0_0, _TYPE)],
    ("text/plain", ""): [(Format.TEXT_0_0_4, _NAME)],
    ("text/plain", "0.0.4"): [(Format.TEXT_0_0_4, _VERSION)],
    ("text/plain", "1.0.0"): [(Format.TEXT_1_0_0, _VERSION)],
    ("application/openmetrics-text", ""): [(Format.OPENMETRICS_1_0_0, _NAME)],
    ("application/openmetrics-text", "1.0.0"): [(Format.OPENMETRICS_1_0_0, _VERSION)],
}

# Of equal weights the richest format wins that has been asked for by name; for a
# wildcard, as curl sends it, the format that every client can read.
_BY_NAME = (Format.TEXT_0_0_4, Format.TEXT_1_0_0, Format.OPENMETRICS_1_0_0)
_BY_WILDCARD = (Format.TEXT_1_0_0, Format.OPENMETRICS_1_0_0, Format.TEXT_0_0_4)


def negotiate(accept: str) -> Format:
    """Return the format that an Accept header prefers, text 0.0.4 if it names none.

    For each format the most specific entry counts, and the heaviest of equal ones.
    """
    found: dict[Format, tuple[int, float]] = {}
    for name, weight, version in _entries(accept):
        for fmt, exactness in _MATCHES.get((name, version), ()):
            match = exactness, weight
            found[fmt] = max(match, found.get(fmt, match))
    accepted = [fmt for fmt, (_, weight) in found.items() if weight > 0]
    return max(
        accepted, key=lambda fmt: _rank(fmt, *found[fmt]), default=Format.TEXT_0_0_4
    )


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header lets us answer with gzip."""
    weights: dict[str, float] = {}
    for name, weight, _ in _entries(accept_encoding):
        weights[name] = max(weight, weights.get(name, 0.0))
    gzip = weights.get("gzip", weights.get("*", 0.0))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _rank(fmt: Format, exactness: int, weight: float) -> tuple[float, bool, int]:
    is_named = exactness >= _NAME
    preferences = _BY_NAME if is_named else _BY_WILDCARD
    return weight, is_named, preferences.index(fmt)


def _entries(header: str) -> Iterator[tuple[str, float, str]]:
    """Yield the name, weight and version of each entry of an accepting header.

    One that is longer than `LONGEST` says nothing: each entry costs microseconds.
    """
    for part in header.split(",") if len(header) <= LONGEST else ():
        name, *pairs = part.split(";")
        parameters = {}
        for pair in pairs:
            key, _, value = pair.partition("=")
            parameters[key.strip().lower()] = value.strip().strip('"')
        weight = parameters.get("q", "1")
        if _WEIGHT.fullmatch(weight):
            yield name.strip().lower(), float(weight), parameters.get("version", "")
