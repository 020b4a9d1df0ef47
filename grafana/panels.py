"""The kinds of panel that the dashboards are made of, each in one way.

It must not know what is asked, nor where a panel stands.
"""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    stat,
    statetimeline,
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
    FieldColorModeId,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.looks import (
    PLAIN,
    Ask,
    Look,
    Words,
    dressed,
    lettered,
    query,
    setting,
    steps_as_json,
    thresholds,
)


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
