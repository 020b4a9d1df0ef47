"""The command line: five commands, and a flag for every setting but the secrets.

It must not judge a setting's value (`exporter.config.load` does), nor repeat what
was typed: a secret may have been typed where none belongs.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exporter.app.arguments import (
    PROGRAM,
    CommandParser,
    ProgramParser,
    listen_address,
    one_of,
    whole_number,
)
from exporter.config.catalogue import SettingSpec, sections, setting_specs, written

# Keeps the setting `plans` apart from the simulator's --plans.
_SETTING = "setting:"
_OUTPUTS = ("table", "json", "prometheus")
_COMMANDS = {
    "serve": "run the exporter; what happens when no command is given",
    "poll": "poll every route once and print the result",
    "check": "validate the configuration",
    "simulate": "run the simulated cloud alone; its key pair is simulator / simulator",
    "demo": "run simulated cloud and exporter together, without configuration",
}
_EPILOG = (
    "A flag wins over the environment, that over the file. The variable of a setting "
    "is ROCKETMQ_DR_ and its path in capitals: ROCKETMQ_DR_API__REGION."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; `command` is the one that was given."""
    program = ProgramParser(
        _COMMANDS,
        prog=PROGRAM,
        usage="%(prog)s [command] [flags]",
        description="Prometheus exporter for RocketMQ disaster-recovery lag.",
    )
    commands = program.add_subparsers(
        dest="command", metavar="command", parser_class=CommandParser
    )
    parsers = {
        name: commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
        for name, text in _COMMANDS.items()
    }
    # The program's own flags are there to be shown: what it parses has a command.
    for parser in (program, parsers["serve"], parsers["poll"], parsers["check"]):
        _add_config_file(parser)
        _add_settings(parser, setting_specs().values())
    parsers["poll"].add_argument(
        "--output",
        type=one_of(_OUTPUTS),
        default="table",
        help=f"form of the result: {', '.join(_OUTPUTS)} (default: table)",
    )
    parsers["check"].add_argument(
        "--live",
        action="store_true",
        help="make a signed call of each API action too, and tell how each went",
    )
    for name in ("simulate", "demo"):
        _add_simulator(parsers[name])
    _add_settings(
        parsers["demo"],
        (spec for spec in setting_specs().values() if spec.path != "plans"),
    )
    return program


def setting_flags(namespace: argparse.Namespace) -> dict[str, object]:
    """Return the settings that were given as flags, by path, as `load` takes them."""
    return {
        name.removeprefix(_SETTING): value
        for name, value in vars(namespace).items()
        if name.startswith(_SETTING)
    }


def _add_config_file(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names the file."""
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        metavar="FILE",
        help="YAML file with the configuration (default: none)",
    )


def _add_settings(
    parser: argparse.ArgumentParser, settings: Iterable[SettingSpec]
) -> None:
    """Add a flag for each setting that has one, grouped as in the file."""
    parser.epilog = _EPILOG
    groups = {
        name: parser.add_argument_group(name, description)
        for name, description in sections().items()
    }
    for spec in settings:
        if spec.flag is not None:
            group = groups.get(spec.path.partition(".")[0], parser)
            _add_setting(group, spec, spec.flag)


def _add_setting(
    group: argparse._ActionsContainer, spec: SettingSpec, flag: str
) -> None:
    """Add the flag of a setting, which leaves nothing behind when it is not given."""
    options: dict[str, Any] = {
        "dest": _SETTING + spec.path,
        "default": argparse.SUPPRESS,
        "help": _help(spec),
    }
    if spec.shape == "switch":
        group.add_argument(flag, action="store_true", **options)
        options["help"] = f"The opposite of {flag}."
        no_flag = flag.replace("--", "--no-", 1)
        group.add_argument(no_flag, action="store_false", **options)
        return
    action = "append" if spec.shape == "list" else "store"
    metavar = spec.path.rpartition(".")[2].upper()
    group.add_argument(flag, action=action, metavar=metavar, **options)


def _help(spec: SettingSpec) -> str:
    """Return meaning, form and default of a setting."""
    default = "none" if spec.default is None else written(spec.default)
    repeatable = ", repeatable" if spec.shape == "list" else ""
    text = f"{spec.description} ({spec.expected}{repeatable}; default: {default})"
    return text.replace("%", "%%")


def _add_simulator(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the simulated cloud."""
    # Imported here, as most commands need no simulator.
    from exporter.simulator.scenarios import SCENARIOS  # noqa: PLC0415 - see above
    from exporter.simulator.world import World  # noqa: PLC0415 - see above

    parser.add_argument(
        "--listen-address",
        type=listen_address,
        default="127.0.0.1:10064",
        help="address of the simulated cloud (default: %(default)s)",
    )
    for size in ("plans", "items", "groups"):
        parser.add_argument(
            f"--{size}",
            type=whole_number(1),
            default=getattr(World, size),
            help=f"number of {size} in what holds them (default: %(default)s)",
        )
    parser.add_argument(
        "--scenario",
        type=one_of(SCENARIOS),
        default=World.scenario,
        help=f"what happens: {', '.join(SCENARIOS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=whole_number(0),
        default=World.seed,
        help="the same seed gives the same cloud (default: %(default)s)",
    )
