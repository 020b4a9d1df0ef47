"""A look-up of a name that hangs does not hold up the program."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from programs import clean_environment, exporter_command, line_with, started

HANGING_NAMES = """
import socket, sys, time

def hang(*_args, **_kwargs):
    print("looking up", file=sys.stderr, flush=True)
    time.sleep(600)

socket.getaddrinfo = hang
"""


async def test_the_program_stops_while_a_name_is_looked_up(tmp_path: Path) -> None:
    """SIGTERM is obeyed at once, however long the system's resolver hangs."""
    (tmp_path / "sitecustomize.py").write_text(HANGING_NAMES)
    environment = clean_environment(
        tmp_path,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
    )
    environment["PYTHONPATH"] = f"{tmp_path}:{environment['PYTHONPATH']}"
    command = exporter_command(
        "serve",
        "--api.endpoint=https://rocketmq.invalid",
        "--log.level=debug",
        "--web.listen-address=127.0.0.1:0",
    )
    async with started(*command, env=environment) as process:
        await line_with(process.stderr, "looking up")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 120) == 0
