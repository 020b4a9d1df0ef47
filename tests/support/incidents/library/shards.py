"""Incidents of exporters that share the routes, or of which one polls."""

from __future__ import annotations

from collections.abc import Mapping

from incidents.actions import lose_the_lease, restart, start, stop
from incidents.incident import MINUTE, Fires, Incident

MISSING, DISAGREE, TWICE, VANISHED = (
    f"RocketMQDR{name}"
    for name in ("ShardMissing", "ShardsDisagree", "ShardTwice", "CheckpointsVanished")
)


def of_shards(**shards: str) -> Mapping[str, Mapping[str, object]]:
    """Return the settings of replicas, each told as `INDEX/TOTAL`."""
    return {
        replica: {"shard.index": index, "shard.total": total}
        for replica, shard in shards.items()
        for index, _, total in [shard.partition("/")]
    }


PAIR = {"ha.lease": "dr"}
TWO = of_shards(a="0/2", b="1/2")
TWO_PAIRS = of_shards(a="0/2", b="1/2", c="0/2", d="1/2")


def missing(until: float | None = None) -> Fires:
    """Return that a share is missed from the tenth minute on."""
    return Fires(
        MISSING,
        after=15 * MINUTE,
        by=17 * MINUTE,
        labels={"severity": "critical"},
        until=until,
    )


INCIDENTS = (
    Incident(
        "one of two shards is gone, and comes back",
        lasts=50 * MINUTE,
        replicas=("a", "b"),
        own_settings=TWO,
        timeline={10 * MINUTE: stop("b"), 35 * MINUTE: start("b")},
        fires=[
            missing(until=37 * MINUTE),
            Fires(
                VANISHED,
                after=15 * MINUTE,
                by=17 * MINUTE,
                until=39 * MINUTE,
                count=4,
            ),
        ],
        inhibited=[VANISHED],
        looks_like=["RocketMQDRExporterDown", TWICE, DISAGREE],
        plans=4,
        items=2,
    ),
    Incident(
        "of a pair nobody leads",
        lasts=40 * MINUTE,
        replicas=("a", "b"),
        settings=PAIR,
        timeline={10 * MINUTE: lose_the_lease("a", "b")},
        fires=[missing()],
        looks_like=["RocketMQDRExporterDown", VANISHED],
    ),
    Incident(
        "a rollout of more shards is stuck",
        lasts=45 * MINUTE,
        replicas=("a", "b", "c"),
        own_settings=of_shards(a="0/2", b="1/3", c="2/3"),
        fires=[
            Fires(
                DISAGREE,
                after=14 * MINUTE,
                by=17 * MINUTE,
                labels={"severity": "warning"},
            )
        ],
        looks_like=[MISSING, TWICE],
    ),
    Incident(
        "two exporters take themselves for the same shard",
        lasts=45 * MINUTE,
        replicas=("a", "b", "c"),
        own_settings=of_shards(a="0/2", b="1/2", c="1/2"),
        fires=[
            Fires(
                TWICE,
                after=14 * MINUTE,
                by=17 * MINUTE,
                labels={"severity": "warning", "shard": "1"},
            )
        ],
        looks_like=[MISSING, DISAGREE],
    ),
    Incident(
        "the leaders of two shards die, and their standbys take over",
        lasts=30 * MINUTE,
        replicas=("a", "b", "c", "d"),
        settings=PAIR,
        own_settings=TWO_PAIRS,
        timeline={10 * MINUTE: stop("a"), 20 * MINUTE: stop("b")},
        looks_like=[MISSING, TWICE, VANISHED, "RocketMQDRDataStale"],
    ),
    Incident(
        "shards are restarted one after the other",
        lasts=30 * MINUTE,
        replicas=("a", "b"),
        own_settings=TWO,
        timeline={
            10 * MINUTE: restart("a"),
            12 * MINUTE: stop("b"),
            15 * MINUTE: start("b"),
        },
        looks_like=[MISSING, VANISHED],
    ),
)
