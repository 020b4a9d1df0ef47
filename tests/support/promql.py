"""Reads PromQL as the files that we ship spell it, dashboards' variables included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import promql_parser
from promql_parser import AggregateExpr, Call, Expr, MatrixSelector, VectorSelector

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
    """Return the labels that an expression selects or aggregates by.

    >>> sorted(labels('max by (a) (x{b="c"})'))
    ['a', 'b']
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
    return selected | by


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
