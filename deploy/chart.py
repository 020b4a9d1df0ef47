"""The chart's README.md and values.schema.json, written from its values.yaml.

The README repeats what values.yaml says of each value, the schema its type.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import yaml

from exporter.config.catalogue import SettingSpec, setting_specs

Schema = dict[str, Any]

_WORDS, _SCHEMA = "# -- ", "# @schema "
_INTRODUCTION = """\
# rocketmq-dr-exporter

Written by `deploy/build.py` from [values.yaml](values.yaml): change it there.

A Helm chart of the [exporter](../../../README.md). It installs one exporter and a
Service; whatever needs more of a cluster is off until it is asked for.

```sh
cd deploy/helm
helm install dr rocketmq-dr-exporter --set simulator.enabled=true    # no account needed

kubectl create secret generic dr-key \\
  --from-literal=access-key-id=LTAI… --from-file=access-key-secret=FILE
helm install dr rocketmq-dr-exporter --set credentials.existingSecret=dr-key \\
  --set config.api.region=cn-hangzhou --set serviceMonitor.enabled=true

helm test dr    # is /metrics answered?
```

A value that the chart does not have is refused, and so is a setting in `config` that
the exporter does not have. [docs/deploy.md](../../../docs/deploy.md#helm) has more, and
[ci/](ci) an example of each way to use it.

## What is made

| values | |
|---|---|
| by default | a Deployment of one, a Service, a ConfigMap, a ServiceAccount |
| `shards: 4` | a StatefulSet of 4 instead; each polls its share of the routes |
| `ha.enabled` | two replicas of which one polls, and a Role for their Lease |
| both | two StatefulSets, `-a` and `-b`: each shard is a pair |
| `serviceMonitor`, `prometheusRule` | what the Prometheus Operator looks for |
| `dashboards` | ConfigMaps for Grafana's sidecar |
| `podDisruptionBudget`, `networkPolicy` | the same as everywhere |

## Upgrading

Names and selectors depend on nothing but the release's name, `nameOverride` and
`fullnameOverride`. From `shards: 1` to more, or back, and to or from pairs of shards,
one kind replaces the other: for a moment both poll. Both sets of pairs of shards are
rolled out at once, so each shard is away while its two start again.

`--reuse-values` keeps the old chart's defaults too, and so has none for a new value:
take `--reset-then-reuse-values`.

`helm uninstall` leaves the Leases of `ha`, which the exporters made.
"""

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


def readme(values: Iterable[Value]) -> str:
    """Return the text of the README."""
    return "\n".join([_INTRODUCTION, *_tables(values)])


def _tables(values: Iterable[Value]) -> Iterator[str]:
    """Yield a table of the values for each run of them that belong together."""
    yield "## Values\n"
    yield "| value | default | meaning |\n|---|---|---|"
    for _, group in groupby(values, lambda value: value.path[0]):
        yield from (
            f"| `{'.'.join(value.path)}` | `{_written(value.default)}` | "
            f"{value.description} |"
            for value in group
        )
    yield ""


def _written(default: Any) -> str:
    """Return a default as one line of YAML."""
    return json.dumps(default, ensure_ascii=False)


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
