"""Reads our dashboards and the PromQL of all shipped files, variables included."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import promql_parser
from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    VectorSelector,
)

from exporter.metrics.catalogue import ALL, Kind

STAND_IN = timedelta(minutes=7, seconds=13)
"""Stands for `$__rate_interval`: nobody writes such a range by hand."""

OTHERS = frozenset(
    {
        "ALERTS",
        "up",
        "scrape_samples_scraped",
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    }
)
"""Metrics of Prometheus and prometheus_client that our files ask for."""


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


def filled(text: str, choices: Mapping[str, str]) -> str:
    """Return a text with the variables replaced by their values.

    `$1` is not a variable: it is a group of label_replace.

    >>> filled('a{b=~"$b"}[$__rate_interval]', {"b": ".+", "__rate_interval": "4s"})
    'a{b=~".+"}[4s]'
    """
    return re.sub(r"\$([a-z_]\w*)", lambda found: choices[found[1]], text)


def exported() -> set[str]:
    """Return the name of every sample that the exporter may send."""
    endings = {
        Kind.GAUGE_HISTOGRAM: ("_bucket", "_gcount", "_gsum"),
        Kind.HISTOGRAM: ("_bucket", "_count", "_sum"),
    }
    return {
        family.name + ending
        for family in ALL
        for ending in endings.get(family.kind, ("",))
    }


def nodes(expression: str) -> Iterator[Expr]:
    """Yield every part of an expression.

    Raises:
        ValueError: it is no PromQL.
    """
    found: list[Expr] = []
    text = expression.replace("$__rate_interval", "7m13s")
    promql_parser.walk(promql_parser.parse(text), found.append)
    yield from found


def selectors(expression: str) -> list[VectorSelector]:
    """Return what an expression selects, ranges included."""
    return [node for node in nodes(expression) if isinstance(node, VectorSelector)]


def matchers(selector: VectorSelector) -> set[str]:
    """Return the matchers of a selector as they are written.

    >>> [one] = selectors('a{b=~"c"}')
    >>> matchers(one)
    {'b=~"c"'}
    """
    return {str(matcher) for matcher in selector.matchers.matchers}


def names(expression: str) -> set[str]:
    """Return the names of the metrics that an expression reads.

    >>> sorted(names('a + {__name__=~"b_(c|d)"}'))
    ['a', 'b_c', 'b_d']
    """
    return {name for each in selectors(expression) for name in _names(each)}


def labels(expression: str) -> set[str]:
    """Return the labels that an expression selects, aggregates by or matches on.

    >>> sorted(labels('max by (a) (x{b="c"}) * on (d) group_left (e) y'))
    ['a', 'b', 'd', 'e']
    """
    selected = {
        m.name for each in selectors(expression) for m in each.matchers.matchers
    }
    by = {
        label
        for node in nodes(expression)
        if isinstance(node, AggregateExpr) and node.modifier is not None
        for label in node.modifier.labels
    }
    joins = [n.modifier for n in nodes(expression) if isinstance(n, BinaryExpr)]
    matched = {
        label
        for join in joins
        if join is not None and join.matching is not None
        for label in (*join.matching.labels, *(join.group_labels or ()))
    }
    return selected | by | matched


def ranges(expression: str) -> list[tuple[str, str, timedelta]]:
    """Return the functions of an expression over a range: name, metric, range."""
    return [
        (node.func.name, argument.vector_selector.name or "", argument.range)
        for node in nodes(expression)
        if isinstance(node, Call)
        for argument in node.args
        if isinstance(argument, MatrixSelector)
    ]


def _names(selector: VectorSelector) -> Iterator[str]:
    if selector.name:
        yield selector.name
        return
    [pattern] = (
        matcher.value
        for matcher in selector.matchers.matchers
        if matcher.name == "__name__"
    )
    group = re.fullmatch(r"(\w+)\(([\w|]+)\)", pattern)
    assert group is not None, f"cannot tell the names that {pattern} matches"
    yield from (group[1] + ending for ending in group[2].split("|"))
