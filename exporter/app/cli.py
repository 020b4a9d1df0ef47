"""The commands: what each does with its arguments, what it prints, how it exits.

Imports that only one command needs stand in it: `--version` and usage errors are quick.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial

import structlog

from exporter.app import logs
from exporter.app.flags import parse_command_line, setting_flags
from exporter.config.load import (
    ConfigurationError,
    config_file,
    given_by,
    load,
    unknown_variables,
)
from exporter.config.settings import ApiSettings, LogSettings, Settings

log = structlog.get_logger(__name__)

DONE, FAILED, MISUSED, BREACHED, INTERRUPTED = 0, 1, 2, 3, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    arguments = parse_command_line(argv)
    # Until the settings are known; structlog's own set-up masks nothing.
    logs.configure("info", "logfmt")
    try:
        return _COMMANDS[arguments.command](arguments)
    except ConfigurationError as error:
        for line in dict.fromkeys((*unknown_variables(os.environ), *error.faults)):
            print(line, file=sys.stderr)
        return MISUSED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone: what is left in the buffer must not be written either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception:
        # Logged and not raised: a traceback goes through the redaction, as all does.
        log.exception("crashed")
        return FAILED


def _serve(arguments: argparse.Namespace) -> int:
    from exporter.app.serve import serve

    settings = _configured(arguments)
    facts = _facts(settings, arguments)
    return _listening(serve(settings, _source(arguments), facts=facts))


def _poll(arguments: argparse.Namespace) -> int:
    from exporter.app.poll import poll

    settings = _configured(arguments, is_for_people=True)
    is_whole, is_ready = asyncio.run(poll(settings, arguments))
    if arguments.fail_on_breach and not is_ready:
        return BREACHED
    return DONE if is_whole else FAILED


def _check(arguments: argparse.Namespace) -> int:
    settings = _source(arguments)()
    if unknown := unknown_variables(os.environ):
        raise ConfigurationError(unknown)
    _configured(arguments, is_for_people=True)
    if settings.web.config_file is not None:
        from exporter.web.watch import WatchedConfig

        WatchedConfig(settings.web.config_file).current()
    if settings.ha.lease is not None:
        from exporter.app.leader import require_extra

        require_extra()
    for name, fact in _facts(settings, arguments).items():
        print(f"{name.replace('_', ' ')}: {fact}")
    if arguments.live:
        return _check_live(settings)
    print("The configuration is good; `check --live` also asks the API.")
    return DONE


def _check_live(settings: Settings) -> int:
    from exporter.app.check_live import Outcome, live_check

    verdicts = asyncio.run(live_check(settings))
    for verdict in verdicts:
        print(verdict.line())
    is_failed = any(verdict.outcome is Outcome.FAILED for verdict in verdicts)
    return FAILED if is_failed else DONE


def _simulate(arguments: argparse.Namespace) -> int:
    from exporter.app.demo import simulate

    return _listening(simulate(arguments))


def _demo(arguments: argparse.Namespace) -> int:
    from exporter.app.demo import demonstrate

    return _listening(demonstrate(arguments))


def _listening(service: Coroutine[None, None, None]) -> int:
    """Run a service until it is told to stop."""
    try:
        asyncio.run(service)
    except OSError as error:
        told = error.strerror or str(error)
        # What is not said by the exporter itself is about the simulated cloud.
        web = "web." if told.startswith("cannot listen") else ""
        print(f"{told}: choose another by --{web}listen-address", file=sys.stderr)
        return FAILED
    return DONE


def _configured(
    arguments: argparse.Namespace, *, is_for_people: bool = False
) -> Settings:
    """Return the settings, with logging set up as they say.

    Where people read it, and ask for nothing else, it is short, and leaves out what
    the command itself tells.
    """
    settings = _source(arguments)()
    if is_for_people:
        told = settings.log.model_dump(exclude_unset=True)
        log_settings = LogSettings(**{"level": "warn", "format": "console"} | told)
        settings = settings.model_copy(update={"log": log_settings})
    logs.configure(settings.log.level, settings.log.format)
    is_short = is_for_people and "level" not in told
    logging.getLogger("exporter.polling").setLevel("ERROR" if is_short else "NOTSET")
    for line in unknown_variables(os.environ):
        log.warning("unknown_environment_variable", problem=line)
    if settings.poll.stale_after <= settings.poll.interval:
        log.warning(
            "checkpoints_withdrawn_between_polls",
            remedy="make poll.stale_after several times poll.interval",
        )
    _require_secrets(settings.api)
    return settings


def _require_secrets(api: ApiSettings) -> None:
    """Check that the files of secrets are there; later a missing one is only data."""
    from exporter.cloud.credentials import why_unreadable

    faults = [
        f"api.{name}_file: {file}: cannot be read: {why}"
        for name in ("access_key_id", "access_key_secret", "security_token")
        if (file := getattr(api, f"{name}_file")) and (why := why_unreadable(file))
    ]
    if faults:
        raise ConfigurationError(tuple(faults))


def _facts(settings: Settings, arguments: argparse.Namespace) -> Mapping[str, str]:
    from exporter.app.in_force import in_force

    flags, environ = setting_flags(arguments), os.environ
    file = config_file(arguments.config_file, environ)
    return in_force(settings, file, partial(given_by, flags=flags, environ=environ))


def _source(arguments: argparse.Namespace) -> Callable[[], Settings]:
    """Return what reads all sources of settings when it is called."""
    flags = setting_flags(arguments)
    return partial(load, flags=flags, environ=os.environ, file=arguments.config_file)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "serve": _serve,
    "poll": _poll,
    "check": _check,
    "simulate": _simulate,
    "demo": _demo,
}
