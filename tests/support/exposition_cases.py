"""Snapshots and statuses to render: small ones by hand, and any at all."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, cast

from exporter.metrics.catalogue import CHECKPOINT
from exporter.metrics.exposition import Exposition
from exporter.metrics.formats import Format
from exporter.metrics.telemetry import Telemetry
from exporter.model.errors import Reason, RequestTimeoutError
from exporter.model.lag import Times, rollup
from exporter.model.types import (
    NO_FAILURES,
    Checkpoint,
    Columns,
    Instance,
    Inventory,
    Item,
    Limits,
    Missing,
    Plan,
    Rejection,
    Route,
    RouteStatus,
    Snapshot,
)
from exporter.polling.store import Store

ALL_SWITCHES = tuple(family.switch for family in CHECKPOINT)
NOW = 1740724090.5
ROUTE = Route("1300000016", "100070284", "rmq-cn-7e22ody0001", "cn-hangzhou")
LIMITS = Limits(lag=120.0, age=5.0, is_auto_synced=True)
SIBLING = replace(ROUTE, source_instance_id="rmq-cn-7e22ody0002")


@dataclass
class FakeClock:
    """Time that moves only when told."""

    now: float = NOW

    def __call__(self) -> float:
        """Return the present time."""
        return self.now


@dataclass
class FakeStatuses:
    """A store that shows whatever it is given."""

    shown: Sequence[RouteStatus] = ()
    version: int = 0

    def statuses(self) -> Sequence[RouteStatus]:
        """Return what was given last."""
        return self.shown

    def show(self, *statuses: RouteStatus) -> None:
        """Replace all that is shown."""
        self.shown = statuses
        self.version += 1


class Own(Protocol):
    """What an exposition asks of `Telemetry`."""

    def render(self, fmt: Format) -> bytes:
        """Return all but the scrapes."""

    def render_scrapes(self, fmt: Format) -> bytes:
        """Return what tells of the scrapes."""


class NoOwnMetrics:
    """An exporter that has nothing to say of itself."""

    def render(self, fmt: Format) -> bytes:
        """Return nothing."""
        return b""

    render_scrapes = render


async def text_of(exposition: Exposition, fmt: Format) -> bytes:
    """Return the body of an answer without compression."""
    body = await exposition.body(fmt, gzip=False)
    text = b"".join([piece async for piece in body.pieces])
    assert len(text) == body.size
    return text


@dataclass
class Bench:
    """An exposition with everything that it reads."""

    store: FakeStatuses = field(default_factory=FakeStatuses)
    wall: FakeClock = field(default_factory=FakeClock)
    clock: FakeClock = field(default_factory=FakeClock)
    own: Own = field(default_factory=NoOwnMetrics)
    switches: Sequence[str] = ALL_SWITCHES
    inventory: Inventory = field(default_factory=Inventory)
    exposition: Exposition = field(init=False)

    def __post_init__(self) -> None:
        self.exposition = Exposition(
            cast("Store", self.store),
            self.switches,
            cast("Telemetry", self.own),
            inventory=lambda: self.inventory,
            wall=self.wall,
            clock=self.clock,
        )

    async def text(self, fmt: Format = Format.TEXT_0_0_4) -> str:
        """Return the body without compression."""
        return (await text_of(self.exposition, fmt)).decode()

    def pass_seconds(self, seconds: float) -> None:
        """Let both clocks move on."""
        self.wall.now += seconds
        self.clock.now += seconds


def columns_of(rows: Sequence[Checkpoint]) -> Columns:
    """Return checkpoints side by side."""
    columns: list[Any] = []
    for each in fields(Checkpoint):
        column = [getattr(row, each.name) for row in rows]
        # As text, for annotations are not evaluated.
        columns.append(array("q", column) if each.type == "int" else column)
    return Columns(*columns)


def snapshot_of(route: Route, *rows: Checkpoint, dropped: int = 0) -> Snapshot:
    """Return the snapshot of a poll that found these rows, and unknown ones."""
    unnamed = [Checkpoint(10**9 + n, "", "", "", "") for n in range(dropped)]
    columns = columns_of([*rows, *unnamed]).first(len(rows))
    rejected = {Rejection.MALFORMED: 1, Rejection.FILTERED: 2}
    index = {
        (r.group, r.topic, r.source_instance_id, r.target_instance_id): number
        for number, r in enumerate(rows)
    }
    has_foreign = any(r.source_instance_id != route.source_instance_id for r in rows)
    return Snapshot(route, columns, rejected, index if has_foreign else {})


def times_of(columns: Columns) -> Times:
    """Return what a rollup is made of."""
    return (
        *(columns.source_ms, columns.target_ms),
        *(columns.last_sync_ms, columns.delay_ms),
    )


def status_of(
    snapshot: Snapshot, *, hidden: frozenset[int] = frozenset(), polls: int = 1
) -> RouteStatus:
    """Return the status of a route whose last poll found this."""
    return RouteStatus(
        snapshot.route,
        polls=polls,
        is_up=True,
        last_success_at=NOW - 20,
        duration=0.25,
        snapshot=snapshot,
        rollup=rollup(times_of(snapshot.columns), LIMITS, round(NOW * 1000)),
        hidden=hidden,
    )


def checkpoint(number: int = 1, group: str = "GID_orders") -> Checkpoint:
    """Return a checkpoint that lags by 5 s and was synced 10 s before `NOW`."""
    return Checkpoint(
        number,
        group,
        "orders",
        ROUTE.source_instance_id,
        "rmq-cn-7e22ody0009",
        last_sync_ms=1740724080500,
        source_ms=1740724080343,
        target_ms=1740724075343,
        source_fetch_ms=1740724081000,
        target_fetch_ms=1740724081500,
        target_group="GID_orders_dr",
        target_topic="orders_dr",
        kind=("cn-hangzhou", "cn-shanghai", "ALIYUN_ROCKETMQ", "ALIYUN_ROCKETMQ"),
        delay_ms=130_000,
    )


def small_statuses() -> tuple[RouteStatus, ...]:
    """Return two routes with a little of everything, and one that was never polled."""
    rows = (
        checkpoint(1),
        replace(checkpoint(2, 'GID_"quoted"'), target_ms=1740724085343, delay_ms=0),
        replace(
            checkpoint(3, "GID_back\\slash"), target_ms=0, last_sync_ms=0, delay_ms=-1
        ),
        replace(checkpoint(4, "GID_two\nlines"), source_ms=0, delay_ms=-1),
        replace(checkpoint(5, "GID_消费"), target_ms=0, delay_ms=-1),
        checkpoint(6, "GID_hidden"),
    )
    shown = status_of(
        snapshot_of(ROUTE, *rows, dropped=3), hidden=frozenset({5}), polls=4
    )
    failures = {**NO_FAILURES, Reason.TIMEOUT: 2}
    late = RequestTimeoutError("failed")
    failed = RouteStatus(SIBLING, 2, failures, is_up=False, error=late, duration=60.0)
    never = RouteStatus(replace(ROUTE, item_id="100070285"))
    return shown, failed, never


def small_inventory() -> Inventory:
    """Return what a discovery of one plan knows."""
    plan = Plan(
        plan_id=ROUTE.plan_id,
        name='orders "dr"',
        type="ACTIVE_PASSIVE",
        status="RUNNING",
        region="cn-hangzhou",
        is_auto_synced=True,
        instances=(Instance(ROUTE.source_instance_id, "ACTIVE"),),
    )
    unknown = replace(plan, plan_id="1300000017", name="", status="")
    item = Item(ROUTE.plan_id, ROUTE.item_id, "RUNNING", (ROUTE.source_instance_id,))
    return Inventory(
        plans=(plan, unknown),
        items=(item, replace(item, status="")),
        missing=frozenset(
            {
                Missing("plan", "99"),
                Missing("instance", "rmq-cn-gone", ROUTE.plan_id),
                Missing("instance", "rmq-cn-gone", "1300000017"),
            }
        ),
        looked_up=frozenset({ROUTE.plan_id}),
        limits={ROUTE.plan_id: LIMITS, "1300000017": Limits(300.0, 600.5, 0.995)},
    )


def small_bench(own: Own | None = None) -> Bench:
    """Return an exposition of the small example."""
    bench = Bench(own=own or NoOwnMetrics(), inventory=small_inventory())
    bench.store.show(*small_statuses())
    return bench
