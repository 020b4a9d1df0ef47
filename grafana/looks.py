"""What every panel has: words, a unit, a size, thresholds, queries.

It must not know the kinds of panel apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
)

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

Steps = Sequence[tuple[float | None, str]]
PLAIN: Steps = ((None, "text"),)
OBJECTIVE: Steps = ((None, "green"), (0.8, "orange"), (1, "red"))
"""For a share of an objective or a limit."""
NONE_IS_GOOD: Steps = ((None, "green"), (1, "red"))
ONE_IS_GOOD: Steps = ((None, "red"), (1, "green"))

Panel = (
    stat.Panel | timeseries.Panel | table.Panel | statetimeline.Panel | heatmap.Panel
)
P = TypeVar(
    "P",
    stat.Panel,
    timeseries.Panel,
    table.Panel,
    statetimeline.Panel,
    heatmap.Panel,
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One query; `legend` names its series, `unit` is for it where a panel has two."""

    expression: str
    legend: str = ""
    unit: str | None = None
    steps: Steps | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What a panel is called, and what to do when it is red."""

    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Look:
    """How a panel shows its numbers, and how much room it takes of 24 by any."""

    unit: str
    width: int
    height: int = 8
    steps: Steps = PLAIN


def dressed(panel: P, words: Words, look: Look) -> P:
    """Return a panel with its words, unit and size."""
    panel.title(words.title).description(words.description).datasource(DATASOURCE)
    panel.unit(look.unit).span(look.width).height(look.height)
    return panel


def query(ref: str, ask: Ask) -> prometheus.Dataquery:
    """Return a query as Grafana takes it."""
    made = prometheus.Dataquery().ref_id(ref).datasource(DATASOURCE)
    return made.expr(ask.expression).legend_format(ask.legend)


T = TypeVar("T")


def lettered(asks: Sequence[T]) -> list[tuple[str, T]]:
    """Return things with the letters that Grafana tells queries apart by."""
    return list(zip("ABCDEFGH", asks, strict=False))


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    """Return thresholds for the SDK."""
    made = [Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)


def steps_as_json(steps: Steps) -> dict[str, object]:
    """Return thresholds as Grafana spells them, for an override."""
    made = [{"value": value, "color": colour} for value, colour in steps]
    return {"mode": "absolute", "steps": made}


def setting(name: str, value: object) -> DynamicConfigValue:
    """Return one setting of an override."""
    return DynamicConfigValue(id_val=name, value=value)
