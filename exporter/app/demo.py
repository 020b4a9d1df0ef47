"""The commands with a simulated cloud: `simulate`, and `demo`, an exporter beside it.

The demo reads neither environment nor files: nothing of the machine's has a part in it.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import fields
from functools import partial

from rich.console import Console

from exporter.app import logs
from exporter.app.exporter import Exporter
from exporter.app.flags import setting_flags
from exporter.app.report import show
from exporter.app.serve import serve, signalled
from exporter.config.fields import split_address
from exporter.config.load import load
from exporter.model.assessment import assess
from exporter.simulator.server import running
from exporter.simulator.world import World

# The demo's cloud is local and small: it is asked often, and as fast as it answers.
DEMO_FLAGS: Mapping[str, object] = {
    "api.access_key_id": "simulator",
    "api.access_key_secret": "simulator",
    "api.requests_per_second": "100",
    "poll.interval": "10s",
    "poll.stale_after": "1m",
    "poll.discovery_interval": "1m",
    "log.level": "warn",
    "log.format": "console",
}
WORST_IN_DEMO = 15


async def simulate(arguments: argparse.Namespace) -> None:
    """Run the simulated cloud until a signal says stop."""
    stop = signalled(signal.SIGTERM, signal.SIGINT)
    async with _cloud(arguments) as url:
        print(f"simulated cloud at {url}, key pair simulator / simulator", flush=True)
        await stop.wait()


async def demonstrate(arguments: argparse.Namespace) -> None:
    """Run cloud and exporter until a signal says stop, and show the first data.

    Raises:
        ConfigurationError: a flag is wrong.
    """
    async with _cloud(arguments) as url:
        flags = {**DEMO_FLAGS, "api.endpoint": url, **setting_flags(arguments)}
        reread = partial(load, flags=flags, environ={}, file=None)
        settings = reread()
        logs.configure(settings.log.level, settings.log.format)
        await serve(settings, reread, facts={}, on_ready=_show)


def _show(exporter: Exporter, urls: Sequence[str]) -> None:
    show(Console(), assess(exporter.report(), WORST_IN_DEMO))
    print()
    for url in urls:
        print(f"Metrics:     {url}{exporter.settings.web.telemetry_path}")
        print(f"Status page: {url}/")
    print("Ctrl-C ends it.", flush=True)


def _cloud(arguments: argparse.Namespace) -> AbstractAsyncContextManager[str]:
    names = {each.name for each in fields(World)} & vars(arguments).keys()
    world = World(**{name: getattr(arguments, name) for name in names})
    host, port = split_address(arguments.listen_address)
    return running(world, host=host or "::", port=port)
