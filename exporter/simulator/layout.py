"""Where everything stands in a world: its plans, items and checkpoints by place.

It must not know the time; what it lays out never moves, and is therefore remembered.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from exporter.simulator import motion, names, scenarios
from exporter.simulator.truth import Instance, Item, Plan, Row

if TYPE_CHECKING:
    from exporter.simulator.world import World

DAY_MS = 86_400_000


@lru_cache(maxsize=64)
def plans(world: World) -> tuple[Plan, ...]:
    """Lay out the plans, and one that is DELETED after them."""
    return tuple(_plan(world, index) for index in range(world.plans + 1))


@lru_cache(maxsize=1024)
def items(world: World, plan_index: int) -> tuple[Item, ...]:
    """Lay out the items of a plan; the DELETED one has none."""
    count = world.items if plan_index < world.plans else 0
    return tuple(_item(world, plan_index, index) for index in range(count))


def _plan(world: World, index: int) -> Plan:
    is_two_way = scenarios.is_two_way(world.scenario, index)
    is_odd = bool(index % 2)
    source_role, target_role = (
        ("Active", "PASSIVE") if is_odd else ("ACTIVE", "Passive")
    )
    source_id, target_id = names.instance_ids(index)
    return Plan(
        plan_id=str(names.FIRST_PLAN + index),
        name=names.plan_name(index),
        plan_type="ACTIVE_ACTIVE" if is_two_way else "ACTIVE_PASSIVE",
        status="RUNNING" if index < world.plans else "DELETED",
        auto_sync=not is_two_way,
        instances=(
            Instance(source_id, "cn-hangzhou", source_role),
            Instance(target_id, "cn-shanghai", "ACTIVE" if is_two_way else target_role),
        ),
        created_ms=int(world.started_at * 1000) - (index + 30) * DAY_MS,
    )


def _item(world: World, plan_index: int, index: int) -> Item:
    plan = plans(world)[plan_index]
    number = plan_index * world.items + index
    source, target = plan.instances
    topic = names.topic(number)
    # The order of topics[] is documented nowhere, so nobody may rely on it.
    topics = (
        (source, topic),
        (target, names.target_topic(number, is_two_way=plan.is_two_way)),
    )
    return Item(
        item_id=str(names.FIRST_ITEM + number),
        plan_id=plan.plan_id,
        status=scenarios.item_status(world, plan_index, index),
        topics=topics if number % 2 == 0 else topics[::-1],
        created_ms=plan.created_ms + DAY_MS,
    )


@lru_cache(maxsize=1024)
def rows(
    world: World, plan_index: int, item_index: int, instance_id: str, phase: int
) -> tuple[Row, ...]:
    """Lay out the checkpoints that are listed for an instance in a phase of `churn`.

    Raises:
        LookupError: the plan has no such instance.
    """
    plan = plans(world)[plan_index]
    if instance_id not in {instance.instance_id for instance in plan.instances}:
        raise LookupError(instance_id)
    return tuple(
        _row(world, plan_index, item_index, index)
        for index in scenarios.members(world.groups, phase)
        if plan.instances[_source(plan, index)].instance_id == instance_id
        or (plan.is_two_way and scenarios.is_echoed(index))
    )


def _source(plan: Plan, index: int) -> int:
    """Say which instance is a checkpoint's source: two-way plans take turns."""
    return index % 2 if plan.is_two_way else 0


def _row(world: World, plan_index: int, item_index: int, index: int) -> Row:
    plan = plans(world)[plan_index]
    number = plan_index * world.items + item_index
    turn = _source(plan, index)
    source, target = plan.instances[turn], plan.instances[1 - turn]
    ordinal = number * (world.groups + scenarios.CHURN_SPARE) + index
    salt = motion.salt(world.seed, ordinal)
    group = names.group(index)
    return Row(
        identity=(
            str(names.FIRST_CHECKPOINT + ordinal),
            group,
            names.topic(number),
            group,
            names.target_topic(number, is_two_way=plan.is_two_way),
            source.instance_id,
            source.region_id,
            source.instance_type,
            target.instance_id,
            target.region_id,
            target.instance_type,
        ),
        kind=scenarios.row_motion(world, plan_index, item_index, index, salt),
        salt=salt,
    )
