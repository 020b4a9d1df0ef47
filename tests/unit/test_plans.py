"""How plans and items of the API become the model's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes import item_row, plan_row

from exporter.cloud.plans import RowCollector, item_from, plan_from
from exporter.cloud.wire import ItemRow, PlanRow, Rows
from exporter.model.types import Instance, Item, Plan


def plan(**beside: object) -> Plan:
    """Return what a plan's row becomes."""
    row = msgspec.convert(plan_row(7, **beside), PlanRow)
    return plan_from(row, "7", "cn-hangzhou")


def item(**beside: object) -> Item:
    """Return what an item's row becomes."""
    return item_from(msgspec.convert(item_row(9, **beside), ItemRow), "7", "9")


def test_a_plan_has_its_instances_with_their_roles_in_capitals() -> None:
    """The vendor's pages spell a role in two ways."""
    assert plan() == Plan(
        plan_id="7",
        name="orders-dr",
        type="ACTIVE_PASSIVE",
        status="RUNNING",
        region="cn-hangzhou",
        is_auto_synced=True,
        instances=(Instance("rmq-source", "ACTIVE"), Instance("rmq-target", "PASSIVE")),
    )


@pytest.mark.parametrize(
    "beside",
    [
        {"planType": "ACTIVE_ACTIVE"},
        {"syncCheckpointEnabled": False},
        {"autoSyncCheckpoint": None},
        {"planType": None},
    ],
)
def test_a_plan_is_auto_synced_only_one_way_and_with_both_switches_on(
    beside: dict[str, Any],
) -> None:
    """Rules page on age only where it is; so what is unsaid does not count as on."""
    assert plan(**beside).is_auto_synced is False


def test_what_a_plan_leaves_out_is_empty() -> None:
    """Also an instance without an id, which could not be asked for."""
    bare = plan_from(PlanRow(7), "7", "cn-hangzhou")

    assert (bare.name, bare.type, bare.status, bare.instances) == ("", "", "", ())
    assert plan(instances=[{"instanceRole": "ACTIVE"}, {}]).instances == ()


def test_an_item_names_each_instance_once() -> None:
    """Two topics of one instance are two entries."""
    topics = [{"instanceId": name} for name in ("b", "a", "b", "", None)]

    assert item(topics=topics).instance_ids == ("b", "a")
    assert item(topics=None) == Item("7", "9", "RUNNING", ())


def test_rows_met_again_and_rejected_ones_count_once() -> None:
    """Rows move between pages; a row without an id cannot be known again."""
    collector = RowCollector[PlanRow](lambda row: row.plan_id)

    collector.take(Rows(5, 2, [PlanRow(1), PlanRow(2)], [3, None]))
    collector.take(Rows(5, 2, [PlanRow(2), PlanRow(4)], [3, 1]))

    assert [row.plan_id for row in collector.rows] == [1, 2, 4]
    assert (collector.rejected, collector.seen) == (2, 5)
