"""Reads the chart's values.yaml: each value, its default, and the comments above it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_WORDS, _SCHEMA = "# -- ", "# @schema "


@dataclass(frozen=True, slots=True)
class Value:
    """One value: a leaf, or a map that is described as a whole."""

    path: tuple[str, ...]
    default: Any
    description: str
    schema: dict[str, Any]


def values(text: str) -> list[Value]:
    """Return the described values, in the order of the file.

    Raises:
        ValueError: a leaf has no description.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return list(_below(root, (), text.splitlines()))


def _below(
    node: yaml.Node | None, path: tuple[str, ...], lines: list[str]
) -> Iterator[Value]:
    """Yield the values of a map and of the maps in it."""
    if not isinstance(node, yaml.MappingNode):
        name = ".".join(path)
        raise ValueError(f"{name}: no description")  # noqa: TRY004 - the file's fault
    for key, value in node.value:
        own = (*path, key.value)
        description, schema = _comments(lines, key.start_mark.line)
        if description:
            default = yaml.safe_load(yaml.serialize(value))
            yield Value(own, default, description, schema)
        else:
            yield from _below(value, own, lines)


def _comments(lines: list[str], line: int) -> tuple[str, dict[str, Any]]:
    """Return what the comments right above a line say of it."""
    start = line
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    words: list[str] = []
    schema: dict[str, Any] = {}
    for each in (one.strip() for one in lines[start:line]):
        if each.startswith(_SCHEMA):
            schema = json.loads(each.removeprefix(_SCHEMA))
        elif each.startswith(_WORDS):
            words = [each.removeprefix(_WORDS)]
        elif words:
            words.append(each.removeprefix("# "))
    return " ".join(words), schema
