"""What `poll --output=json` prints of findings."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from core_cases import HERE, ROUTE, SYNCED_AT_MS, THERE, row
from exposition_cases import snapshot_of, status_of

from exporter.app.report.objects import as_json
from exporter.model.types import Checkpoint
from exporter.polling.worst import findings

NOW = SYNCED_AT_MS / 1000 + 12.5


def as_objects(*rows: Checkpoint) -> list[dict[str, object]]:
    """Return what is printed as JSON of these rows, read again."""
    statuses = [status_of(snapshot_of(ROUTE, *rows))]
    objects = json.loads(as_json(findings(statuses, NOW)))
    assert isinstance(objects, list)
    return objects


def test_json_has_the_labels_and_the_numbers() -> None:
    """Exactly the keys that the contract names."""
    assert as_objects(row(7, lag_ms=-1_500)) == [
        {
            "plan_id": "1",
            "item_id": "10",
            "source_instance_id": HERE,
            "target_instance_id": THERE,
            "group": "orders",
            "topic": "topic",
            "checkpoint_id": 7,
            "sync_lag_seconds": -1.5,
            "sync_age_seconds": 12.5,
            "last_sync_timestamp_seconds": SYNCED_AT_MS / 1000,
            "state": "target_ahead",
        }
    ]


def test_json_says_null_where_a_number_is_unknown() -> None:
    """Neither 0 nor a missing key."""
    (found,) = as_objects(row(lag_ms=None, last_sync_ms=0))

    numbers = ("sync_lag_seconds", "sync_age_seconds", "last_sync_timestamp_seconds")
    assert [found[name] for name in numbers] == [None, None, None]


def test_json_of_nothing_is_an_empty_list() -> None:
    """Whoever reads it need not care."""
    assert as_objects() == []


def test_json_names_the_source_that_the_row_says() -> None:
    """It may be another instance than the route's."""
    (found,) = as_objects(replace(row(), source_instance_id="rmq-third"))

    assert found["source_instance_id"] == "rmq-third"


@pytest.mark.parametrize(
    "name", ['say "hi"', "back\\slash", "two\nlines", "消费", "[b]"]
)
def test_any_name_comes_out_of_json_as_it_was(name: str) -> None:
    """Quotes, escapes, newlines and any alphabet."""
    (found,) = as_objects(row(group=name))

    assert found["group"] == name
