"""What is true of the simulated cloud at a moment: plans, items and checkpoints.

Nothing is kept: all follows from the fields of a `World` and the time.
"""

import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from exporter.simulator import motion, scenarios
from exporter.simulator.motion import Motion, Progress

FIRST_PLAN = 1_300_000_016
FIRST_ITEM = 100_070_284
FIRST_CHECKPOINT = 10_000_001

_PLAN_NAMES = "trade finance logistics members platform"
_TOPICS = (
    "orders payments refunds inventory shipments invoices accounts carts prices audit"
)
_SERVICES = (
    "billing search mailer fraud ledger reports warehouse loyalty mobile archive"
)


@dataclass(frozen=True, slots=True)
class Instance:
    """One side of a plan: ``data.instances[]`` of ``GetDisasterRecoveryPlan``."""

    instance_id: str
    region_id: str
    role: str
    instance_type: str = "ALIYUN_ROCKETMQ"


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan: ``data.list[]`` of ``ListDisasterRecoveryPlans``."""

    plan_id: str
    name: str
    plan_type: str
    status: str
    auto_sync: bool
    instances: tuple[Instance, Instance]

    @property
    def is_two_way(self) -> bool:
        """Say whether each instance may be the source."""
        return self.plan_type == "ACTIVE_ACTIVE"


@dataclass(frozen=True, slots=True)
class Item:
    """One topic mapping: its messages have a name on each instance of its plan."""

    item_id: str
    plan_id: str
    status: str
    topics: tuple[tuple[Instance, str], ...]


class Row(NamedTuple):
    """What of a checkpoint never moves; its group has one name on both sides."""

    checkpoint_id: str
    group: str
    topic: str
    target_topic: str
    source: Instance
    target: Instance
    motion: Motion
    salt: int


@dataclass(frozen=True)
class World:
    """A cloud of ``plans`` x ``items`` x ``groups`` checkpoints, under a scenario.

    One plan more is listed than ``plans`` says: a DELETED one, without items.
    ``started_at`` is Unix seconds. With ``restamp_seconds`` the target stamps a copy
    with its own time, so much later; what is older than the world was copied then.
    Lists cut their pages as `paging` says, those of checkpoints at `largest_page` rows.
    """

    scenario: str = "mixed"
    plans: int = 2
    items: int = 2
    groups: int = 10
    seed: int = 1
    started_at: float = field(default_factory=time.time)
    restamp_seconds: float = 0.0
    largest_page: int = 10_000
    paging: str = "refuse"

    def list_plans(self) -> tuple[Plan, ...]:
        """List the plans, the DELETED one last."""
        return _plans(self)

    def list_items(self, plan_id: str) -> tuple[Item, ...]:
        """List the items of a plan that is listed."""
        return _items(self, int(plan_id) - FIRST_PLAN)

    def list_rows(
        self, plan_id: str, item_id: str, instance_id: str, now: float
    ) -> tuple[Row, ...]:
        """List what exists at ``now`` on a route; plan and item must be listed."""
        elapsed = now - self.started_at
        members = scenarios.members(self.scenario, self.groups, elapsed)
        return _rows(self, plan_id, item_id, instance_id, members)

    def progress(self, row: Row, now: float) -> Progress:
        """Say how far a row is at ``now``."""
        start_ms, now_ms = int(self.started_at * 1000), int(now * 1000)
        found = motion.progress(row.motion, row.salt, start_ms, now_ms)
        if found.target_ms is None or not self.restamp_seconds:
            return found
        copied_ms = max(found.target_ms, start_ms) + int(self.restamp_seconds * 1000)
        return found._replace(target_ms=min(now_ms, copied_ms))


# What is laid out never moves, and is therefore remembered.
@lru_cache(maxsize=64)
def _plans(world: World) -> tuple[Plan, ...]:
    return tuple(_plan(world, index) for index in range(world.plans + 1))


@lru_cache(maxsize=1024)
def _items(world: World, plan: int) -> tuple[Item, ...]:
    first = plan * world.items
    numbers = range(first, first + world.items) if plan < world.plans else ()
    return tuple(_item(world, _plans(world)[plan], number) for number in numbers)


@lru_cache(maxsize=1024)
def _rows(
    world: World, plan_id: str, item_id: str, instance_id: str, members: range
) -> tuple[Row, ...]:
    index, number = int(plan_id) - FIRST_PLAN, int(item_id) - FIRST_ITEM
    plan, item = _plans(world)[index], _items(world, index)[number % world.items]
    rows = (_row(world, plan, item, member) for member in members)
    return tuple(
        row
        for row, member in zip(rows, members, strict=True)
        if row.source.instance_id == instance_id
        or (plan.is_two_way and scenarios.is_echoed(member))
    )


def _plan(world: World, index: int) -> Plan:
    is_two_way = scenarios.is_two_way(world.scenario, index)
    # The vendor spells roles in more than one way.
    active, passive = ("Active", "PASSIVE") if index % 2 else ("ACTIVE", "Passive")
    source_id = f"rmq-cn-7e22ody{index + 1:04d}"
    target_id = f"rmq-cn-nwy3i06{index + 1:04d}"
    return Plan(
        plan_id=str(FIRST_PLAN + index),
        name=f"dr_{_numbered(_PLAN_NAMES, index)}",
        plan_type="ACTIVE_ACTIVE" if is_two_way else "ACTIVE_PASSIVE",
        status="RUNNING" if index < world.plans else "DELETED",
        auto_sync=not is_two_way,
        instances=(
            Instance(source_id, "cn-hangzhou", active),
            Instance(target_id, "cn-shanghai", "ACTIVE" if is_two_way else passive),
        ),
    )


def _item(world: World, plan: Plan, number: int) -> Item:
    topic = target_topic = _numbered(_TOPICS, number)
    # One mapping in three renames its topic.
    if number % 3 == 2 and not plan.is_two_way:  # noqa: PLR2004 - one in three
        target_topic += "_dr"
    topics = tuple(zip(plan.instances, (topic, target_topic), strict=True))
    return Item(
        item_id=str(FIRST_ITEM + number),
        plan_id=plan.plan_id,
        status=scenarios.item_status(
            world.scenario, number, plans=world.plans, items=world.items
        ),
        # The order of topics[] is documented nowhere, so nobody may rely on it.
        topics=topics if number % 2 == 0 else topics[::-1],
    )


def _row(world: World, plan: Plan, item: Item, index: int) -> Row:
    number = int(item.item_id) - FIRST_ITEM
    ordinal = number * (world.groups + scenarios.CHURN_SPARE) + index
    salt = motion.salt(world.seed, ordinal)
    source, target = plan.instances
    kind = scenarios.motion_of(world.scenario, number, index, salt)
    if plan.is_two_way:
        # Nothing syncs it by itself, and its checkpoints have either side as source.
        kind = motion.manual
        source, target = plan.instances[index % 2], plan.instances[1 - index % 2]
    topics = dict(item.topics)
    return Row(
        checkpoint_id=str(FIRST_CHECKPOINT + ordinal),
        group=f"GID_{_numbered(_SERVICES, index)}",
        topic=topics[source],
        target_topic=topics[target],
        source=source,
        target=target,
        motion=kind if item.status == "RUNNING" else motion.stalled,
        salt=salt,
    )


def _numbered(words: str, index: int) -> str:
    """Pick a word, with a number once all were used."""
    each = words.split()
    times_used, position = divmod(index, len(each))
    return each[position] + (f"_{times_used + 1}" if times_used else "")
