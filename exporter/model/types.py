"""What is polled and what a poll finds, in the API's own nouns, as frozen data."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from exporter.model.errors import CloudError, Reason

UNKNOWN_MS = 0
"""In a column of milliseconds: the API said nothing, null, zero or less."""

UNKNOWN_DELAY_MS = -1
"""In a column of delays: a side is unknown, and so is the delay."""


class State(StrEnum):
    """State of a checkpoint: the first that fits, see `lag.state_of`."""

    OK = "ok"
    NEVER_SYNCED = "never_synced"
    SOURCE_MISSING = "source_missing"
    TARGET_MISSING = "target_missing"
    TARGET_AHEAD = "target_ahead"


PROBLEMS = (State.NEVER_SYNCED, State.SOURCE_MISSING, State.TARGET_MISSING)
"""The states somebody should look at."""


class Rejection(StrEnum):
    """Why a row that the API sent is no checkpoint of ours."""

    MALFORMED = "malformed"
    DUPLICATE = "duplicate"
    FILTERED = "filtered"


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """What is polled: one plan, one item, one source instance."""

    plan_id: str
    item_id: str
    source_instance_id: str
    region: str
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One side of a plan. Source: ``GetDisasterRecoveryPlan``, ``instances[]``."""

    instance_id: str
    role: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A replication between instances. Source: ``GetDisasterRecoveryPlan``."""

    plan_id: str
    name: str
    type: str
    status: str
    region: str
    is_auto_synced: bool
    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A topic mapping of a plan. Source: ``ListDisasterRecoveryItems``, ``list[]``.

    `instance_ids` are the instances that its topics name; empty if they name none.
    """

    plan_id: str
    item_id: str
    status: str
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Missing:
    """A plan, or an item or instance of one, that is configured and not found."""

    kind: str
    id: str
    plan_id: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """A plan's objectives; `lag` and `age` are seconds, and 0 switches one off.

    `lag` bounds the delay; `age` counts only where the plan syncs by itself. `share` of
    the checkpoints have to keep both, from 0 to 1.
    """

    lag: float = 0.0
    age: float = 0.0
    share: float = 1.0
    is_auto_synced: bool = False

    @property
    def most_delay(self) -> float | None:
        """Return the longest delay that is not late, None if none is."""
        return self.lag or None

    @property
    def most_age(self) -> float | None:
        """Return the largest age that is not stalled, None if none is."""
        return (self.age or None) if self.is_auto_synced else None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What discovery knows at present; routes are those this process polls.

    `looked_up` are the ids of the plans whose items are known. `limits` are of each
    plan that is known, or configured and not missing.
    """

    plans: tuple[Plan, ...] = ()
    items: tuple[Item, ...] = ()
    missing: frozenset[Missing] = frozenset()
    routes: tuple[Route, ...] = ()
    looked_up: frozenset[str] = frozenset()
    limits: Mapping[str, Limits] = field(default_factory=dict)

    def limits_of(self, plan_id: str) -> Limits:
        """Return the objectives of a plan, none if it is not known."""
        return self.limits.get(plan_id, Limits())


Kind = tuple[str, str, str, str]
"""Where the two sides are and what they run: source and target region, their types.

A plain tuple, because a column of them costs the garbage collector nothing.
"""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far one consumer group has read one topic on each side.

    Times are Unix milliseconds, `UNKNOWN_MS` where the API does not say. Missing
    names are empty; a missing source instance is the route's.

    Source: ``ListDisasterRecoveryCheckpoints``, ``data.list[]``.
    """

    checkpoint_id: int
    group: str
    topic: str
    source_instance_id: str
    target_instance_id: str
    last_sync_ms: int = UNKNOWN_MS
    source_ms: int = UNKNOWN_MS
    target_ms: int = UNKNOWN_MS
    source_fetch_ms: int = UNKNOWN_MS
    target_fetch_ms: int = UNKNOWN_MS
    target_group: str = ""
    target_topic: str = ""
    kind: Kind = ("", "", "", "")
    delay_ms: int = UNKNOWN_DELAY_MS


@dataclass(frozen=True, slots=True)
class Columns:
    """Checkpoints side by side: row i of every column is one checkpoint.

    A million objects would cost a gigabyte; `row` gives one where it is wanted. The
    columns stand in the order of the fields of `Checkpoint`. The columns of numbers go
    on with the checkpoints over `metrics.max_checkpoints`, which have no names.
    """

    checkpoint_ids: array[int]
    groups: Sequence[str]
    topics: Sequence[str]
    source_instance_ids: Sequence[str]
    target_instance_ids: Sequence[str]
    last_sync_ms: array[int]
    source_ms: array[int]
    target_ms: array[int]
    source_fetch_ms: array[int]
    target_fetch_ms: array[int]
    target_groups: Sequence[str]
    target_topics: Sequence[str]
    kinds: Sequence[Kind]
    delay_ms: array[int]

    def __len__(self) -> int:
        return len(self.groups)

    def row(self, index: int) -> Checkpoint:
        """Return one row as an object; for people and tests, not for the hot path."""
        return Checkpoint(*(getattr(self, name)[index] for name in self.__slots__))

    def rows(self) -> Iterator[Checkpoint]:
        """Yield every row as an object."""
        return map(self.row, range(len(self)))

    def first(self, count: int) -> Columns:
        """Return the same checkpoints, only the first `count` with their names."""
        columns = [getattr(self, name) for name in self.__slots__]
        return Columns(*(c if isinstance(c, array) else c[:count] for c in columns))


@dataclass(frozen=True, slots=True)
class Rollup:
    """Totals of a route's checkpoints, those without series of their own included.

    Milliseconds. Maxima and the oldest are None where no checkpoint has one. `late` and
    `stalled` are over an objective as of the poll, None where that is off; `ready` are
    known, on the target, and neither.
    `lag_buckets` are cumulative counts at `lag.BUCKET_BOUNDS_MS`, without +Inf.
    """

    states: Mapping[State, int]
    max_lag_ms: int | None
    max_delay_ms: int | None
    oldest_sync_ms: int | None
    late: int | None
    stalled: int | None
    ready: int
    lag_buckets: tuple[int, ...]
    lag_count: int
    lag_sum_ms: int


Labels = tuple[str, str, str, str]
"""What makes a series within an item: group, topic, source and target instance."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Snapshot:
    """The immutable result of one complete poll of a route.

    `index` has the row of each label set. It is empty where every row's source is the
    route's own instance: two such routes have no checkpoint in common.
    """

    route: Route
    columns: Columns
    rejected: Mapping[Rejection, int]
    index: Mapping[Labels, int] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def dropped(self) -> int:
        """Return how many checkpoints are over `metrics.max_checkpoints`."""
        return len(self.columns.checkpoint_ids) - len(self)


@dataclass(frozen=True, slots=True)
class PastPoll:
    """Where the source of each checkpoint was at one poll, or last seen before it.

    Where it jumped back since then, it is no further than after the jump. `at_ms` is
    milliseconds of a monotonic clock.
    """

    at_ms: int
    source_ms: array[int]


@dataclass(frozen=True, slots=True)
class History:
    """What is kept of a route's polls, the newest first; it starts empty.

    Every column is in the order of `ids`, the checkpoint ids of the last poll.
    `target_ms` and `delay_ms` are of that poll: a delay is 0 where the target is not
    behind, and `UNKNOWN_DELAY_MS` where a side is unknown.
    """

    ids: array[int] = field(default_factory=lambda: array("q"))
    target_ms: array[int] = field(default_factory=lambda: array("q"))
    delay_ms: array[int] = field(default_factory=lambda: array("q"))
    polls: tuple[PastPoll, ...] = ()

    @property
    def seconds(self) -> float:
        """Return how far the polls go back: no delay can be longer."""
        return (self.polls[0].at_ms - self.polls[-1].at_ms) / 1000 if self.polls else 0


NO_FAILURES: Mapping[Reason, int] = MappingProxyType(dict.fromkeys(Reason, 0))


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """What is known of one route.

    `is_up` and `duration` are None before the first poll, `last_success_at` (Unix
    seconds) before the first success. `error` is how the last poll failed, if it did.
    `snapshot` and `rollup` are None before the first success, and from
    `stale_after` on. `hidden` are the rows of the snapshot that another route of the
    item shows instead; `rollup` counts the others. `history` stays when rows go stale:
    an outage of the API makes no delay shorter.
    """

    route: Route
    polls: int = 0
    failures: Mapping[Reason, int] = field(default_factory=lambda: NO_FAILURES)
    is_up: bool | None = None
    error: CloudError | None = None
    last_success_at: float | None = None
    duration: float | None = None
    snapshot: Snapshot | None = None
    rollup: Rollup | None = None
    hidden: frozenset[int] = frozenset()
    published_at: float = 0.0
    history: History = History()

    @property
    def reason(self) -> Reason | None:
        """Return the label of the error that the last poll failed with, if it did."""
        return None if self.error is None else self.error.reason
