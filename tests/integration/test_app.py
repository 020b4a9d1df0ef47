"""The whole exporter in one process, against the simulated cloud over real HTTP."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from eventually import eventually
from prometheus_client.parser import text_string_to_metric_families
from simulated import everything

from exporter.app.exporter import Exporter, opened
from exporter.config.load import load
from exporter.simulator.server import Stats, running
from exporter.simulator.world import World
from exporter.web.server import application, serving

LABELS = (
    "plan_id",
    "item_id",
    "source_instance_id",
    "target_instance_id",
    "group",
    "topic",
)
ROUTE = LABELS[:3]
SUCCESS = "rocketmq_dr_last_success_timestamp_seconds"
Series = dict[tuple[str, ...], float]


@dataclass
class Clock:
    """The cloud's clock, which a test may move."""

    ahead: float = 0.0

    def __call__(self) -> float:
        """Return Unix seconds."""
        return time.time() + self.ahead


@dataclass(frozen=True)
class Running:
    """A running exporter, the cloud that it polls, and a client of both."""

    exporter: Exporter
    client: aiohttp.ClientSession
    stats: Stats
    clock: Clock = field(default_factory=Clock)

    async def text(self, path: str = "/metrics") -> str:
        """Return what is answered at a path."""
        async with self.client.get(path) as response:
            return await response.text()

    async def series(self, name: str, *labels: str) -> Series:
        """Return the samples of one name by the values of some labels."""
        families = text_string_to_metric_families(await self.text())
        samples = [s for family in families for s in family.samples if s.name == name]
        found = {
            tuple(sample.labels[label] for label in labels): sample.value
            for sample in samples
        }
        assert len(found) == len(samples), "two samples have the same labels"
        return found

    async def value(self, name: str) -> float | None:
        """Return the one sample of a name, None if there is none."""
        return (await self.series(name)).get(())


@asynccontextmanager
async def running_exporter(world: World, **settings: str) -> AsyncIterator[Running]:
    """Run the exporter against a world, faster than anybody would in earnest."""
    stats, clock = Stats(), Clock()
    async with running(world, now=clock, stats=stats) as url:
        flags = {
            "api.endpoint": url,
            "api.access_key_id": "simulator",
            "api.access_key_secret": "simulator",
            "api.requests_per_second": "500",
            "poll.interval": "100ms",
        }
        flags |= {name.replace("__", "."): value for name, value in settings.items()}
        loaded = load(flags=flags, environ={}, file=None)
        async with (
            opened(loaded) as exporter,
            serving(application(exporter.site()), ["127.0.0.1:0"]) as (address,),
            aiohttp.ClientSession(f"http://{address}") as client,
        ):
            work = asyncio.create_task(exporter.run())
            try:
                yield Running(exporter, client, stats, clock)
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)


async def test_an_outage_is_told_and_heals_by_itself() -> None:
    """The snapshot is withdrawn when it is stale, and comes back."""
    world = World(scenario="outage", plans=1, items=1, started_at=time.time())
    async with running_exporter(
        world, poll__stale_after="2s", poll__timeout="2s"
    ) as it:

        async def is_up() -> bool:
            lags = await it.series("rocketmq_dr_sync_lag_seconds", *LABELS)
            ups = await it.series("rocketmq_dr_up", "item_id")
            return len(lags) == 10 and set(ups.values()) == {1}

        await eventually(is_up)
        before = await it.series(SUCCESS, "item_id")

        it.clock.ahead = 100

        async def is_withdrawn() -> bool:
            lags = await it.series("rocketmq_dr_sync_lag_seconds", *LABELS)
            ups = await it.series("rocketmq_dr_up", "item_id")
            return not lags and set(ups.values()) == {0}

        await eventually(is_withdrawn)
        assert not await it.series("rocketmq_dr_max_sync_age_seconds", "item_id")
        failures = await it.series("rocketmq_dr_poll_failures_total", "reason")
        assert {reason for (reason,), count in failures.items() if count} <= {
            "unavailable",
            "timeout",
        }
        down_since = await it.series(SUCCESS, "item_id")
        assert down_since["100070284",] >= before["100070284",]
        assert "Healthy" in await it.text("/-/healthy")
        assert "Ready" in await it.text("/-/ready")

        it.clock.ahead = 0
        await eventually(is_up)


async def test_one_refused_route_costs_the_others_nothing() -> None:
    """The route is down without the permission, the rest is complete."""
    world = World(scenario="forbidden", plans=2, items=1)
    async with running_exporter(world) as it:
        await it.exporter.ready.wait()
        ups = await it.series("rocketmq_dr_up", "plan_id")
        lags = await it.series("rocketmq_dr_sync_lag_seconds", *LABELS)
        failures = await it.series(
            "rocketmq_dr_poll_failures_total", "plan_id", "reason"
        )

    assert ups == {("1300000016",): 1, ("1300000017",): 0}
    assert {labels[0] for labels in lags} == {"1300000016"}
    assert failures["1300000017", "permission"] >= 1
    assert sum(value for (plan, _), value in failures.items() if plan[-1] == "6") == 0


async def test_a_throttled_account_is_asked_more_slowly_and_all_is_found() -> None:
    """Throttling halves the rate, is counted, and loses nothing."""
    world = World(scenario="throttled", plans=1, items=2)
    async with running_exporter(world, poll__timeout="20s") as it:

        async def is_slower() -> bool:
            rate = await it.value("rocketmq_dr_exporter_api_rate_limit")
            return rate is not None and rate < 500

        await eventually(is_slower)
        await it.exporter.ready.wait()
        lags = await it.series("rocketmq_dr_sync_lag_seconds", *LABELS)
        throttled = await it.series(
            "rocketmq_dr_exporter_api_throttled_total", "action"
        )

    assert len(lags) == 2 * 10
    assert sum(throttled.values()) > 0


async def test_a_list_that_changes_while_it_is_read_is_read_again() -> None:
    """Under churn a published poll holds each checkpoint that was there, once."""
    world = World(scenario="churn", plans=1, items=1, groups=60)
    async with running_exporter(world, api__page_size="10", poll__interval="1m") as it:
        await it.exporter.ready.wait()
        up = await it.series("rocketmq_dr_up", "item_id")
        states = await it.series("rocketmq_dr_checkpoints", "state")
        asked = [s.page for s in it.stats.of("ListDisasterRecoveryCheckpoints")]
    expected = everything(world, time.time())

    assert set(up.values()) == {1}
    assert sum(states.values()) == len(expected)
    assert Counter(asked)[1] == 2, "the first pass cannot have added up"


async def test_two_routes_of_a_two_way_plan_make_no_sample_twice() -> None:
    """A checkpoint that both routes list is shown once, and counted as a duplicate."""
    world = World(scenario="two_way", plans=1, items=2, groups=24)
    async with running_exporter(world) as it:
        await it.exporter.ready.wait()
        problems = await it.series("rocketmq_dr_checkpoint_problem", *LABELS)
        ages = await it.series("rocketmq_dr_last_sync_timestamp_seconds", *LABELS)
        states = await it.series(
            "rocketmq_dr_checkpoints", "item_id", "source_instance_id", "state"
        )
        rejected = await it.series(
            "rocketmq_dr_checkpoints_rejected",
            "source_instance_id",
            "item_id",
            "reason",
        )

    assert problems or ages
    assert sum(states.values()) == 2 * 24
    duplicates = sum(n for key, n in rejected.items() if key[-1] == "duplicate")
    assert duplicates > 0


async def test_readiness_waits_for_every_route_and_for_no_success() -> None:
    """503 while a route is untried, 200 once all have been tried and failed."""
    world = World(plans=1, items=1)
    async with running_exporter(world, api__access_key_secret="wrong") as it:
        await it.exporter.ready.wait()
        assert "Ready" in await it.text("/-/ready")
        failures = await it.series(
            "rocketmq_dr_exporter_discovery_failures_total", "reason"
        )
    assert failures["credentials",] >= 1


async def test_scrapes_cost_the_cloud_nothing() -> None:
    """However often one scrapes, the API is not asked."""
    async with running_exporter(World(), poll__interval="1h") as it:
        await it.exporter.ready.wait()
        before = len(it.stats.requests)
        for _ in range(50):
            await it.text()
            await it.text("/")
        assert len(it.stats.requests) == before


async def test_every_attempt_at_the_server_is_counted_by_us() -> None:
    """Requests, failures and retries are what the server saw."""
    world = World(scenario="throttled", plans=1, items=1)
    async with running_exporter(world, poll__interval="1h", poll__timeout="20s") as it:
        await it.exporter.ready.wait()
        requests = await it.series("rocketmq_dr_exporter_api_requests_total", "action")
        failures = await it.series(
            "rocketmq_dr_exporter_api_request_failures_total", "action", "reason"
        )
        seen = Counter(served.action for served in it.stats.requests)
        refused = sum(served.status != 200 for served in it.stats.requests)

    assert {action: n for (action,), n in requests.items() if n} == dict(seen)
    assert sum(failures.values()) == refused


async def test_the_status_page_shows_routes_and_worst_checkpoints() -> None:
    """A browser sees what is polled and how it is."""
    async with running_exporter(World(plans=1)) as it:
        await it.exporter.ready.wait()
        page = await it.text("/")

    assert page.count("dr_trade") > 10
    assert "GID_" in page
    assert re.search(r"up for \d+s ", page)
    assert 'href="/metrics"' in page


async def test_the_status_page_says_what_to_do_where_nothing_is_found() -> None:
    """What was refused, which id is wrong, and what the API said of it."""
    async with running_exporter(World(plans=1, scenario="forbidden")) as refused:
        await refused.exporter.ready.wait()
        page = await refused.text("/")
    async with running_exporter(World(plans=1), plans='[{id: "77"}]') as it:
        await it.exporter.ready.wait()
        other = await it.text("/")

    assert "grant the RAM action rocketmq:" in page
    assert "HTTP 403" in page
    assert "Configured, but not found in the cloud" in other
    assert "<bdi>plan 77</bdi>" in other


async def test_groups_and_topics_that_nobody_wants_are_counted_and_not_shown() -> None:
    """Expressions match the whole name, and what they leave out is in no rollup."""
    async with running_exporter(
        World(scenario="healthy", plans=1, items=2),
        groups__exclude="GID_(billing|search), billing",
        topics__include="orders",
    ) as it:
        await it.exporter.ready.wait()
        lags = await it.series("rocketmq_dr_sync_lag_seconds", *LABELS)
        rejected = await it.series("rocketmq_dr_checkpoints_rejected", "reason", *ROUTE)
        states = await it.series("rocketmq_dr_checkpoints", "state", *ROUTE)

    filtered = [count for key, count in rejected.items() if key[0] == "filtered"]
    groups, topics = ({labels[place] for labels in lags} for place in (4, 5))
    assert topics == {"orders"}
    assert not groups & {"GID_billing", "GID_search"}
    assert len(groups) == len(lags) > 0
    assert sum(filtered) == 2 * 10 - len(lags)
    assert sum(states.values()) == len(lags)
