"""The kinds of panel that the dashboards are made of, each in one way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

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


def big(words: Words, look: Look, *asks: Ask, names: bool = False) -> stat.Panel:
    """Return large answers as of now; with `names` they are told, not the numbers."""
    mode = BigValueTextMode.NAME if names else BigValueTextMode.VALUE_AND_NAME
    panel = dressed(stat.Panel(), words, look)
    panel.thresholds(thresholds(look.steps)).text_mode(mode)
    panel.color_mode(BigValueColorMode.BACKGROUND).graph_mode(BigValueGraphMode.NONE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    for ref, ask in lettered(asks):
        panel.with_target(query(ref, ask).instant())
        if ask.unit is not None:
            own = [setting("unit", ask.unit)]
            steps = ask.steps or PLAIN
            panel.override_by_query(
                ref, [*own, setting("thresholds", steps_as_json(steps))]
            )
    return panel


def lines(
    words: Words, look: Look, *asks: Ask, stacked: bool = False
) -> timeseries.Panel:
    """Return what happened over time; thresholds are drawn as lines.

    So are series whose names begin with "objective" or "limit": dashed, and in red.
    """
    panel = dressed(timeseries.Panel(), words, look)
    panel.thresholds(thresholds(look.steps)).legend(_legend()).tooltip(_tooltip())
    if look.steps is not PLAIN:
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        )
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        panel.fill_opacity(30)
    panel.override_by_regexp("/^(objective|limit)/", _DASHED)
    for ref, ask in lettered(asks):
        panel.with_target(query(ref, ask).range())
    return panel


def states(
    words: Words, look: Look, ask: Ask, meanings: Mapping[int, tuple[str, str]]
) -> statetimeline.Panel:
    """Return what state things were in over time: number → its text and colour."""
    panel = dressed(statetimeline.Panel(), words, look)
    results = {
        str(number): ValueMappingResult(text=text, color=colour, index=index)
        for index, (number, (text, colour)) in enumerate(meanings.items())
    }
    colours = [(n or None, c) for n, (_, c) in sorted(meanings.items())]
    panel.mappings([ValueMap(results)]).thresholds(thresholds(colours))
    panel.legend(_legend()).tooltip(_tooltip())
    [(ref, _)] = lettered([ask])
    return panel.with_target(query(ref, ask).range())


def heat(words: Words, look: Look, ask: Ask) -> heatmap.Panel:
    """Return how a distribution moved; the query answers with buckets."""
    panel = dressed(heatmap.Panel(), words, look).calculate(calculate=False)
    panel.y_axis(heatmap.YAxisConfig().unit(look.unit))
    panel.cell_values(heatmap.CellValues().unit("short")).show_tooltip().show_legend()
    panel.color(
        heatmap.HeatmapColorOptions()
        .mode(HeatmapColorMode.SCHEME)
        .scheme("Oranges")
        .steps(64)
    )
    [(ref, _)] = lettered([ask])
    asked = query(ref, ask).range().format(PromQueryFormat.HEATMAP)
    return panel.with_target(asked)


def to_dashboard(title: str, uid: str) -> dashboard.DashboardLink:
    """Return a link to another dashboard, with the same variables and time."""
    link = dashboard.DashboardLink(title).type(DashboardLinkType.LINK)
    return (
        link.url(f"/d/{uid}").keep_time(keep_time=True).include_vars(include_vars=True)
    )


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST)
    return legend.placement(LegendPlacement.BOTTOM).show_legend(show_legend=True)


def _tooltip() -> common.VizTooltipOptions:
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
    return tooltip.sort(SortOrder.DESCENDING)


_DASHED = [
    setting("color", {"mode": FieldColorModeId.FIXED, "fixedColor": "red"}),
    setting("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
    setting("custom.fillOpacity", 0),
    setting("custom.stacking", {"mode": "none"}),
]


@dataclass(frozen=True, slots=True)
class Column:
    """What a query's values are called in a table, and how they are shown."""

    ask: Ask
    name: str
    unit: str
    steps: Steps = PLAIN


@dataclass(frozen=True, slots=True)
class Link:
    """Where a field of a table leads."""

    field: str
    title: str
    url: str

    def as_json(self) -> dict[str, str]:
        """Return it as Grafana spells it."""
        return {"title": self.title, "url": self.url}


def rows(
    words: Words, look: Look, *columns: Column, order: str, links: Sequence[Link] = ()
) -> table.Panel:
    """Return a table as of now: the labels, and one column for each query."""
    panel = dressed(table.Panel(), words, look).show_header(show_header=True)
    panel.thresholds(thresholds(look.steps)).sort_by(
        [common.TableSortByFieldState().display_name(order).desc(desc=True)]
    )
    single = len(columns) == 1
    values = {
        ("Value" if single else f"Value #{ref}"): column.name
        for ref, column in lettered(columns)
    }
    for ref, column in lettered(columns):
        asked = query(ref, column.ask).instant().format(PromQueryFormat.TABLE)
        panel.with_target(asked)
        panel.override_by_name(column.name, _cell(column))
    for link in links:
        panel.override_by_name(link.field, [setting("links", [link.as_json()])])
    if not single:
        panel.with_transformation(DataTransformerConfig("merge", options={}))
    return panel.with_transformation(_organized(values))


def _cell(column: Column) -> list[DynamicConfigValue]:
    properties = [setting("unit", column.unit)]
    if column.steps is not PLAIN:
        coloured = {"type": "color-background", "mode": "basic"}
        properties += [
            setting("thresholds", steps_as_json(column.steps)),
            setting("color", {"mode": FieldColorModeId.THRESHOLDS}),
            setting("custom.cellOptions", coloured),
        ]
    return properties


def _organized(values: Mapping[str, str]) -> DataTransformerConfig:
    shown = {field: name for field, name in values.items() if name}
    hidden = ["Time", *(field for field, name in values.items() if not name)]
    return DataTransformerConfig(
        "organize",
        options={
            "excludeByName": dict.fromkeys(hidden, True),
            "indexByName": {},
            "renameByName": shown,
        },
    )
