"""Reloads of a running exporter, and of a whole process as a user asks for them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from eventually import eventually
from programs import clean_environment, exporter_command, free_port, line_with, started
from replicas import Replica, exporting, replica

from exporter.app.exporter import Exporter
from exporter.simulator.server import running
from exporter.simulator.world import World

SECRET = "canary-8c40-secret"
SUCCESSFUL = "rocketmq_dr_exporter_config_last_reload_successful"
SUCCESS_AT = "rocketmq_dr_exporter_config_last_reload_success_timestamp_seconds"
INTERVAL = "rocketmq_dr_exporter_poll_interval_seconds"
LAG = "rocketmq_dr_sync_lag_seconds"
CHECKPOINTS = "ListDisasterRecoveryCheckpoints"
FIRST, SECOND = "1300000016", "1300000017"
SLOW = {"interval": "1h", "timeout": "1h"}


async def test_routes_that_stay_keep_their_snapshot() -> None:
    """A dropped plan goes at once and a new one comes; no series has a gap."""
    world = World(scenario="healthy", plans=2)
    async with exporting(world, plans=[{"id": FIRST}], poll=SLOW) as it:
        await it.exporter.ready.wait()
        before = await it.values(LAG, "group")
        assert before

        assert (await it.reload(plans=[{"id": FIRST}, {"id": SECOND}]))[0] == 200
        assert await it.values(LAG, "group") == before

        async def is_there() -> bool:
            return set(await it.values(LAG)) == {FIRST, SECOND}

        await eventually(is_there)
        assert (await it.reload(plans=[{"id": SECOND}]))[0] == 200
        assert set(await it.values(LAG)) == {SECOND}


async def test_each_kind_of_setting_takes_effect() -> None:
    """Interval, objectives, families, stale_after, groups, limits, keys and shard."""
    world = World(scenario="healthy", plans=1, items=1)
    async with exporting(world, poll=SLOW) as it:
        await it.exporter.ready.wait()
        lags = await it.values(LAG, "group")

        await it.reload(objectives={"lag": "7s"}, metrics={"families": ["consume"]})
        objectives = await it.values("rocketmq_dr_objective_seconds", "objective")
        assert objectives["lag"] == 7
        assert not await it.values(LAG)
        assert await it.values("rocketmq_dr_consume_timestamp_seconds")

        kept = min(lags)
        await it.reload(
            metrics={"families": ["sync_lag"]},
            groups={"include": [kept]},
            poll={"interval": "100ms", "stale_after": "20m"},
        )

        async def is_narrowed() -> bool:
            return set(await it.values(LAG, "group")) == {kept}

        await eventually(is_narrowed)
        assert await it.values("rocketmq_dr_exporter_poll_interval_seconds") == {
            "": 0.1
        }
        assert await it.values("rocketmq_dr_exporter_stale_after_seconds") == {"": 1200}

        await it.reload(metrics={"max_checkpoints": 0}, api={"requests_per_second": 50})

        async def is_cut() -> bool:
            return not await it.values(LAG)

        await eventually(is_cut)
        assert await it.values("rocketmq_dr_exporter_api_rate_limit") == {"": 50}

        await it.reload(api={"access_key_secret": "wrong"})

        async def is_refused() -> bool:
            failures = await it.values("rocketmq_dr_poll_failures_total", "reason")
            return failures["credentials"] > 0

        await eventually(is_refused)
        await it.reload(api={"access_key_secret": "simulator"})

        async def is_up() -> bool:
            return set((await it.values("rocketmq_dr_up")).values()) == {1}

        await eventually(is_up)
        await it.reload(shard={"index": 1, "total": 2})
        assert await it.values("rocketmq_dr_exporter_shard_index") == {"": 1}
        assert await it.values("rocketmq_dr_exporter_shards") == {"": 2}
        assert await it.values("rocketmq_dr_exporter_api_rate_limit") == {"": 25}

        await it.reload(
            poll={"stale_after": "1ms", "interval": "1h"},
            shard={"index": 0, "total": 1},
        )

        async def is_withdrawn() -> bool:
            return not await it.values("rocketmq_dr_checkpoints", "state")

        await eventually(is_withdrawn)


async def test_a_poll_under_way_begins_again() -> None:
    """It is no failure, it is one poll, and the former connections are closed."""
    world = World(scenario="healthy", plans=1, items=1, groups=40)
    wrong = {"page_size": 10, "max_concurrency": 1}
    async with exporting(world, latency_seconds=0.05, api=wrong, poll=SLOW) as it:

        async def is_polling() -> bool:
            return bool(it.stats.of(CHECKPOINTS))

        await eventually(is_polling)
        # Held, or the garbage collector would close what nobody has closed.
        former, session = it.exporter.connection, _session_of(it.exporter)
        assert not it.exporter.ready.is_set()
        assert (await it.reload(api={"page_size": 20, "max_concurrency": 2}))[0] == 200

        assert session.closed
        assert former is not it.exporter.connection
        assert not _session_of(it.exporter).closed
        await it.exporter.ready.wait()
        (status,) = it.exporter.store.statuses()
        assert (status.polls, status.is_up) == (1, True)
        assert sum(status.failures.values()) == 0
        pages = [served.page for served in it.stats.of(CHECKPOINTS)]
        assert pages.count(1) == 2


async def test_what_discovery_waits_for_is_not_waited_for_any_more() -> None:
    """A plan in full is polled though a look-up for the former plans hangs."""
    world = World(scenario="healthy", plans=1, items=1)
    plan = {"id": FIRST, "items": ["100070284"]}
    source = world.list_plans()[0].instances[0].instance_id
    slow = {"plans": [plan], "poll": SLOW}
    async with exporting(world, latency_seconds=3600, **slow) as it:

        async def is_looking() -> bool:
            return it.stats.in_flight > 0

        await eventually(is_looking)
        await it.reload(plans=[{**plan, "source_instances": [source]}])

        async def is_routed() -> bool:
            return len(it.exporter.store.statuses()) == 1

        await eventually(is_routed)


async def test_fifty_reloads_at_once_and_in_a_row_leave_nothing_behind() -> None:
    """No task, no socket and no thread more than before, and polling goes on."""
    world = World(scenario="healthy", plans=2, items=2, groups=30)
    poll = {"interval": "50ms", "discovery_interval": "50ms"}
    async with exporting(world, latency_seconds=0.002, poll=poll) as it:
        await it.exporter.ready.wait()
        tasks, sockets = len(asyncio.all_tasks()), _sockets()
        statuses = set()
        for number in range(25):
            for page_size in (10, 20):
                api = {"page_size": page_size, "max_concurrency": 5}
                families = ["sync_lag", *["consume"] * (number % 2)]
                status, _ = await it.reload(api=api, metrics={"families": families})
                statuses.add(status)
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(it.reload())
        assert statuses == {200}

        async def is_as_before() -> bool:
            # Five requests at a time and our own client's: each has a socket at both
            # ends and a task or two at the server's.
            more = len(asyncio.all_tasks()) - tasks
            return more <= 2 * 5 + 10 and _sockets() - sockets <= 2 * (5 + 10)

        await eventually(is_as_before)
        polled = [status.polls for status in it.exporter.store.statuses()]

        async def is_polling() -> bool:
            now = [status.polls for status in it.exporter.store.statuses()]
            return all(
                after > before for before, after in zip(polled, now, strict=True)
            )

        await eventually(is_polling)
        failures = await it.values("rocketmq_dr_poll_failures_total", "reason")
        assert not any(failures.values())
        refused = [served for served in it.stats.requests if served.status != 200]
        assert refused == []
    assert len(asyncio.all_tasks()) == 1


async def test_who_stands_by_reloads_and_shows_nothing_until_it_polls() -> None:
    """Another shows the routes; what was reloaded holds once it is our turn again."""
    world = World(scenario="healthy", plans=2)
    async with exporting(world, poll=SLOW) as it:
        await it.exporter.ready.wait()
        await it.rest()
        it.exporter.elected(is_leader=False)
        assert not await it.values("rocketmq_dr_up")
        asked = len(it.stats.requests)

        status, _ = await it.reload(plans=[{"id": SECOND}], api={"page_size": 50})

        assert status == 200
        discovered = "rocketmq_dr_exporter_discovery_last_success_timestamp_seconds"
        for absent in ("rocketmq_dr_up", "rocketmq_dr_plan_info", LAG, discovered):
            assert not await it.values(absent)
        assert len(it.stats.requests) == asked
        it.poll()

        async def is_polling() -> bool:
            return set(await it.values(LAG, "plan_id")) == {SECOND}

        await eventually(is_polling)


def _session_of(exporter: Exporter) -> aiohttp.ClientSession:
    return exporter._cloud._transport.exchange.session


def _sockets() -> int:
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        # The one that lists them is gone by now.
        with contextlib.suppress(FileNotFoundError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


@asynccontextmanager
async def program(folder: Path, *flags: str) -> AsyncIterator[tuple[Replica, Path]]:
    """Run a whole process; yield its configuration file, too."""
    file = folder / "exporter.yml"
    file.write_text("poll: {interval: 1h}\n")
    env = clean_environment(
        folder,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_CONFIG__FILE=str(file),
    )
    async with (
        running(World(scenario="healthy", plans=1)) as url,
        replica(env, f"--api.endpoint={url}", *flags) as it,
    ):
        await line_with(it.process.stderr, "msg=ready")
        yield it, file


async def ask(it: Replica, method: str) -> tuple[int, str]:
    """Ask for a reload over HTTP."""
    async with it.client.request(method, "/-/reload") as response:
        return response.status, await response.text()


async def test_sighup_reloads_also_without_the_lifecycle_api(tmp_path: Path) -> None:
    """Good, bad, and corrected; over HTTP it is refused meanwhile."""
    async with program(tmp_path) as (it, file):
        process = it.process

        async def reload(text: str, *words: str) -> None:
            file.write_text(text)
            process.send_signal(signal.SIGHUP)
            await line_with(process.stderr, *words)

        good = "poll: {interval: 2h}\nweb: {max_requests: 7}\n"
        await reload(good, "msg=reloaded", "changed=poll")
        await line_with(process.stderr, "msg=restart_needed", "web.max_requests")
        assert await it.samples(INTERVAL) == [7200]
        (since,) = await it.samples(SUCCESS_AT)

        bad = f"poll: {{interval: {SECRET}}}\n"
        await reload(bad, "level=error", "msg=reload_failed")

        async def is_told() -> bool:
            return await it.samples(SUCCESSFUL) == [0]

        await eventually(is_told)
        assert await it.samples(INTERVAL) == [7200]
        assert await it.samples(SUCCESS_AT) == [since]
        for method in ("POST", "PUT"):
            assert await ask(it, method) == (403, "Lifecycle API is not enabled.\n")

        await reload("poll: {interval: 3h}\n", "msg=reloaded")
        assert await it.samples(INTERVAL) == [10800]
        assert (await it.samples(SUCCESS_AT))[0] > since
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 120) == 0


async def test_the_lifecycle_api_answers_with_what_came_of_it(tmp_path: Path) -> None:
    """200, or 500 with a line for each fault; flags and environment still win."""
    flags = ("--web.enable-lifecycle", "--poll.interval=4h")
    async with program(tmp_path, *flags) as (it, file):
        file.write_text("poll: {interval: 2h, timeout: 1s, stale_after: 9m}\n")
        assert await ask(it, "POST") == (200, "Reloaded\n")
        assert await it.samples(INTERVAL) == [14400]
        assert await it.samples("rocketmq_dr_exporter_stale_after_seconds") == [540]

        file.write_text(f"polls: 1\napi: {{page_size: {SECRET}}}\n")
        status, text = await ask(it, "PUT")
        assert status == 500
        assert [line.split(": ")[0] for line in text.splitlines()] == [str(file)] * 2
        assert SECRET not in text
        assert await it.samples(SUCCESSFUL) == [0]
        assert (await ask(it, "GET"))[0] == 405

        web_file = tmp_path / "web.yml"
        web_file.write_text("basic_auth_users: {dave: plain}\n")
        file.write_text(f"web: {{config_file: {web_file}}}\n")
        status, text = await ask(it, "PUT")
        assert (status, text.partition(": ")[0]) == (500, str(web_file))

        file.write_text("poll: {stale_after: 9m}\n")
        assert (await ask(it, "PUT"))[0] == 200
        assert await it.samples(SUCCESSFUL) == [1]


async def test_the_demo_outlives_a_sighup(tmp_path: Path) -> None:
    """It reads no file, so that nothing changes."""
    address = f"127.0.0.1:{free_port()}"
    flags = (f"--web.listen-address={address}", "--listen-address=127.0.0.1:0")
    command = exporter_command("demo", *flags, "--log.level=info", "--log.format=json")
    async with started(*command, env=clean_environment(tmp_path)) as process:
        await line_with(process.stderr, '"started"')
        process.send_signal(signal.SIGHUP)
        line = await line_with(process.stderr, '"reloaded"')
        assert '"changed":"nothing"' in line.replace(" ", "")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 120) == 0
