"""The container's own check: is the exporter there, however it is configured."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from certificates import Authority
from programs import clean_environment, free_port, started
from web_config_cases import write_folder
from web_server import behind

from exporter.app.healthcheck import main

AUTHORITY = Authority()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a web configuration beside the certificates that it may name."""
    write_folder(tmp_path, AUTHORITY)
    return tmp_path / "web.yml"


async def status(*arguments: str) -> int:
    """Return what the check ends with."""
    return await asyncio.to_thread(main, arguments)


async def answered(configured: Path, file: Path | None) -> int:
    """Return what the check says, as configured, of an exporter behind a file."""
    async with behind(file) as server:
        return await status(
            f"--web.listen-address=127.0.0.1:{server.port}",
            f"--web.config.file={configured}",
        )


@asynccontextmanager
async def answering(code: int) -> AsyncIterator[str]:
    """Run a server that answers everything with one status."""
    app = web.Application()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=code)

    app.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_it_is_a_program_of_its_own(tmp_path: Path) -> None:
    """It ends with 0, or with 1 and a reason."""
    async with behind(None) as server:
        address = f"--web.listen-address=127.0.0.1:{server.port}"
        ends = [await ended(tmp_path, address)]
    ends.append(await ended(tmp_path, address))

    assert [end[0] for end in ends] == [0, 1]
    assert ends[1][1].startswith("no answer: ")


async def ended(home: Path, *arguments: str) -> tuple[int | None, str]:
    """Run the check as a program; return its exit status and what it complains of."""
    command = (sys.executable, "-m", "exporter.app.healthcheck", *arguments)
    async with started(*command, env=clean_environment(home)) as process:
        _, err = await process.communicate()
    return process.returncode, err.decode()
