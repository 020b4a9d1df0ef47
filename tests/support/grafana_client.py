"""Asks Prometheus what Grafana asks it for a dashboard: choices first, then panels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from programs import Prometheus

Choices = Mapping[str, str]
"""The value of each variable."""

LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
REGEX_SPECIAL = re.compile(r"[\\^$*+?.()|[\]{}]")


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what draws something: every panel but rows."""
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def query_variables(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the variables whose values Prometheus knows."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable


def chosen(values: Sequence[str]) -> str:
    r"""Return what Grafana writes for values of a variable that may have several.

    >>> chosen(["a.b"]), chosen(["a", "b"])
    ('a\\\\.b', '(a|b)')
    """
    escaped = [REGEX_SPECIAL.sub(r"\\\\\g<0>", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def filled(text: str, choices: Choices) -> str:
    """Return a text with the variables replaced by their values.

    `$1` is not a variable: it is a group of label_replace.

    >>> filled('a{b=~"$b"}[$__rate_interval]', {"b": ".+", "__rate_interval": "4s"})
    'a{b=~".+"}[4s]'
    """
    return re.sub(r"\$([a-z_]\w*)", lambda found: choices[found[1]], text)


RATE_INTERVAL = "4s"
"""`$__rate_interval` of a Prometheus that scrapes each second: four scrapes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query of a panel was answered."""

    panel: str
    expression: str
    legend: str
    series: Sequence[Mapping[str, Any]]
    complaints: Sequence[str]

    @property
    def labels(self) -> set[str]:
        """Return the labels that any series has."""
        return {label for one in self.series for label in one["metric"]}

    @property
    def name(self) -> str:
        """Return what a person would call it."""
        return f"{self.panel}: {self.expression}"


async def choices(
    server: Prometheus, dashboard: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return the values of each variable, with everything chosen in those before.

    A variable without All has its first value chosen, as Grafana does.
    """
    known: dict[str, list[str]] = {}
    for variable in query_variables(dashboard):
        found = LABEL_VALUES.fullmatch(variable["query"])
        assert found is not None
        selector = filled(found[1], defaults(dashboard, known))
        answer = await server.ask(f"label/{found[2]}/values", **{"match[]": selector})
        assert "warnings" not in answer
        known[variable["name"]] = answer["data"]
    return known


def defaults(
    dashboard: Mapping[str, Any], known: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return what is chosen when a dashboard is opened."""
    return {
        variable["name"]: (
            variable["allValue"]
            if variable.get("includeAll")
            else known[variable["name"]][0]
        )
        for variable in query_variables(dashboard)
        if variable["name"] in known
    }


async def shown(
    server: Prometheus, dashboard: Mapping[str, Any], choice: Choices, at: float
) -> list[Asked]:
    """Return what every query of every panel is answered for the minute up to `at`."""
    filling = {**choice, "__rate_interval": RATE_INTERVAL}
    return [
        await _asked(server, panel["title"], target, filling, at)
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]


async def _asked(
    server: Prometheus,
    panel: str,
    target: Mapping[str, Any],
    filling: Choices,
    at: float,
) -> Asked:
    expression = filled(target["expr"], filling)
    if target.get("instant"):
        path, when = "query", {"time": f"{at}"}
    else:
        path, when = "query_range", {"start": f"{at - 60}", "end": f"{at}", "step": "1"}
    answer = await server.ask(path, query=expression, **when)
    return Asked(
        panel=panel,
        expression=expression,
        legend=target["legendFormat"],
        series=answer["data"]["result"],
        complaints=[*answer.get("warnings", ()), *answer.get("infos", ())],
    )
