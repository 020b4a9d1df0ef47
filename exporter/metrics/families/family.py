"""What a metric family is: its name, its kind, and what its HELP text promises.

It lists none (see `families`) and renders none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_OPENMETRICS_SUFFIXES = {"counter": "_total", "info": "_info"}


class Kind(StrEnum):
    """A family's type, in OpenMetrics' words."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gaugehistogram"
    INFO = "info"


# Without eq, so that a family as the key of a mapping costs no hash of its texts.
@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric family; `name` is what queries use, so with `_total` and `_info`.

    `unit` is the name's suffix, or empty. `absent` says when there is no sample,
    `timing` how fresh the value is; both are part of the HELP text. `switch` is the
    entry of `metrics.families` that turns it on, empty for what is always there.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    absent: str = ""
    timing: str = ""
    switch: str = ""

    @property
    def help(self) -> str:
        """Return the HELP text; it needs no escaping in any format.

        >>> Family("a", Kind.GAUGE, "Lag.", absent="when unknown").help
        'Lag. Absent when unknown.'
        """
        absent = f"Absent {self.absent}." if self.absent else ""
        return " ".join(filter(None, (self.meaning, absent, self.timing)))

    @property
    def openmetrics_name(self) -> str:
        """Return the name that OpenMetrics' metadata uses.

        >>> Family("dr_polls_total", Kind.COUNTER, "").openmetrics_name
        'dr_polls'
        """
        return self.name.removesuffix(_OPENMETRICS_SUFFIXES.get(self.kind, "\0"))
