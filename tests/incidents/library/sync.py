"""Incidents of the sync: consumers would fall back after a failover."""

from __future__ import annotations

from incidents.actions import heal, stall
from incidents.incident import GROUP, HOUR, ITEM, MINUTE, PLAN, Fires, Incident

ROUTE = {"plan_id": PLAN, "item_id": ITEM}

INCIDENTS = (
    Incident(
        "a consumer group of a one-way plan is no longer synced",
        lasts=HOUR,
        timeline={
            10 * MINUTE: stall(plan=PLAN, group=GROUP),
            40 * MINUTE: heal(),
        },
        fires=[
            Fires(
                "RocketMQDRSyncLagHigh",
                after=20 * MINUTE,
                by=23 * MINUTE,
                until=43 * MINUTE,
                labels={**ROUTE, "severity": "warning"},
            ),
            Fires(
                "RocketMQDRSyncStalled",
                after=22 * MINUTE,
                by=25 * MINUTE,
                until=43 * MINUTE,
                labels={**ROUTE, "severity": "critical"},
            ),
            Fires(
                "RocketMQDRSyncLagCritical",
                after=30 * MINUTE,
                by=33 * MINUTE,
                until=43 * MINUTE,
                labels={**ROUTE, "severity": "critical"},
            ),
        ],
        looks_like=["RocketMQDRDataStale", "RocketMQDRItemStopped"],
        inhibited=["RocketMQDRSyncLagHigh"],
    ),
)
