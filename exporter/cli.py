"""The commands: what each does with its arguments, what it prints, how it exits.

The only place that prints. What only one command needs is imported where it is used,
so that `--version` and a usage error are quick.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter import logs
from exporter.flags import build_parser, setting_flags
from exporter.settings import ConfigurationError, Loaded, Settings, load, split_address

if TYPE_CHECKING:
    from exporter.app import Exporter

log = structlog.get_logger(__name__)

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130

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
PIPED_WIDTH = 200


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    arguments = build_parser().parse_args(argv)
    try:
        return _COMMANDS[arguments.command](arguments)
    except ConfigurationError as error:
        for name in error.warnings:
            _complain(f"{name}: names no setting")
        for fault in error.faults:
            _complain(fault)
        return MISUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has gone: what is left in the buffer must not be told either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception:
        # Logged and not raised: a traceback goes through the redaction, as all does.
        log.exception("crashed")
        return FAILED


def _serve(arguments: argparse.Namespace) -> int:
    from exporter.process import serve

    settings = _configured(arguments)
    return _listening(serve(settings, _source(arguments)))


def _poll(arguments: argparse.Namespace) -> int:
    settings = _configured(arguments)
    # One walk of all: nothing goes stale before it is printed, however long it takes.
    poll = settings.poll.model_copy(update={"stale_after": timedelta.max})
    settings = settings.model_copy(update={"poll": poll})
    return asyncio.run(_poll_once(settings, arguments.output))


async def _poll_once(settings: Settings, output: str) -> int:
    from exporter.app import opened
    from exporter.process import poll_all

    async with opened(settings) as exporter:
        is_whole = await poll_all(exporter)
        if output == "prometheus":
            sys.stdout.buffer.write(await exporter.exposition.textfile())
        elif output == "json":
            from exporter.report import as_json
            from exporter.worst import findings

            print(as_json(findings(exporter.store.statuses(), time.time())))
        else:
            _print_worst(exporter, sys.maxsize)
    return DONE if is_whole else FAILED


def _check(arguments: argparse.Namespace) -> int:
    settings = _configured(arguments)
    _has_tls(settings)
    plans = f"{len(settings.plans)} plans" if settings.plans else "every RUNNING plan"
    print(
        f"the configuration is good: {plans}, region {settings.api.region}", flush=True
    )
    return asyncio.run(_check_live(settings)) if arguments.live else DONE


async def _check_live(settings: Settings) -> int:
    from exporter.live.check import live_check
    from exporter.live.verdicts import Outcome

    verdicts = await live_check(settings)
    for verdict in verdicts:
        print(verdict.line())
    is_failed = any(verdict.outcome is Outcome.FAILED for verdict in verdicts)
    return FAILED if is_failed else DONE


def _simulate(arguments: argparse.Namespace) -> int:
    return _listening(_simulated(arguments))


async def _simulated(arguments: argparse.Namespace) -> None:
    from exporter.process import stop_signal

    stop = stop_signal()
    async with _cloud(arguments) as url:
        print(f"simulated cloud at {url}, key pair simulator / simulator", flush=True)
        await stop.wait()


def _demo(arguments: argparse.Namespace) -> int:
    # Faults in the flags are told before anything is started.
    _demo_settings(arguments, "http://127.0.0.1")
    return _listening(_demonstrated(arguments))


async def _demonstrated(arguments: argparse.Namespace) -> None:
    from exporter.process import serve

    async with _cloud(arguments) as url:
        settings = _demo_settings(arguments, url)
        reread = partial(_demo_source, arguments, url)
        await serve(settings, reread, on_ready=partial(_show_demo, settings))


def _demo_settings(arguments: argparse.Namespace, endpoint: str) -> Settings:
    """Return the demo's settings; environment and files have no part in them."""
    settings = _demo_source(arguments, endpoint).settings
    logs.configure(settings.log.level, settings.log.format)
    return settings


def _demo_source(arguments: argparse.Namespace, endpoint: str) -> Loaded:
    flags = {**DEMO_FLAGS, "api.endpoint": endpoint, **setting_flags(arguments)}
    return load(flags=flags, environ={}, file=None)


def _show_demo(
    settings: Settings, exporter: Exporter, addresses: Sequence[str]
) -> None:
    _print_worst(exporter, WORST_IN_DEMO)
    scheme = "https" if _has_tls(settings) else "http"
    for port in sorted({address.rpartition(":")[2] for address in addresses}):
        print(f"Metrics:      {scheme}://localhost:{port}{settings.web.telemetry_path}")
        print(f"Landing page: {scheme}://localhost:{port}/")
    print("Ctrl-C ends it.", flush=True)


def _has_tls(settings: Settings) -> bool:
    """Return what the web configuration says, if it is without a fault."""
    if settings.web.config_file is None:
        return False
    from exporter.web.live import checked

    return checked(settings.web.config_file).tls_server_config.is_enabled


def _print_worst(exporter: Exporter, count: int) -> None:
    from rich.console import Console

    from exporter.report import as_table
    from exporter.worst import worst

    console = Console()
    if not console.is_terminal:
        # Nobody sees where a pipe or a file would wrap.
        console.width = PIPED_WIDTH
    console.print(as_table(worst(exporter.store.statuses(), time.time(), count)))


def _cloud(arguments: argparse.Namespace) -> AbstractAsyncContextManager[str]:
    from exporter.simulator.server import running
    from exporter.simulator.world import World

    world = World(
        scenario=arguments.scenario,
        plans=arguments.plans,
        items=arguments.items,
        groups=arguments.groups,
        seed=arguments.seed,
    )
    host, port = split_address(arguments.listen_address)
    return running(world, host=host or "::", port=port)


def _listening(service: Coroutine[None, None, None]) -> int:
    """Run a service until it is told to stop."""
    try:
        asyncio.run(service)
    except OSError as error:
        _complain(f"{error.strerror or error}")
        return FAILED
    return DONE


def _configured(arguments: argparse.Namespace) -> Settings:
    """Return the settings, with logging set up as they say."""
    loaded = _source(arguments)()
    logs.configure(loaded.settings.log.level, loaded.settings.log.format)
    for name in loaded.warnings:
        log.warning("unknown_environment_variable", name=name)
    return loaded.settings


def _source(arguments: argparse.Namespace) -> Callable[[], Loaded]:
    """Return what reads all sources of settings, each time anew."""
    flags = setting_flags(arguments)
    return partial(load, flags=flags, environ=os.environ, file=arguments.config_file)


def _complain(line: str) -> None:
    print(line, file=sys.stderr)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "serve": _serve,
    "poll": _poll,
    "check": _check,
    "simulate": _simulate,
    "demo": _demo,
}
