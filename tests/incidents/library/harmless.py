"""Oddities that look like trouble, and nobody may be woken for."""

from __future__ import annotations

from incidents.incident import HOUR, MINUTE, Incident

INCIDENTS = (
    Incident(
        "a healthy working day",
        lasts=10 * HOUR,
        looks_like=["RocketMQDRObjectiveBurn", "RocketMQDRPollsSkipped"],
        settings={"poll.interval": "4m", "poll.stale_after": "20m"},
        scrape_every=4 * MINUTE,
        evaluate_every=4 * MINUTE,
    ),
)
