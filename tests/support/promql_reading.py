"""Reads the expressions of dashboards, as Grafana sends them to Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import promql_parser
from promql_parser import Call, Expr, MatrixSelector, VectorSelector

STAND_IN = timedelta(minutes=7, seconds=13)
"""Stands for `$__rate_interval`: nobody writes such a range by hand."""


def parsed(expression: str) -> Expr:
    """Parse an expression that still has its variables.

    >>> type(parsed("rate(a_total[$__rate_interval])")).__name__
    'Call'
    """
    return promql_parser.parse(expression.replace("$__rate_interval", "7m13s"))


def selectors(expression: str) -> list[VectorSelector]:
    """Return what an expression selects, ranges included."""
    return [node for node in _nodes(expression) if isinstance(node, VectorSelector)]


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


def ranges(expression: str) -> list[tuple[str, timedelta]]:
    """Return the functions of an expression that take a range, with the range."""
    return [
        (node.func.name, argument.range)
        for node in _nodes(expression)
        if isinstance(node, Call)
        for argument in node.args
        if isinstance(argument, MatrixSelector)
    ]


def counters_as_they_are(expression: str) -> list[str]:
    """Return the counters of which neither rate nor increase is taken."""
    counted = {
        argument.vector_selector.name
        for node in _nodes(expression)
        if isinstance(node, Call) and node.func.name in {"rate", "irate", "increase"}
        for argument in node.args
        if isinstance(argument, MatrixSelector)
    }
    total = {name for name in names(expression) if name.endswith("_total")}
    return sorted(total - counted)


def _nodes(expression: str) -> Iterator[Expr]:
    found: list[Expr] = []
    promql_parser.walk(parsed(expression), found.append)
    yield from found


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
