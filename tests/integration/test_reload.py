"""Reloads of a running exporter, against the simulated cloud over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from eventually import eventually
from prometheus_client.parser import text_string_to_metric_families

from exporter.app.exporter import Exporter, opened
from exporter.app.serve import Reloader
from exporter.config.load import load
from exporter.config.settings import Settings
from exporter.model.types import Route, Snapshot
from exporter.simulator.server import Stats, running
from exporter.simulator.world import World
from exporter.web.server import application, serving

SECRET = "canary-8c40-secret"
SUCCESSFUL = "rocketmq_dr_exporter_config_last_reload_successful"
SUCCESS_AT = "rocketmq_dr_exporter_config_last_reload_success_timestamp_seconds"
LAG = "rocketmq_dr_sync_lag_seconds"
CHECKPOINTS = "ListDisasterRecoveryCheckpoints"
FIRST, SECOND = "1300000016", "1300000017"
QUICK = {"interval": "100ms", "timeout": "20s"}
SLOW = {"interval": "1h", "timeout": "1h"}


@dataclass
class Running:
    """An exporter with a configuration file, its cloud, and a client of both."""

    exporter: Exporter
    client: aiohttp.ClientSession
    stats: Stats
    file: Path
    url: str
    configuration: dict[str, Any] = field(default_factory=dict)
    work: asyncio.Task[None] | None = None

    async def reload(self, **sections: Any) -> tuple[int, str]:
        """Write these sections over those of the file, and ask for a reload."""
        self.configuration = _with(self.configuration, sections)
        self.file.write_text(yaml.safe_dump(self.configuration))
        async with self.client.post("/-/reload") as response:
            return response.status, await response.text()

    async def values(self, name: str, label: str = "plan_id") -> dict[str, float]:
        """Return the samples of one name by one label, the last of each."""
        async with self.client.get("/metrics") as response:
            text = await response.text()
        return {
            sample.labels.get(label, ""): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        }

    def poll(self) -> None:
        """Have it poll from now on."""
        self.work = asyncio.create_task(self.exporter.run())

    async def rest(self) -> None:
        """Have another poll, as far as this one knows."""
        assert self.work is not None
        self.work.cancel()
        await asyncio.gather(self.work, return_exceptions=True)
        self.exporter.elected(is_leader=False)

    def snapshots(self) -> dict[Route, Snapshot | None]:
        """Return what is shown of each route."""
        return {s.route: s.snapshot for s in self.exporter.store.statuses()}

    async def has_polled(self) -> bool:
        """Return whether every route has been polled, and there is one."""
        statuses = self.exporter.store.statuses()
        return bool(statuses) and all(status.polls for status in statuses)


def _with(before: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    return before | {
        name: before.get(name, {}) | value if isinstance(value, dict) else value
        for name, value in sections.items()
    }


@asynccontextmanager
async def reloadable(
    folder: Path, world: World, latency_seconds: float = 0.0, **sections: Any
) -> AsyncIterator[Running]:
    """Run an exporter whose configuration a test rewrites."""
    file, stats = folder / "exporter.yml", Stats()
    async with running(world, stats=stats, latency_seconds=latency_seconds) as url:
        keys = {"access_key_id": "simulator", "access_key_secret": "simulator"}
        api = {"endpoint": url, "requests_per_second": 500, **keys}
        configuration = _with({"api": api, "poll": SLOW}, sections)
        file.write_text(yaml.safe_dump(configuration))

        def read() -> Settings:
            return load(flags={}, environ={}, file=file)

        settings = read()
        async with opened(settings) as exporter:
            site = replace(exporter.site(), reload=Reloader(exporter, read).reload)
            async with (
                serving(application(site), ["127.0.0.1:0"]) as (address,),
                aiohttp.ClientSession(f"http://{address}") as client,
            ):
                it = Running(exporter, client, stats, file, url, configuration)
                it.poll()
                try:
                    yield it
                finally:
                    await it.rest()


async def test_routes_that_stay_keep_their_snapshot(tmp_path: Path) -> None:
    """A dropped plan goes at once and a new one comes; no series has a gap."""
    world = World(scenario="healthy", plans=2)
    async with reloadable(tmp_path, world, plans=[{"id": FIRST}]) as it:
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


async def test_a_bad_file_is_answered_and_the_old_one_goes_on(tmp_path: Path) -> None:
    """500 with the faults, the metric 0, its time unmoved; corrected, it is 1 again."""
    async with reloadable(tmp_path, World(), poll=QUICK) as it:
        await it.exporter.ready.wait()
        since = await it.values(SUCCESS_AT)
        status, text = await it.reload(
            poll={"interval": SECRET}, api={"access_key_secret": [SECRET]}
        )

        assert status == 500
        lines = text.splitlines()
        assert len(lines) == 2
        assert all(line.startswith(f"{it.file}: ") for line in lines)
        assert any("poll.interval" in line for line in lines)
        assert SECRET not in text
        assert await it.values(SUCCESSFUL) == {"": 0}
        assert await it.values(SUCCESS_AT) == since
        asked = len(it.stats.of(CHECKPOINTS))

        async def is_polling() -> bool:
            return len(it.stats.of(CHECKPOINTS)) > asked + 4

        await eventually(is_polling)
        status, _ = await it.reload(poll=QUICK, api={"access_key_secret": "simulator"})
        assert status == 200
        assert await it.values(SUCCESSFUL) == {"": 1}
        assert (await it.values(SUCCESS_AT))[""] > since[""]


async def test_each_kind_of_setting_takes_effect(tmp_path: Path) -> None:
    """Interval, objectives, families, stale_after, groups, limits, keys and shard."""
    world = World(scenario="healthy", plans=1, items=1)
    async with reloadable(tmp_path, world) as it:
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


async def test_a_poll_under_way_begins_again(
    tmp_path: Path,
) -> None:
    """It is no failure, it is one poll, and the former connections are closed."""
    world = World(scenario="healthy", plans=1, items=1, groups=40)
    wrong = {"page_size": 10, "max_concurrency": 1}
    async with reloadable(tmp_path, world, latency_seconds=0.05, api=wrong) as it:

        async def is_polling() -> bool:
            return bool(it.stats.of(CHECKPOINTS))

        await eventually(is_polling)
        # Held, or the garbage collector would close what nobody has closed.
        former, session = it.exporter._connection, _session_of(it.exporter)
        assert not it.exporter.ready.is_set()
        assert (await it.reload(api={"page_size": 20, "max_concurrency": 2}))[0] == 200

        assert session.closed
        assert former is not it.exporter._connection
        assert not _session_of(it.exporter).closed
        await it.exporter.ready.wait()
        (status,) = it.exporter.store.statuses()
        assert (status.polls, status.is_up) == (1, True)
        assert sum(status.failures.values()) == 0
        pages = [served.page for served in it.stats.of(CHECKPOINTS)]
        assert pages.count(1) == 2


async def test_what_discovery_waits_for_is_not_waited_for_any_more(
    tmp_path: Path,
) -> None:
    """A plan in full is polled though a look-up for the former plans hangs."""
    world = World(scenario="healthy", plans=1, items=1)
    plan = {"id": FIRST, "items": ["100070284"]}
    source = world.list_plans()[0].instances[0].instance_id
    async with reloadable(tmp_path, world, latency_seconds=3600, plans=[plan]) as it:

        async def is_looking() -> bool:
            return it.stats.in_flight > 0

        await eventually(is_looking)
        await it.reload(plans=[{**plan, "source_instances": [source]}])

        async def is_routed() -> bool:
            return len(it.snapshots()) == 1

        await eventually(is_routed)


async def test_fifty_reloads_at_once_and_in_a_row_leave_nothing_behind(
    tmp_path: Path,
) -> None:
    """No task, no socket and no thread more than before, and polling goes on."""
    world = World(scenario="healthy", plans=2, items=2, groups=30)
    poll = {"interval": "50ms", "discovery_interval": "50ms"}
    async with reloadable(tmp_path, world, latency_seconds=0.002, poll=poll) as it:
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


async def test_who_stands_by_reloads_and_shows_nothing_until_it_polls(
    tmp_path: Path,
) -> None:
    """Another shows the routes; what was reloaded holds once it is our turn again."""
    world = World(scenario="healthy", plans=2)
    async with reloadable(tmp_path, world) as it:
        await it.exporter.ready.wait()
        await it.rest()
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
    return exporter._cloud._transport._exchange.session


def _sockets() -> int:
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        # The one that lists them is gone by now.
        with contextlib.suppress(FileNotFoundError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count
