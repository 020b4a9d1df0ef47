"""Any sequence of reloads, failures and polls, beside a model of what is kept."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, nullcontext
from typing import cast

from core_cases import HERE, REGION, THERE, FakePlanReader, item, row, two_way
from exposition_cases import snapshot_of
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from exporter.app.exporter import Exporter
from exporter.cloud.client import CloudClient
from exporter.config.settings import PlanSettings, Settings, ShardSettings
from exporter.metrics.telemetry import Telemetry
from exporter.model.errors import UnavailableError
from exporter.model.types import Route, Snapshot
from exporter.polling.routes import shard_of

ITEMS = {"1": ("10", "11"), "2": ("20",), "3": ("30", "31")}
SIDES = (HERE, THERE)
SHARDS = 2
Shown = dict[Route, Snapshot | None]


class Cloud(FakePlanReader):
    """A cloud of three two-way plans, whose checkpoints can be polled."""

    def __init__(self) -> None:
        super().__init__()
        for plan_id, items in ITEMS.items():
            self.hold(two_way(plan_id), *(item(plan_id, each) for each in items))

    async def list_checkpoints(self, route: Route, **_: object) -> Snapshot:
        """Return one checkpoint."""
        return snapshot_of(route, row())


def _some_of(ids: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(ids), unique=True).map(tuple)


def _plan(plan_id: str) -> st.SearchStrategy[PlanSettings]:
    return st.builds(
        PlanSettings,
        id=st.just(plan_id),
        items=_some_of(ITEMS[plan_id]),
        source_instances=_some_of(SIDES),
        filter=st.sampled_from([None, "topic"]),
    )


plans = st.lists(st.sampled_from(list(ITEMS)), unique=True).flatmap(
    lambda ids: st.tuples(*map(_plan, ids))
)
configurations = st.builds(
    Settings,
    plans=plans,
    shard=st.integers(0, SHARDS - 1).map(
        lambda index: ShardSettings(index=index, total=SHARDS)
    ),
)
steps = st.lists(st.tuples(configurations, st.booleans()), min_size=1, max_size=6)


def asked_for(settings: Settings) -> set[Route]:
    """Return the routes of a configuration: the reference, which knows the cloud."""
    wanted = settings.plans or [PlanSettings(id=plan_id) for plan_id in ITEMS]
    routes = {
        Route(plan.id, item_id, side, REGION, plan.filter)
        for plan in wanted
        for item_id in plan.items or ITEMS[plan.id]
        for side in plan.source_instances or SIDES
    }
    return {r for r in routes if shard_of(r, SHARDS) == settings.shard.index}


def answers(cloud: Cloud, *, well: bool) -> None:
    """Have the cloud answer look-ups, or fail every one."""
    ids = [each for plan in ITEMS for each in (plan, f"items {plan}", *ITEMS[plan])]
    error = UnavailableError("down")
    cloud.errors = {} if well else dict.fromkeys(["list", *ids], error)


@hypothesis_settings(deadline=None)
@given(steps)
def test_a_route_keeps_its_snapshot_exactly_while_it_is_asked_for(
    steps: list[tuple[Settings, bool]],
) -> None:
    """No reload makes a gap, not even in an outage; the next discovery drops the rest.

    A route that is dropped and comes back begins again.
    """
    asyncio.run(_follow(steps))


async def _follow(steps: list[tuple[Settings, bool]]) -> None:
    cloud = Cloud()
    now = Settings(shard=ShardSettings(index=0, total=SHARDS))
    client = cast("CloudClient", cloud)
    async with AsyncExitStack() as connection:
        exporter = Exporter(
            now,
            client,
            Telemetry(),
            connection,
            connect=lambda *_: nullcontext(client),
        )
        kept: Shown = {}
        for settings, is_reachable in [(now, True), *steps]:
            await exporter.apply(settings)
            wanted = asked_for(settings)
            _check(_shown(exporter), kept, wanted, settings)
            answers(cloud, well=is_reachable)
            await exporter.scheduler.discover()
            answers(cloud, well=True)
            shown = _shown(exporter)
            _check(shown, kept, wanted, settings)
            if is_reachable:
                assert shown.keys() == wanted
            for route in sorted(shown.keys() - kept.keys()):
                await exporter.scheduler.poll(route)
            kept = _shown(exporter)


def _check(shown: Shown, kept: Shown, wanted: set[Route], settings: Settings) -> None:
    plans = {plan.id for plan in settings.plans} or set(ITEMS)
    assert {route.plan_id for route in shown} <= plans
    assert {shard_of(route, SHARDS) for route in shown} <= {settings.shard.index}
    assert kept.keys() & wanted <= shown.keys()
    assert all(snapshot is kept.get(route) for route, snapshot in shown.items())


def _shown(exporter: Exporter) -> Shown:
    return {status.route: status.snapshot for status in exporter.store.statuses()}
