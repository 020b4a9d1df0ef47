"""The rules of Grafana's dashboard-linter, for dashboards as Grafana takes them.

Each rule yields complaints. They are stricter than the linter where that skips kinds of
panel or looks at the first of several: here a rule holds for everything there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from promql_reading import (
    STAND_IN,
    counters_as_they_are,
    matchers,
    parsed,
    ranges,
    selectors,
)

Dashboard = Mapping[str, Any]
Rule = Callable[[Dashboard], Iterator[str]]

UNITS = frozenset(
    [
        "none",
        "short",
        "percentunit",
        "s",
        "dateTimeAsIso",
        "bytes",
        "reqps",
        "ops",
        "bool_yes_no",
    ]
)
"""The ids of Grafana's units that we use; a new one has to be looked up there."""
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")


def panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """Yield what shows something: every panel but rows."""
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def targets(dashboard: Dashboard) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each query, with the title of its panel."""
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield panel["title"], target


def query_variables(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """Yield the variables whose values Prometheus knows."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable


def _variable(dashboard: Dashboard, name: str) -> dict[str, Any]:
    found = (v for v in dashboard["templating"]["list"] if v["name"] == name)
    return next(found, {})


def _is_promql(expression: str) -> bool:
    try:
        parsed(expression)
    except ValueError:
        return False
    return True


def _readable(dashboard: Dashboard) -> Iterator[tuple[str, str]]:
    for title, target in targets(dashboard):
        if _is_promql(target["expr"]):
            yield title, target["expr"]


def _template_datasource(dashboard: Dashboard) -> Iterator[str]:
    variable = _variable(dashboard, "datasource")
    wanted = {"type": "datasource", "query": "prometheus", "label": "Data source"}
    if not wanted.items() <= variable.items():
        yield f"datasource is {variable}"


def _template_target(name: str) -> Rule:
    def rule(dashboard: Dashboard) -> Iterator[str]:
        variable = _variable(dashboard, name)
        wanted = {
            "type": "query",
            "datasource": DATASOURCE,
            "label": name.title(),
            "multi": True,
            "includeAll": True,
            "allValue": ".+",
        }
        if any(variable.get(key) != value for key, value in wanted.items()):
            yield f"{name} is {variable}"

    return rule


def _template_label_promql(dashboard: Dashboard) -> Iterator[str]:
    for variable in query_variables(dashboard):
        query = variable["query"]
        found = LABEL_VALUES.fullmatch(query) if isinstance(query, str) else None
        if found is None or not _is_promql(found[1]):
            yield f"{variable['name']} is asked by {query}"


def _template_reload(dashboard: Dashboard) -> Iterator[str]:
    for variable in query_variables(dashboard):
        if variable.get("refresh") != 2:
            yield f"{variable['name']} is not read again when the time changes"


def _panel_datasource(dashboard: Dashboard) -> Iterator[str]:
    for panel in panels(dashboard):
        asked = [panel, *panel.get("targets", ())]
        if any(one.get("datasource") != DATASOURCE for one in asked):
            yield f"{panel['title']} asks another data source"


def _panel_words(dashboard: Dashboard) -> Iterator[str]:
    for panel in panels(dashboard):
        if not (panel.get("title") and panel.get("description")):
            yield f"panel {panel['id']} lacks words"


def _panel_units(dashboard: Dashboard) -> Iterator[str]:
    for panel in panels(dashboard):
        settings = panel["fieldConfig"]
        units = [settings["defaults"].get("unit")]
        for override in settings["overrides"]:
            own = (p["value"] for p in override["properties"] if p["id"] == "unit")
            units += own
        if not UNITS.issuperset(units):
            yield f"{panel['title']} has the units {units}"


def _panel_targets(dashboard: Dashboard) -> Iterator[str]:
    for panel in panels(dashboard):
        if not panel.get("targets"):
            yield f"{panel['title']} asks nothing"


def _target_promql(dashboard: Dashboard) -> Iterator[str]:
    for title, target in targets(dashboard):
        if not _is_promql(target["expr"]):
            yield f"{title} asks {target['expr']}"


def _target_logql(dashboard: Dashboard) -> Iterator[str]:
    for title, target in targets(dashboard):
        if target["datasource"]["type"] == "loki":
            yield f"{title} asks Loki, and nothing here reads LogQL"


def _target_logql_auto(dashboard: Dashboard) -> Iterator[str]:
    for title, target in targets(dashboard):
        if target["datasource"]["type"] == "loki":
            found = re.findall(r"\[([^]]+)\]", target["expr"])
            if any(each != "$__auto" for each in found):
                yield f"{title} asks over {found}"


def _target_rate_interval(dashboard: Dashboard) -> Iterator[str]:
    for title, expression in _readable(dashboard):
        for function, span in ranges(expression):
            if function in {"rate", "irate"} and span != STAND_IN:
                yield f"{title} takes {function} over {span}"


def _target_matcher(name: str) -> Rule:
    def rule(dashboard: Dashboard) -> Iterator[str]:
        wanted = f'{name}=~"${name}"'
        for title, expression in _readable(dashboard):
            if any(wanted not in matchers(each) for each in selectors(expression)):
                yield f"{title} does not heed ${name}"

    return rule


def _target_counter(dashboard: Dashboard) -> Iterator[str]:
    for title, expression in _readable(dashboard):
        for counter in counters_as_they_are(expression):
            yield f"{title} shows {counter} as it is"


def _uneditable(dashboard: Dashboard) -> Iterator[str]:
    if dashboard.get("editable") is not False:
        yield "it can be edited in place"


RULES: Mapping[str, Rule] = {
    "template-datasource-rule": _template_datasource,
    "template-job-rule": _template_target("job"),
    "template-instance-rule": _template_target("instance"),
    "template-label-promql-rule": _template_label_promql,
    "template-on-time-change-reload-rule": _template_reload,
    "panel-datasource-rule": _panel_datasource,
    "panel-title-description-rule": _panel_words,
    "panel-units-rule": _panel_units,
    "panel-no-targets-rule": _panel_targets,
    "target-promql-rule": _target_promql,
    "target-logql-rule": _target_logql,
    "target-logql-auto-rule": _target_logql_auto,
    "target-rate-interval-rule": _target_rate_interval,
    "target-job-rule": _target_matcher("job"),
    "target-instance-rule": _target_matcher("instance"),
    "target-counter-agg-rule": _target_counter,
    "uneditable-dashboard": _uneditable,
}
