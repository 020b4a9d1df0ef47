"""What a dashboard is made of besides its panels: name, variables, rows, numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.panels import DATASOURCE, Panel, to_dashboard

FLEET, PLAN, EXPORTER = "rocketmq-dr-fleet", "rocketmq-dr-plan", "rocketmq-dr-exporter"
TITLES = {
    FLEET: "RocketMQ DR / Fleet",
    PLAN: "RocketMQ DR / Plan",
    EXPORTER: "RocketMQ DR / Exporter",
}
BUILD_INFO = "rocketmq_dr_exporter_build_info"


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice that the reader of a dashboard has; `every` is what All stands for.

    Without `every` there is no All, and just one value can be chosen.
    """

    name: str
    label: str
    query: str
    every: str | None


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard as it is written: rows of panels under a title each."""

    uid: str
    description: str
    variables: Sequence[Variable]
    rows: Sequence[tuple[str, Sequence[Panel]]]


def _exporters() -> Sequence[Variable]:
    """Return the choice of exporters; of labels that none has, All finds all."""
    variables: list[Variable] = []
    for name, every in (
        *(("cluster", ".*"), ("namespace", ".*")),
        *(("job", ".+"), ("instance", ".+")),
    ):
        above = ", ".join(f'{each.name}=~"${each.name}"' for each in variables)
        # The exporter has this from its start, before a first poll.
        query = f"label_values({BUILD_INFO}{{{above}}}, {name})"
        variables.append(Variable(name, name.capitalize(), query, every))
    return variables


def built(board: Board) -> Dashboard:
    """Return a dashboard as Grafana takes it."""
    result = dashboard.Dashboard(TITLES[board.uid]).uid(board.uid).readonly()
    result.description(board.description).tags(["rocketmq-dr"]).timezone("browser")
    result.refresh("1m").time("now-6h", "now").tooltip(DashboardCursorSync.CROSSHAIR)
    result.with_variable(
        dashboard.DatasourceVariable("datasource")
        .label("Data source")
        .type("prometheus")
    )
    for variable in (*_exporters(), *board.variables):
        result.with_variable(_variable(variable))
    for uid, title in TITLES.items():
        if uid != board.uid:
            result.link(to_dashboard(title, uid))
    number = 0
    for title, panels in board.rows:
        number += 1
        result.with_row(dashboard.Row(title).id(number))
        for panel in panels:
            number += 1
            result.with_panel(panel.id(number))
    return result.build()


def _variable(variable: Variable) -> dashboard.QueryVariable:
    result = dashboard.QueryVariable(variable.name).label(variable.label)
    result.datasource(DATASOURCE).query(variable.query)
    result.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    result.sort(VariableSort.ALPHABETICAL_ASC)
    if variable.every is not None:
        result.multi(multi=True).include_all(include_all=True)
        result.all_value(variable.every)
        everything = VariableOption(selected=True, text=["All"], value=["$__all"])
        result.current(everything)
    return result
