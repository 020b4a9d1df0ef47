"""Reads what a runbook tells people to type: queries, commands, headings.

It must not judge any of it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

# In a query: words that are neither a metric nor followed by a bracket.
_NO_METRIC = {"and", "or", "unless", "offset", "bool"}
_GROUPERS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_LABEL_LIST = re.compile(rf"\b(?:{'|'.join(sorted(_GROUPERS))})\s*\(([^)]*)\)")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *kinds: str) -> Iterator[str]:
    """Yield what stands in fenced blocks of some kinds."""
    for kind, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind in kinds:
            yield text


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command: all of `sh`, what follows a `$` in `console`."""
    for text in blocks(page, "sh"):
        yield from map(shlex.split, text.replace("\\\n", " ").splitlines())
    for text in blocks(page, "console"):
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield shlex.split(line.removeprefix("$ "))


def headings(page: Path, level: str) -> list[str]:
    """Return the headings of a level, such as `##`, in their order."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return re.findall(rf"^{level} (.+)$", text, re.MULTILINE)


def metrics(query: str) -> set[str]:
    """Return the names of the metrics that a query selects.

    >>> sorted(metrics('max by (a) (up{b="c"} == 1) / on (d) a:b:c offset 5m'))
    ['a:b:c', 'up']
    """
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', " ", query)
    bare = _LABEL_LIST.sub(" ", bare)
    words = set(re.findall(r"(?<![\w:.])[A-Za-z_:][\w:]*(?!\s*\(|[\w:])", bare))
    return words - _NO_METRIC


def selected_labels(query: str) -> Iterator[tuple[str, str]]:
    """Yield each metric of a query with each label it is selected by.

    >>> list(selected_labels('a{b="c",d!~"e"}'))
    [('a', 'b'), ('a', 'd')]
    """
    for name, matchers in re.findall(r"([\w:]+)\{([^}]*)\}", query):
        for label in re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers):
            yield name, label


def grouping_labels(query: str) -> set[str]:
    """Return the labels that a query groups or joins by.

    >>> sorted(grouping_labels("max by (a, b) (x) > on (c) group_left () y"))
    ['a', 'b', 'c']
    """
    return set(re.findall(r"\w+", " ".join(_LABEL_LIST.findall(query))))
