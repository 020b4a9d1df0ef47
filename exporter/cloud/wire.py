"""The API's JSON: the shapes that we read, and how a body becomes rows.

Fields that can carry a password have no place here, nor has the API's free text: it
repeats what was signed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from exporter.config.fields import LARGEST_PAGE

T = TypeVar("T")

# Twice what we ask for. A longer page is refused: reading it would block the loop.
MOST_ROWS = 2 * LARGEST_PAGE

Decode = Callable[[bytes], T | None]
"""Returns the data of a good answer, None for any other body."""

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

    id: Id = msgspec.field(name="checkpointId")
    last_sync_time: Millis | None = None
    source_progress: Progress | None = None
    target_progress: Progress | None = None


class InstanceRow(msgspec.Struct, rename="camel"):
    """A side of a plan, ``instances[]``; its username and password are not read."""

    instance_id: str | None = None
    instance_role: str | None = None


class PlanRow(msgspec.Struct, rename="camel"):
    """A row of ``ListDisasterRecoveryPlans``, or the answer of ``Get…Plan``."""

    id: Id = msgspec.field(name="planId")
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

    id: Id = msgspec.field(name="itemId")
    item_status: str | None = None
    topics: list[TopicRow] | None = None


Row = TypeVar("Row", CheckpointRow, PlanRow, ItemRow)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list: its good rows, and the ids of the others where known.

    `size` is what the server calls the size of its pages: 0 where it says nothing,
    below 0 where that makes no sense.
    """

    total: int
    size: int
    rows: Sequence[T]
    malformed: Sequence[int | None] = ()

    @property
    def count(self) -> int:
        """Return how many rows the page has, malformed ones included."""
        return len(self.rows) + len(self.malformed)


class _PageData(msgspec.Struct, Generic[T], rename="camel"):
    total_count: Count
    page_size: Any = None
    list: Sequence[T] | None = None

    @property
    def size(self) -> int:
        """Return the stated size as a `Page` has it."""
        return 0 if self.page_size is None else converted(self.page_size, Count) or -1


class _Envelope(msgspec.Struct, Generic[T]):
    """What every good answer stands in; of the rest of it nothing is needed."""

    success: bool | None = None
    data: T | None = None


def object_decoder(kind: type[T]) -> Decode[T]:
    """Return what decodes an answer that is one thing."""
    shape: Any = _Envelope[kind]  # type: ignore[valid-type]  # made at run time
    decoder = msgspec.json.Decoder(shape, strict=False)
    return lambda body: _data_of(readable(decoder.decode, body))


def page_decoder(row: type[Row]) -> Decode[Page[Row]]:
    """Return what decodes a page of a list; a bad row costs only itself."""
    shape: Any = _Envelope[_PageData[row]]  # type: ignore[valid-type]  # as above
    pages = msgspec.json.Decoder(shape, strict=False)
    rows = msgspec.json.Decoder(row, strict=False)
    id_name = msgspec.structs.fields(row)[0].encode_name

    def decode(body: bytes) -> Page[Row] | None:
        envelope = readable(pages.decode, body)
        if envelope is None:
            return _row_by_row(body, rows, id_name)
        data = _data_of(envelope)
        if data is None or len(data.list or ()) > MOST_ROWS:
            return None
        return Page(data.total_count, data.size, data.list or ())

    return decode


def loose_object(body: bytes) -> Mapping[str, object]:
    """Return the JSON object that a body holds, empty for any other body.

    Unlike msgspec it accepts what spoils one string: bad UTF-8, half a surrogate pair.
    """
    said = readable(_loads, body.decode("utf-8", "surrogateescape"))
    return said if isinstance(said, dict) else {}


# Python refuses integers of thousands of digits, and with one the whole page.
_loads = partial(json.loads, parse_int=lambda digits: int(digits[:99]))


def converted(value: object, kind: Any) -> Any:
    """Return a value as what it should be, None if it is something else."""
    return readable(partial(msgspec.convert, type=kind, strict=False), value)


def readable(read: Callable[[Any], T], given: object) -> T | None:
    """Return what is read, None where it is unreadable.

    The errors hold what was read, or tell of it: no error of ours is chained to one.
    """
    try:
        return read(given)
    except (ValueError, RecursionError):
        # Of msgspec, of json, of bad UTF-8; and of deep nesting.
        return None


def _row_by_row(
    body: bytes, decoder: msgspec.json.Decoder[Row], id_name: str
) -> Page[Row] | None:
    data = _data_of(converted(loose_object(body), _Envelope[_PageData[Any]]))
    if data is None or len(data.list or ()) > MOST_ROWS:
        return None
    rows: list[Row] = []
    malformed: list[int | None] = []
    for raw in data.list or ():
        # Encoded again, what no label can hold is an escape that does not decode.
        row = readable(decoder.decode, json.dumps(raw))
        if row is not None:
            rows.append(row)
        else:
            named = raw.get(id_name) if isinstance(raw, dict) else None
            malformed.append(converted(named, Id))
    return Page(data.total_count, data.size, rows, malformed)


def _data_of(envelope: _Envelope[T] | None) -> T | None:
    # Beside success stand codes and messages that say otherwise; they say nothing.
    return None if envelope is None or envelope.success is False else envelope.data
