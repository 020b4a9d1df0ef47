"""Which routes a plan has, which shard polls each, and when in the interval."""

from __future__ import annotations

from hashlib import blake2b

from exporter.config.settings import Settings
from exporter.model.errors import CloudError, NotFoundError
from exporter.model.types import Item, Missing, Plan, Route

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


def configured_but_missing(
    route: Route, error: CloudError | None, settings: Settings
) -> Missing | None:
    """Return which configured id of a route does not exist, as a poll's error says.

    None where the id was discovered. An error that does not say which id it means is
    taken to mean the item, the last of the path.
    """
    if not isinstance(error, NotFoundError):
        return None
    code = error.origin.code or ""
    wanted = next((plan for plan in settings.plans if plan.id == route.plan_id), None)
    if wanted is None:
        return None
    if "Plan" in code:
        return Missing("plan", wanted.id)
    if "Instance" in code:
        is_configured = route.source_instance_id in wanted.source_instances
        return Missing("instance", route.source_instance_id) if is_configured else None
    return Missing("item", route.item_id) if route.item_id in wanted.items else None


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
