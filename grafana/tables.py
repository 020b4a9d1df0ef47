"""Tables: labels, and a column for each query; fields that lead to dashboards.

It must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.looks import (
    PLAIN,
    Ask,
    Look,
    Steps,
    Words,
    dressed,
    lettered,
    query,
    setting,
    steps_as_json,
    thresholds,
)


@dataclass(frozen=True, slots=True)
class Column:
    """What a query's values are called in a table, and how they are shown."""

    ask: Ask
    name: str
    unit: str
    steps: Steps = PLAIN


@dataclass(frozen=True, slots=True)
class Link:
    """Where a field of a table leads."""

    field: str
    title: str
    url: str

    def as_json(self) -> dict[str, str]:
        """Return it as Grafana spells it."""
        return {"title": self.title, "url": self.url}


def rows(
    words: Words, look: Look, *columns: Column, order: str, links: Sequence[Link] = ()
) -> table.Panel:
    """Return a table as of now: the labels, and one column for each query."""
    panel = dressed(table.Panel(), words, look).show_header(show_header=True)
    panel.thresholds(thresholds(look.steps)).sort_by(
        [common.TableSortByFieldState().display_name(order).desc(desc=True)]
    )
    single = len(columns) == 1
    values = {
        ("Value" if single else f"Value #{ref}"): column.name
        for ref, column in lettered(columns)
    }
    for ref, column in lettered(columns):
        asked = query(ref, column.ask).instant().format(PromQueryFormat.TABLE)
        panel.with_target(asked)
        panel.override_by_name(column.name, _cell(column))
    for link in links:
        panel.override_by_name(link.field, [setting("links", [link.as_json()])])
    if not single:
        panel.with_transformation(DataTransformerConfig("merge", options={}))
    return panel.with_transformation(_organized(values))


def _cell(column: Column) -> list[DynamicConfigValue]:
    properties = [setting("unit", column.unit)]
    if column.steps is not PLAIN:
        coloured = {"type": "color-background", "mode": "basic"}
        properties += [
            setting("thresholds", steps_as_json(column.steps)),
            setting("color", {"mode": FieldColorModeId.THRESHOLDS}),
            setting("custom.cellOptions", coloured),
        ]
    return properties


def _organized(values: Mapping[str, str]) -> DataTransformerConfig:
    shown = {field: name for field, name in values.items() if name}
    hidden = ["Time", *(field for field, name in values.items() if not name)]
    return DataTransformerConfig(
        "organize",
        options={
            "excludeByName": dict.fromkeys(hidden, True),
            "indexByName": {},
            "renameByName": shown,
        },
    )
