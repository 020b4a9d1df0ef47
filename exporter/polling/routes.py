"""Which routes a plan has, which shard polls each, and when in the interval."""

from __future__ import annotations

from hashlib import blake2b

from exporter.model.types import Item, Plan, Route

TWO_WAY = "ACTIVE_ACTIVE"
ACTIVE = "ACTIVE"


def source_instances(plan: Plan, item: Item) -> tuple[str, ...]:
    """Return the instances whose checkpoints an item has, as far as the cloud says.

    One-way: the active one, which the item's topics name. Two-way: each that takes
    part. What the plan or the item does not say narrows nothing.

    >>> from exporter.model.types import Instance
    >>> sides = (Instance("rmq-a", "ACTIVE"), Instance("rmq-b", "PASSIVE"))
    >>> plan = Plan("1", "", "ACTIVE_PASSIVE", "RUNNING", "cn-hangzhou", True, sides)
    >>> source_instances(plan, Item("1", "2", "RUNNING", ("rmq-a", "rmq-b")))
    ('rmq-a',)
    """
    candidates = [instance.instance_id for instance in plan.instances]
    if plan.type != TWO_WAY:
        active = [i.instance_id for i in plan.instances if i.role.upper() == ACTIVE]
        candidates = active or candidates
    named = [instance for instance in candidates if instance in item.instance_ids]
    # Once each: a repeated one would be polled twice at a time.
    return tuple(dict.fromkeys(named or candidates or item.instance_ids))


def shard_of(route: Route, total: int) -> int:
    """Return the index of the one shard of `total` that polls a route.

    Rendezvous hashing: with one shard more, only the routes it takes over move.

    >>> shard_of(Route("1", "2", "rmq-a", "cn-hangzhou"), 1)
    0
    """
    return max(range(total), key=lambda index: position(route, f"shard {index}"))


def position(route: Route, salt: str = "") -> float:
    """Return the place in [0, 1) that a route always has, whatever else is polled."""
    key = f"{route.plan_id} {route.item_id} {route.source_instance_id} {salt}"
    # As many bits as a float holds exactly, or the largest would be rounded to 1.
    digest = blake2b(key.encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 256**6
