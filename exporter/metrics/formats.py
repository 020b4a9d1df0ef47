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
    def is_openmetrics(self) -> bool:
        """Return whether metadata is OpenMetrics' and the body ends with `EOF`."""
        return self is Format.OPENMETRICS_1_0_0


def metadata(family: Family, fmt: Format, suffix: str = "") -> bytes:
    """Return the lines that stand before a family's samples.

    >>> up = Family("dr_up", "1 when the last poll was complete.")
    >>> print(metadata(up, Format.TEXT_0_0_4).decode(), end="")
    # HELP dr_up 1 when the last poll was complete.
    # TYPE dr_up gauge
    """
    if fmt.is_openmetrics:
        name = family.openmetrics_name
        unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
        text = f"# TYPE {name} {family.kind}\n{unit}# HELP {name} {family.help}\n"
    else:
        name = family.name + suffix
        kind = "gauge" if suffix else _TEXT_KINDS.get(family.kind, family.kind)
        text = f"# HELP {name} {family.help}\n# TYPE {name} {kind}\n"
    return text.encode()


def section(family: Family, lines: Sequence[Mapping[str, bytes]], fmt: Format) -> bytes:
    """Return a small family whole: metadata and samples, or nothing without samples.

    `lines` are sample lines by the name they stand under; where several mappings have
    the same name, theirs follow each other.
    """
    is_histogram = family.kind is Kind.GAUGE_HISTOGRAM
    suffixes = ("", "_gcount", "_gsum") if is_histogram else ("",)
    # The text formats know no gauge histogram: its buckets pass for a histogram's, and
    # the other two are gauges of their own, as prometheus_client has it.
    groups = [suffixes] if fmt.is_openmetrics else [(suffix,) for suffix in suffixes]
    text = b""
    for group in groups:
        names = [family.name + suffix for suffix in group]
        samples = [each[name] for each in lines for name in names if name in each]
        if any(samples):
            text += b"".join((metadata(family, fmt, group[0]), *samples))
    return text
