"""What there is in the simulated cloud: the API's nouns, as values.

It must not know how a value comes about, nor how it is spelled on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from exporter.simulator.motion import Motion


@dataclass(frozen=True, slots=True)
class Instance:
    """One side of a plan, as its body names it.

    Source: ``GetDisasterRecoveryPlan``, ``data.instances[]``.
    """

    instance_id: str
    region_id: str
    role: str
    instance_type: str = "ALIYUN_ROCKETMQ"


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan; ``created_ms`` is Unix milliseconds.

    Source: ``ListDisasterRecoveryPlans``, ``data.list[]``.
    """

    plan_id: str
    name: str
    plan_type: str
    status: str
    auto_sync: bool
    instances: tuple[Instance, Instance]
    created_ms: int

    @property
    def is_two_way(self) -> bool:
        """Say whether each instance may be the source."""
        return self.plan_type == "ACTIVE_ACTIVE"


@dataclass(frozen=True, slots=True)
class Item:
    """One topic mapping: the same messages under a name on each instance of its plan.

    Source: ``ListDisasterRecoveryItems``, ``data.list[]``.
    """

    item_id: str
    plan_id: str
    status: str
    topics: tuple[tuple[Instance, str], ...]
    created_ms: int


class Checkpoint(NamedTuple):
    """How far a group has read on each side, at a moment; times are Unix milliseconds.

    None is a time the cloud does not know. The order of the fields is `Row.identity`
    and then `Progress`.

    Source: ``ListDisasterRecoveryCheckpoints``, ``data.list[]``.
    """

    checkpoint_id: str
    group: str
    topic: str
    target_group: str
    target_topic: str
    source_instance_id: str
    source_region_id: str
    source_type: str
    target_instance_id: str
    target_region_id: str
    target_type: str
    last_sync_ms: int | None
    source_ms: int | None
    target_ms: int | None
    source_fetch_ms: int
    target_fetch_ms: int


class Row(NamedTuple):
    """What of a checkpoint never moves."""

    identity: tuple[str, str, str, str, str, str, str, str, str, str, str]
    kind: Motion
    salt: int

    @property
    def names(self) -> tuple[str, ...]:
        """Group and topic on both sides, which a filter looks into."""
        return self.identity[1:5]
