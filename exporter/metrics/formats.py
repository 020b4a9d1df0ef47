"""The exposition formats, and how a family is laid out in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from exporter.metrics.catalogue import Family, Kind

EOF = b"# EOF\n"
"""The last line of an OpenMetrics body."""

_TEXT_KINDS = {Kind.INFO: "gauge", Kind.GAUGE_HISTOGRAM: "histogram"}


class Format(Enum):
    """An exposition format; the value is its content type.

    Sample lines are the same bytes in all of them. All our names are legal in every
    escaping scheme, so the scheme changes no byte.
    """

    TEXT_0_0_4 = "text/plain; version=0.0.4; charset=utf-8"
    TEXT_1_0_0 = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
    OPENMETRICS_1_0_0 = (
        "application/openmetrics-text; version=1.0.0; charset=utf-8; "
        "escaping=underscores"
    )

    @property
    def content_type(self) -> str:
        """Return what goes into the Content-Type header."""
        return self.value

    @property
    def is_openmetrics(self) -> bool:
        """Return whether metadata is OpenMetrics' and the body ends with `EOF`."""
        return self is Format.OPENMETRICS_1_0_0


def metadata(family: Family, fmt: Format) -> bytes:
    """Return the lines that stand before a family's samples.

    >>> up = Family("dr_up", "1 when the last poll was complete.")
    >>> print(metadata(up, Format.TEXT_0_0_4).decode(), end="")
    # HELP dr_up 1 when the last poll was complete.
    # TYPE dr_up gauge
    """
    if not fmt.is_openmetrics:
        return _text(family.name, _TEXT_KINDS.get(family.kind, family.kind), family)
    name = family.openmetrics_name
    unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
    return (
        f"# TYPE {name} {family.kind}\n{unit}# HELP {name} {family.help}\n"
    ).encode()


def section(family: Family, lines: Sequence[Mapping[str, bytes]], fmt: Format) -> bytes:
    """Return a small family whole: metadata and samples, or nothing without samples.

    `lines` are sample lines by the name they stand under; where several mappings have
    the same name, theirs follow each other.
    """
    return b"".join(
        part
        for before, names in _blocks(family, fmt)
        if any(samples := [m[name] for m in lines for name in names if name in m])
        for part in (before, *samples)
    )


def _blocks(family: Family, fmt: Format) -> Sequence[tuple[bytes, Sequence[str]]]:
    """Return metadata with the names whose samples follow it."""
    blocks = [(metadata(family, fmt), [family.name])]
    if family.kind is not Kind.GAUGE_HISTOGRAM:
        return blocks
    sums = [f"{family.name}_gcount", f"{family.name}_gsum"]
    if fmt.is_openmetrics:
        return [(metadata(family, fmt), [family.name, *sums])]
    # The text formats know no gauge histogram: its buckets pass for a histogram's, and
    # the other two are gauges of their own, as prometheus_client has it.
    return blocks + [(_text(name, "gauge", family), [name]) for name in sums]


def _text(name: str, kind: str, family: Family) -> bytes:
    return f"# HELP {name} {family.help}\n# TYPE {name} {kind}\n".encode()
