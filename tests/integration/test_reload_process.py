"""Reloads of a whole process, as a user asks for them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from eventually import eventually
from programs import clean_environment, exporter_command, free_port, line_with, started

from exporter.simulator.server import running
from exporter.simulator.world import World

SECRET = "canary-e77a-secret"
SUCCESSFUL = "rocketmq_dr_exporter_config_last_reload_successful"
INTERVAL = "rocketmq_dr_exporter_poll_interval_seconds"


@dataclass
class Serving:
    """A process that serves, its configuration file and its log."""

    process: asyncio.subprocess.Process
    client: aiohttp.ClientSession
    file: Path
    log: list[str] = field(default_factory=list)

    async def logged(self, *words: str) -> str:
        """Return the next line of the log with all these words in it."""
        while True:
            line = await line_with(self.process.stderr)
            self.log.append(line)
            if all(word in line for word in words):
                return line

    async def sample(self, name: str) -> str:
        """Return the value of a sample without labels, as it is written."""
        async with self.client.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        (value,) = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
        return value

    async def ask(self, method: str) -> tuple[int, str]:
        """Ask for a reload over HTTP."""
        async with self.client.request(method, "/-/reload") as response:
            return response.status, await response.text()


@asynccontextmanager
async def serving(folder: Path, *arguments: str) -> AsyncIterator[Serving]:
    """Run a command of the exporter against a simulated cloud."""
    file, address = folder / "exporter.yml", f"127.0.0.1:{free_port()}"
    file.write_text("poll: {interval: 1h}\n")
    environment = clean_environment(
        folder,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_POLL__TIMEOUT="20s",
    )
    async with running(World(scenario="healthy", plans=1)) as url:
        flags = (
            f"--config.file={file}",
            f"--api.endpoint={url}",
            f"--web.listen-address={address}",
            *arguments,
        )
        async with (
            started(*exporter_command("serve", *flags), env=environment) as process,
            aiohttp.ClientSession(f"http://{address}") as client,
        ):
            it = Serving(process, client, file)
            await it.logged("msg=ready")
            yield it


async def test_sighup_reloads_also_without_the_lifecycle_api(tmp_path: Path) -> None:
    """Good, bad, and corrected; over HTTP it is refused meanwhile."""
    async with serving(tmp_path) as it:
        it.file.write_text("poll: {interval: 2h}\nweb: {max_requests: 7}\n")
        it.process.send_signal(signal.SIGHUP)
        await it.logged("msg=reloaded", "changed=poll")
        await it.logged("level=warn", "msg=restart_needed", "web.max_requests")
        assert await it.sample(INTERVAL) == "7200.0"

        it.file.write_text(f"api: {{access_key_secret: [{SECRET}]}}\npoll: 1\n")
        it.process.send_signal(signal.SIGHUP)
        await it.logged("level=error", "msg=reload_failed")

        async def is_told() -> bool:
            return await it.sample(SUCCESSFUL) == "0.0"

        await eventually(is_told)
        assert await it.sample(INTERVAL) == "7200.0"
        for method in ("POST", "PUT"):
            assert await it.ask(method) == (403, "Lifecycle API is not enabled.\n")

        it.file.write_text("poll: {interval: 3h}\n")
        it.process.send_signal(signal.SIGHUP)
        await it.logged("msg=reloaded")
        assert await it.sample(INTERVAL) == "10800.0"
        it.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(it.process.wait(), 120) == 0
    assert SECRET not in "".join(it.log)


async def test_the_lifecycle_api_answers_with_what_came_of_it(tmp_path: Path) -> None:
    """200, or 500 with a line for each fault; flags and environment still win."""
    async with serving(tmp_path, "--web.enable-lifecycle", "--poll.interval=4h") as it:
        it.file.write_text("poll: {interval: 2h, timeout: 1s, stale_after: 9m}\n")
        assert await it.ask("POST") == (200, "Reloaded\n")
        assert await it.sample(INTERVAL) == "14400.0"
        stale_after = "rocketmq_dr_exporter_stale_after_seconds"
        assert await it.sample(stale_after) == "540.0"

        it.file.write_text(f"polls: 1\napi: {{page_size: {SECRET}}}\n")
        status, text = await it.ask("PUT")
        assert status == 500
        assert sorted(line.split(": ")[0] for line in text.splitlines()) == (
            [str(it.file)] * 2
        )
        assert SECRET not in text
        assert await it.sample(SUCCESSFUL) == "0.0"
        assert (await it.ask("GET"))[0] == 405

        web_file = tmp_path / "web.yml"
        web_file.write_text("basic_auth_users: {dave: plain}\n")
        it.file.write_text(f"web: {{config_file: {web_file}}}\n")
        status, text = await it.ask("PUT")
        assert (status, text.partition(": ")[0]) == (500, str(web_file))

        it.file.write_text("poll: {stale_after: 9m}\n")
        assert (await it.ask("PUT"))[0] == 200
        assert await it.sample(SUCCESSFUL) == "1.0"


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
