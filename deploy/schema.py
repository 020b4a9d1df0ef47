"""Writes the chart's values.schema.json: the types of values.yaml, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from deploy.values import Value
from exporter.config.catalogue import SettingSpec, setting_specs

Schema = dict[str, Any]

GIVEN_BY_THE_CHART = (
    "api.access_key_id",
    "api.access_key_secret",
    "api.access_key_secret_file",
    "api.security_token",
    "api.security_token_file",
    "web.listen_address",
    "web.config_file",
    "shard.",
    "ha.",
)
"""Settings that `config` may not hold: secrets, and what other values say."""

_OF_A_PART: Schema = {
    "global": {"type": "object"},  # which Helm gives to each chart
    "enabled": {
        "type": "boolean",
        "description": "For the condition of a chart that this one is part of.",
    },
}
"""What no template of this chart asks for, and a chart around it may give."""

_EXACT: Schema = {"maximum": 2**53 - 1}
"""Larger numbers Helm rounds, for it takes all for floats: another plan's id."""

_TYPES = {str: "string", bool: "boolean", int: "integer", dict: "object", list: "array"}


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
    """Return the schema of one value: its default's type, and what else is asked."""
    if "$ref" in value.schema:
        return value.schema
    found: Schema = {"type": _TYPES[type(value.default)]}
    if isinstance(value.default, list):
        found["items"] = {"type": "object"}  # unless values.yaml says otherwise
    return {**found, "description": value.description, **value.schema}


def _put(root: Schema, value: Value) -> None:
    """Put a value in its place, below maps that allow no other key.

    Null takes a default away. A template would make 0 or false of what is not there, so
    what has a default that says something must stay.
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
    """Put a setting in its place; what it may be the exporter says better."""
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
    """Return the schema of such a map that the exporter takes without a value too."""
    return {**_closed({}), "type": ["object", "null"]}
