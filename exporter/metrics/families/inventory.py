"""The part of the catalogue that tells what discovery knows.

It computes no value: see `exporter.metrics.inventory`.
"""

from __future__ import annotations

from exporter.metrics.families.family import Family, Kind
from exporter.metrics.families.timing import DISCOVERY

PLAN_INFO = Family(
    name="rocketmq_dr_plan_info",
    kind=Kind.INFO,
    meaning="1, with planName and planType, and the region whose endpoint is asked.",
    labels=("plan_id", "plan_name", "plan_type", "region_id"),
    absent="until the plan is discovered",
    timing=DISCOVERY,
)
PLAN_STATUS = Family(
    name="rocketmq_dr_plan_status",
    kind=Kind.GAUGE,
    meaning="1 for the present planStatus.",
    labels=("plan_id", "status"),
    absent="for every other status, and until the plan is discovered",
    timing=DISCOVERY,
)
ITEM_STATUS = Family(
    name="rocketmq_dr_item_status",
    kind=Kind.GAUGE,
    meaning="1 for the present itemStatus.",
    labels=("plan_id", "item_id", "status"),
    absent="for every other status, and until the item is discovered",
    timing=DISCOVERY,
)
PLAN_AUTO_SYNC = Family(
    name="rocketmq_dr_plan_auto_sync",
    kind=Kind.GAUGE,
    meaning=(
        "1 when consumer progress is synced by itself: planType is one-way and both "
        "syncCheckpointEnabled and autoSyncCheckpoint are on. Else 0, and age may grow."
    ),
    labels=("plan_id",),
    absent="until the plan is discovered",
    timing=DISCOVERY,
)
OBJECTIVE = Family(
    name="rocketmq_dr_objective_seconds",
    kind=Kind.GAUGE,
    meaning="The plan's objectives of the configuration: the most lag, the most age.",
    labels=("plan_id", "objective"),
    unit="seconds",
)
MISSING = Family(
    name="rocketmq_dr_configured_missing",
    kind=Kind.GAUGE,
    meaning="1 for a plan, item or instance that is configured and not found upstream.",
    labels=("kind", "id"),
    absent="when all that is configured is found",
    timing=DISCOVERY,
)
INVENTORY = (
    PLAN_INFO,
    PLAN_STATUS,
    ITEM_STATUS,
    PLAN_AUTO_SYNC,
    OBJECTIVE,
    MISSING,
)
"""What discovery knows."""
