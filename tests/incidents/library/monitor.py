"""Incidents of the monitor itself: the exporter cannot tell how the sync is."""

from __future__ import annotations

from incidents.actions import throttle
from incidents.incident import HOUR, MINUTE, Fires, Incident

INCIDENTS = (
    Incident(
        "the account is throttled for good",
        lasts=HOUR,
        timeline={10 * MINUTE: throttle()},
        fires=[
            Fires(
                "RocketMQDRWalkFailing",
                after=13 * MINUTE,
                by=16 * MINUTE,
                labels={"reason": "throttled"},
                count=2,
            ),
            Fires("RocketMQDRDataStale", after=15 * MINUTE, by=18 * MINUTE, count=2),
            Fires("RocketMQDRAPIThrottled", after=20 * MINUTE, by=23 * MINUTE),
        ],
        looks_like=["RocketMQDRSyncStalled", "RocketMQDRCheckpointsVanished"],
        inhibited=["RocketMQDRWalkFailing"],
    ),
)
