"""The chart's values.schema.json, written from what its values.yaml says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from exporter.config.catalogue import SettingSpec, setting_specs

Schema = dict[str, Any]

_WORDS, _SCHEMA = "# -- ", "# @schema "

GIVEN_BY_THE_CHART = (
    "api.access_key_id",
    "api.access_key_id_file",
    "api.access_key_secret",
    "api.access_key_secret_file",
    "api.security_token",
    "api.security_token_file",
    "web.listen_address",
    "web.config_file",
    "shard.",
    "ha.",
)
"""Settings that `config` must not have: secrets, and those that other values set."""

_OF_A_PART: Schema = {
    "global": {"type": "object"},  # Helm gives it to each chart
    "enabled": {
        "type": "boolean",
        "description": "For the condition of a chart that this one is part of.",
    },
}
"""Values that a chart around this one may give; no template here uses them."""

_EXACT: Schema = {"maximum": 2**53 - 1}
"""Helm reads numbers as floats and rounds larger ones: to another plan's id."""

_TYPES = {str: "string", bool: "boolean", int: "integer", dict: "object", list: "array"}


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
    """Return the description and the schema in the comments right above a line."""
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


def schema(values: Iterable[Value]) -> str:
    """Return the schema of the values, as JSON."""
    root = _closed(dict(_OF_A_PART))
    for value in values:
        _put(root, value)
    config = _maybe_empty()
    for spec in setting_specs().values():
        if not spec.path.startswith(GIVEN_BY_THE_CHART):
            _put_setting(config, spec)
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **root,
        "$defs": {"config": config},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _of(value: Value) -> Schema:
    """Return the schema of one value: its default's type, and its own schema."""
    if "$ref" in value.schema:
        return value.schema
    found: Schema = {"type": _TYPES[type(value.default)]}
    if isinstance(value.default, list):
        found["items"] = {"type": "object"}  # unless values.yaml says otherwise
    return {**found, "description": value.description, **value.schema}


def _put(root: Schema, value: Value) -> None:
    """Put a value in its place, below maps that allow no other key.

    Null removes a default. A template reads a missing value as 0 or false, so a value
    with a default that is not empty is required.
    """
    *above, last = value.path
    for name in above:
        _need(root, name)
        root = root["properties"].setdefault(name, _closed({}))
    if isinstance(value.default, int) or (
        value.default and isinstance(value.default, str)
    ):
        _need(root, last)
    root["properties"][last] = _of(value)


def _need(root: Schema, name: str) -> None:
    required = root.setdefault("required", [])
    if name not in required:
        required.append(name)


def _put_setting(root: Schema, spec: SettingSpec) -> None:
    """Put a setting in its place; the exporter itself checks the setting's value."""
    *above, last = spec.path.split(".")
    for name in above:
        place = root["properties"]
        if name.endswith("[]"):
            items = place[name.removesuffix("[]")]
            root = items.setdefault("items", _closed({}))
            items["type"] = ["array", "null"]
        else:
            root = place.setdefault(name, _maybe_empty())
    description = f"{spec.description} Expected: {spec.expected}."
    setting: Schema = {"description": description, **_EXACT}
    if spec.shape == "list":
        setting["items"] = _EXACT
    root["properties"][last] = setting


def _closed(properties: Schema) -> Schema:
    """Return the schema of a map with these keys and no other."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _maybe_empty() -> Schema:
    """Return the schema of such a map that may be null, as in the exporter's file."""
    return {**_closed({}), "type": ["object", "null"]}
