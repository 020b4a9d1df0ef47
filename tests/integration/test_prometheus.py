"""A real Prometheus scrapes the real exporter, which polls a cloud over real HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import aiohttp
from aiohttp import web
from eventually import eventually
from programs import (
    Prometheus,
    clean_environment,
    exporter_command,
    free_port,
    prometheus,
    real,
    started,
)
from simulated import everything

from exporter.config.settings import Family
from exporter.simulator.server import running
from exporter.simulator.world import World

ODD_NAMES = (
    'quote " backslash \\ newline \n tab \t end',
    '\\n is no newline, and \\" no quote',
    "消费组-Ω-😀-\u202eright to left",
    '{{ $labels.group }} <script>alert(1)</script> a="b",c',
)


@asynccontextmanager
async def exporter_of(url: str, folder: Path, *more: str) -> AsyncIterator[str]:
    """Run `serve` against a cloud; yield the address it serves on."""
    address = f"127.0.0.1:{free_port()}"
    environment = clean_environment(
        folder,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_API__ENDPOINT=url,
    )
    command = exporter_command(
        "serve",
        f"--web.listen-address={address}",
        "--api.requests-per-second=200",
        "--poll.interval=1s",
        *more,
    )
    async with started(*command, env=environment), aiohttp.ClientSession() as session:

        async def is_ready() -> bool:
            try:
                async with session.get(f"http://{address}/-/ready") as response:
                    return response.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await eventually(is_ready)
        yield address


async def values(server: Prometheus, expression: str) -> dict[tuple[str, str], float]:
    """Return a vector by group and topic."""
    return {
        (sample["metric"]["group"], sample["metric"]["topic"]): float(
            sample["value"][1]
        )
        for sample in await server.query(expression)
    }


async def test_prometheus_knows_the_lag_of_each_group_and_topic(tmp_path: Path) -> None:
    """What the cloud says of each checkpoint is what Prometheus answers."""
    now = time.time()
    world = World(scenario="mixed", plans=2, items=2, groups=10, started_at=now - 600)
    truth = {
        (seen.item.item_id, seen.row.source.instance_id, seen.row.group): seen
        for seen in everything(world, now)
    }
    known = {key: seen.lag for key, seen in truth.items() if seen.lag is not None}

    async with (
        running(world, now=lambda: now) as url,
        exporter_of(url, tmp_path) as address,
        prometheus(address, tmp_path) as server,
    ):
        samples = await eventually(lambda: server.query("rocketmq_dr_sync_lag_seconds"))
        ages = await server.query("rocketmq_dr_sync_age_seconds")
        problems = await server.query("rocketmq_dr_checkpoint_problem")

    found = {
        (
            sample["metric"]["item_id"],
            sample["metric"]["source_instance_id"],
            sample["metric"]["group"],
        ): float(sample["value"][1])
        for sample in samples
    }
    assert found == known
    assert len(ages) == sum(seen.at.last_sync_ms is not None for seen in truth.values())
    assert len(problems) == len(truth) - len(known) > 0


def odd_row(number: int, name: str) -> dict[str, Any]:
    """Return a checkpoint that lags by `number` seconds, in the API's spelling."""
    now_ms = 1_740_724_080_343
    side = {
        "instanceId": "rmq-a",
        "consumerGroupId": name,
        "topicName": f"topic {name}",
    }
    return {
        "checkpointId": number,
        "lastSyncTime": now_ms,
        "sourceProgress": {
            **side,
            "progressData": {"consumeTimestamp": now_ms + number * 1000},
        },
        "targetProgress": {
            **side,
            "instanceId": "rmq-b",
            "progressData": {"consumeTimestamp": now_ms},
        },
    }


@asynccontextmanager
async def cloud_of(rows: Sequence[dict[str, Any]]) -> AsyncIterator[str]:
    """Serve one page of checkpoints to whoever asks."""

    async def answer(_request: web.Request) -> web.Response:
        page = {"pageNumber": 1, "pageSize": 100, "totalCount": len(rows), "list": rows}
        return web.json_response({"success": True, "code": "200", "data": page})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_any_name_arrives_in_prometheus_as_it_was(tmp_path: Path) -> None:
    """Quotes, backslashes, newlines and any Unicode survive the whole way."""
    rows = [odd_row(number, name) for number, name in enumerate(ODD_NAMES, 1)]
    plans = '[{"id": "1", "items": ["2"], "source_instances": ["rmq-a"]}]'

    async with (
        cloud_of(rows) as url,
        exporter_of(url, tmp_path, f"--plans={plans}") as address,
        prometheus(address, tmp_path) as server,
    ):

        async def lags() -> dict[tuple[str, str], float]:
            return await values(server, "rocketmq_dr_sync_lag_seconds")

        found = await eventually(lags)

    expected = {
        (name, f"topic {name}"): float(number)
        for number, name in enumerate(ODD_NAMES, 1)
    }
    assert found == expected


async def test_promtool_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    """`promtool check metrics` is silent on everything the exporter says."""
    world = World(scenario="mixed", started_at=time.time() - 600)
    families = get_args(Family)
    flags = [f"--metrics.families={name}" for name in families]

    async with (
        running(world) as url,
        exporter_of(url, tmp_path, *flags) as address,
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}/metrics") as response,
    ):
        body = await response.read()
        promtool = await asyncio.create_subprocess_exec(
            real("promtool"),
            "check",
            "metrics",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        complaints, _ = await promtool.communicate(body)

    assert complaints.decode() == ""
    assert promtool.returncode == 0
    assert b"rocketmq_dr_checkpoint_info" in body
