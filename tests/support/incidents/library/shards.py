"""Incidents of exporters that share the routes, or of which one polls."""

from __future__ import annotations

from collections.abc import Mapping

from incidents.actions import lose_the_lease, restart, start, stop
from incidents.incident import Fires, Incident, fires, page, ticket


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
    return page("ShardMissing", 15, 17, until=until)


def down(replica: str, after: float, until: float | None = None) -> Fires:
    """Return that a replica is down."""
    instance = f"exporter-{replica}:10063"
    return fires("ExporterDown", after, after + 3, until=until, instance=instance)


INCIDENTS = (
    Incident(
        "one of two shards is gone, and comes back",
        lasts=50,
        replicas=("a", "b"),
        own_settings=TWO,
        timeline={10: stop("b"), 35: start("b")},
        fires=[
            missing(until=37),
            down("b", 15, until=37),
            fires("CheckpointsVanished", 15, 17, until=39, count=4),
        ],
        inhibited="CheckpointsVanished",
        looks_like="ShardConflict",
        plans=4,
        items=2,
    ),
    Incident(
        "of a pair nobody leads",
        lasts=40,
        replicas=("a", "b"),
        settings=PAIR,
        timeline={10: lose_the_lease("a", "b")},
        fires=[missing()],
        looks_like="ExporterDown CheckpointsVanished",
    ),
    Incident(
        "a rollout of more shards is stuck",
        lasts=45,
        replicas=("a", "b", "c"),
        own_settings=of_shards(a="0/2", b="1/3", c="2/3"),
        fires=[ticket("ShardConflict", 14, 17)],
        looks_like="ShardMissing",
    ),
    Incident(
        "two exporters take themselves for the same shard",
        lasts=45,
        replicas=("a", "b", "c"),
        own_settings=of_shards(a="0/2", b="1/2", c="1/2"),
        fires=[ticket("ShardConflict", 14, 17, shard="1")],
        looks_like="ShardMissing",
    ),
    Incident(
        "the leaders of two shards die, and their standbys take over",
        lasts=30,
        replicas=("a", "b", "c", "d"),
        settings=PAIR,
        own_settings=TWO_PAIRS,
        timeline={10: stop("a"), 20: stop("b")},
        fires=[down("a", 15), down("b", 25)],
        looks_like="ShardMissing ShardConflict CheckpointsVanished DataStale",
    ),
    Incident(
        "shards are restarted one after the other",
        lasts=30,
        replicas=("a", "b"),
        own_settings=TWO,
        timeline={10: restart("a"), 12: stop("b"), 15: start("b")},
        looks_like="ShardMissing CheckpointsVanished ExporterDown",
    ),
)
