"""What the API's JSON looks like, as far as we read it.

It decides nothing. Fields that can carry a password have no place here, nor has the
API's free text: it repeats what was signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

import msgspec

T = TypeVar("T")

# The last millisecond of the year 9999: whatever is later is no time of ours.
Millis = Annotated[int, msgspec.Meta(le=253_402_300_799_999)]
Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class ProgressData(msgspec.Struct, rename="camel", gc=False):
    """A position in the log, as the time of the last message consumed."""

    consume_timestamp: Millis | None = None


class Progress(msgspec.Struct, rename="camel", gc=False):
    """One side of a checkpoint."""

    region_id: str | None = None
    instance_id: str | None = None
    instance_type: str | None = None
    consumer_group_id: str | None = None
    topic_name: str | None = None
    last_fetch_time: Millis | None = None
    progress_data: ProgressData | None = None


class CheckpointRow(msgspec.Struct, rename="camel", gc=False):
    """A row of ``ListDisasterRecoveryCheckpoints``, ``data.list[]``."""

    checkpoint_id: Id
    last_sync_time: Millis | None = None
    source_progress: Progress | None = None
    target_progress: Progress | None = None


class InstanceRow(msgspec.Struct, rename="camel"):
    """A side of a plan, ``instances[]``; its username and password are not read."""

    instance_id: str | None = None
    instance_role: str | None = None


class PlanRow(msgspec.Struct, rename="camel"):
    """A row of ``ListDisasterRecoveryPlans``, or the answer of ``Get…Plan``."""

    plan_id: Id
    plan_name: str | None = None
    plan_type: str | None = None
    plan_status: str | None = None
    sync_checkpoint_enabled: bool | None = None
    auto_sync_checkpoint: bool | None = None
    instances: list[InstanceRow] | None = None


class TopicRow(msgspec.Struct, rename="camel"):
    """One instance's end of a topic mapping, ``topics[]``."""

    instance_id: str | None = None


class ItemRow(msgspec.Struct, rename="camel"):
    """A row of ``ListDisasterRecoveryItems``, or the answer of ``Get…Item``."""

    item_id: Id
    item_status: str | None = None
    topics: list[TopicRow] | None = None


class Page(msgspec.Struct, Generic[T], rename="camel"):
    """A page of a list; `page_size` is the server's, which may clamp what was asked."""

    total_count: Count
    page_size: Count | None = None
    rows: list[T] | None = msgspec.field(name="list", default=None)


class Envelope(msgspec.Struct, Generic[T], rename="camel"):
    """What every good answer stands in; of the rest of it nothing is needed."""

    success: bool | None = None
    data: T | None = None


class Rows(msgspec.Struct, Generic[T]):
    """A page of a list: its good rows, and the ids of the others where known."""

    total_count: int
    page_size: int | None
    rows: Sequence[T]
    malformed: Sequence[int | None] = ()
