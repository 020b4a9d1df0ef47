"""No secret is shown by any command, wherever it came from and whatever goes wrong."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from eventually import eventually
from fakes import good, plan_row
from programs import (
    clean_environment,
    exporter_command,
    free_port,
    run_exporter,
    started,
)

KEY, SECRET, TOKEN = "LTAIcanary41aa", "canary-secret-52bb", "canary/token+63cc=="
PASSWORD = "canary-password-74dd"


@asynccontextmanager
async def hostile_cloud(fault: str) -> AsyncIterator[str]:
    """Serve answers that repeat all that was sent, as the real gateway does."""

    async def answer(request: web.Request) -> web.StreamResponse:
        sent = " ".join(f"{name}: {value}" for name, value in request.headers.items())
        told = f"string to sign: {sent} {PASSWORD}"
        if fault == "html 502":
            return web.Response(status=502, text=f"<html>{told}</html>")
        if fault == "plans":
            sides = [
                {"instanceId": "rmq-a", "username": PASSWORD, "password": PASSWORD}
            ]
            row = plan_row("1", planStatus="RUNNING", instances=sides)
            page = {"totalCount": 1, "pageSize": 100, "list": [row]}
            is_list = request.path == "/disaster_recovery"
            return web.json_response(good(page if is_list else row))
        status = int(fault.removeprefix("echo "))
        body = {"Code": told, "Message": told, "RequestId": told, "success": False}
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def environment_of(source: str, folder: Path, url: str) -> dict[str, str]:
    """Return the environment of a command whose secrets come from one source."""
    more = {
        "ROCKETMQ_DR_API__ENDPOINT": url,
        "ROCKETMQ_DR_API__ACCESS_KEY_ID": KEY,
        "ROCKETMQ_DR_POLL__TIMEOUT": "1s",
        "ROCKETMQ_DR_LOG__LEVEL": "debug",
        "PYTHONASYNCIODEBUG": "1",
    }
    for name, value in (("ACCESS_KEY_SECRET", SECRET), ("SECURITY_TOKEN", TOKEN)):
        file = folder / name
        file.write_text(f"{value}\n")
        if source == "file":
            more[f"ROCKETMQ_DR_API__{name}_FILE"] = str(file)
        elif source == "setting":
            more[f"ROCKETMQ_DR_API__{name}"] = value
    if source == "chain":
        del more["ROCKETMQ_DR_API__ACCESS_KEY_ID"]
        more |= {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
            "ALIBABA_CLOUD_SECURITY_TOKEN": TOKEN,
        }
    return clean_environment(folder, **more)


async def shown_by_serve(environment: dict[str, str]) -> str:
    """Return all that a serving exporter shows until it is ready."""
    address = f"127.0.0.1:{free_port()}"
    command = exporter_command("serve", f"--web.listen-address={address}")
    async with (
        started(*command, env=environment) as process,
        aiohttp.ClientSession(f"http://{address}") as client,
    ):

        async def is_ready() -> bool:
            try:
                async with client.get("/-/ready") as response:
                    return response.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await eventually(is_ready)
        pages = [await (await client.get(path)).text() for path in ("/", "/metrics")]
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    return "\n".join([*pages, out.decode(), err.decode()])


@pytest.mark.parametrize(
    ("fault", "source"),
    [("echo 400", "setting"), ("html 502", "file"), ("plans", "chain")],
)
async def test_no_command_shows_a_secret(
    fault: str, source: str, tmp_path: Path
) -> None:
    """Not `poll`, not `check --live`, not `serve`, at debug and under asyncio's own."""
    async with hostile_cloud(fault) as url:
        environment = environment_of(source, tmp_path, url)
        poll, check, served = await asyncio.gather(
            run_exporter("poll", env=environment),
            run_exporter("check", "--live", env=environment),
            shown_by_serve(environment),
        )

    assert (poll.status, check.status) == (1, 1)
    everything = f"{poll.out}\n{poll.err}\n{check.out}\n{check.err}\n{served}"
    assert "level=" in everything
    for canary in (SECRET, TOKEN, PASSWORD, "Signature=", "string to sign"):
        assert canary not in everything, canary
