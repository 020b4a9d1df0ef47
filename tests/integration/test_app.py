"""The whole exporter in one process, against the simulated cloud over real HTTP."""

from __future__ import annotations

import time
from collections import Counter

from eventually import eventually
from replicas import exporting
from report_cases import read
from simulated import everything

from exporter.simulator.world import World

ROUTE = ("plan_id", "item_id", "source_instance_id")
LABELS = (*ROUTE, "target_instance_id", "group", "topic")
LAG, UP = "rocketmq_dr_sync_lag_seconds", "rocketmq_dr_up"
FAILURES = "rocketmq_dr_poll_failures_total"
SUCCESS = "rocketmq_dr_last_success_timestamp_seconds"
SLOW = {"interval": "1h"}
LIST_CHECKPOINTS = "ListDisasterRecoveryCheckpoints"


async def test_an_outage_is_shown_and_ends_by_itself() -> None:
    """The snapshot is withdrawn when it is stale, and comes back."""
    world = World(scenario="outage", plans=1, items=1, started_at=time.time())
    async with exporting(world, poll={"stale_after": "2s", "timeout": "2s"}) as it:

        async def is_up() -> bool:
            lags = await it.series(LAG, *LABELS)
            return len(lags) == 10 and set((await it.values(UP)).values()) == {1}

        async def is_withdrawn() -> bool:
            return not await it.samples(LAG) and set(
                (await it.values(UP)).values()
            ) == {0}

        await eventually(is_up)
        before = await it.values(SUCCESS)
        it.clock.ahead = 100
        await eventually(is_withdrawn)

        assert not await it.samples("rocketmq_dr_max_sync_age_seconds")
        failures = await it.values(FAILURES, "reason")
        assert {reason for reason, count in failures.items() if count} <= {
            "unavailable",
            "timeout",
        }
        assert (await it.values(SUCCESS))["1300000016"] >= before["1300000016"]
        assert "Healthy" in await it.text("/-/healthy")
        assert "Ready" in await it.text("/-/ready")
        it.clock.ahead = 0
        await eventually(is_up)


async def test_one_refused_route_costs_the_others_nothing() -> None:
    """The page says what to do about it, and the rest is complete."""
    async with exporting(World(scenario="forbidden", plans=2, items=1)) as it:
        await it.exporter.ready.wait()
        ups = await it.values(UP)
        lags = await it.values(LAG)
        failures = await it.series(FAILURES, "plan_id", "reason")
        page = read(await it.text("/")).text

    assert ups == {"1300000016": 1, "1300000017": 0}
    assert lags.keys() == {"1300000016"}
    assert failures["1300000017", "permission"] >= 1
    assert sum(value for (plan, _), value in failures.items() if plan[-1] == "6") == 0
    for words in (
        *("grant the RAM action rocketmq:", "HTTP 403", "Next pollin "),
        *("Next discoveryin ", "api.endpoint: http://127.0.0.1:"),
    ):
        assert words in page


async def test_a_throttled_account_finds_all_and_counts_each_attempt() -> None:
    """Nothing is lost, and every attempt that the server saw is counted."""
    world = World(scenario="throttled", plans=1, items=2, groups=60)
    async with exporting(world, api={"page_size": 10}, poll=SLOW) as it:
        await it.exporter.ready.wait()
        exporters = "rocketmq_dr_exporter_api"
        lags = await it.series(LAG, *LABELS)
        throttled = await it.values(f"{exporters}_throttled_total", "action")
        requests = await it.values(f"{exporters}_requests_total", "action")
        name = f"{exporters}_request_failures_total"
        failures = await it.series(name, "action", "reason")

    refused = sum(served.status != 200 for served in it.stats.requests)
    seen = Counter(served.action for served in it.stats.requests)
    assert len(lags) == 2 * 60
    assert sum(throttled.values()) > 0
    assert {action: n for action, n in requests.items() if n} == dict(seen)
    assert sum(failures.values()) == refused


async def test_a_list_that_changes_while_it_is_read_is_read_again() -> None:
    """Under churn a published poll holds each checkpoint that was there, once."""
    world = World(scenario="churn", plans=1, items=1, groups=60)
    async with exporting(world, api={"page_size": 10}, poll={"interval": "1m"}) as it:
        await it.exporter.ready.wait()
        up = await it.values(UP)
        states = await it.values("rocketmq_dr_checkpoints", "state")
        asked = [served.page for served in it.stats.of(LIST_CHECKPOINTS)]

    assert set(up.values()) == {1}
    assert sum(states.values()) == len(everything(world, time.time()))
    assert Counter(asked)[1] == 2, "the first pass cannot have added up"


async def test_two_routes_of_a_two_way_plan_make_no_sample_twice() -> None:
    """A checkpoint that both routes list is shown once, and counted as a duplicate."""
    async with exporting(World(scenario="two_way", plans=1, items=2, groups=24)) as it:
        await it.exporter.ready.wait()
        lags = await it.series(LAG, *LABELS)
        states = await it.series("rocketmq_dr_checkpoints", *ROUTE, "state")
        rejected = await it.series("rocketmq_dr_checkpoints_rejected", *ROUTE, "reason")

    assert lags
    assert sum(states.values()) == 2 * 24
    assert sum(n for key, n in rejected.items() if key[-1] == "duplicate") > 0


async def test_readiness_waits_for_every_route_and_for_no_success() -> None:
    """It is ready though all have failed."""
    async with exporting(World(), api={"access_key_secret": "wrong"}) as it:
        await it.exporter.ready.wait()
        name = "rocketmq_dr_exporter_discovery_failures_total"
        assert "Ready" in await it.text("/-/ready")
        assert (await it.values(name, "reason"))["credentials"] >= 1


async def test_scrapes_cost_the_cloud_nothing() -> None:
    """However often one scrapes or looks at the page, the API is not asked."""
    async with exporting(World(), poll=SLOW) as it:
        await it.exporter.ready.wait()
        before = len(it.stats.requests)
        for _ in range(50):
            await it.text()
            page = await it.text("/")

        assert len(it.stats.requests) == before
        assert "GID_" in page


async def test_the_status_page_names_what_is_configured_and_not_found() -> None:
    """A wrong id is the first thing to look at."""
    async with exporting(World(plans=1), plans=[{"id": "77"}]) as it:
        await it.exporter.ready.wait()
        page = read(await it.text("/")).text

    assert "Configured, but not found in the cloud" in page
    assert "plan 77" in page


async def test_groups_and_topics_that_nobody_wants_are_counted_and_not_shown() -> None:
    """Expressions match the whole name, and what they leave out is in no rollup."""
    async with exporting(
        World(scenario="healthy", plans=1, items=2),
        groups={"exclude": ["GID_(billing|search)", "billing"]},
        topics={"include": ["orders"]},
    ) as it:
        await it.exporter.ready.wait()
        lags = await it.series(LAG, "item_id", "group", "topic")
        rejected = await it.series("rocketmq_dr_checkpoints_rejected", "reason", *ROUTE)
        states = await it.series("rocketmq_dr_checkpoints", "state", *ROUTE)

    filtered = [count for key, count in rejected.items() if key[0] == "filtered"]
    assert {topic for _, _, topic in lags} == {"orders"}
    assert not {group for _, group, _ in lags} & {"GID_billing", "GID_search"}
    assert sum(states.values()) == len(lags) > 0
    assert sum(filtered) == 2 * 10 - len(lags)
