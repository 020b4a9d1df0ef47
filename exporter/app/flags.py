"""The command line: five commands, and a flag for every setting but the secrets.

Complaints are one line and repeat nothing that was typed: it may be a secret.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

from exporter import __version__
from exporter.config.catalogue import (
    SettingSpec,
    flag_name,
    sections,
    setting_specs,
    written,
)
from exporter.config.fields import listen_address
from exporter.config.load import did_you_mean

PROGRAM = "rocketmq-dr-exporter"

# Keeps the setting `plans` apart from the simulator's --plans.
_SETTING = "setting:"
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


# What argparse says of a value that it repeats, and what we say instead.
_WITHOUT_VALUE = {
    "ignored explicit argument.*": "takes no value",
    r"invalid choice: .* \(choose from (.*)\)": r"expected one of \1",
}


class _Parser(argparse.ArgumentParser):
    """An argparse parser whose complaints are one line and hold no values."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with 2."""
        for quoting, line in _WITHOUT_VALUE.items():
            message = re.sub(f"(?s){quoting}", line, message)
        self.exit(2, f"{PROGRAM}: {message}\n")

    def refuse(self, flag: str) -> NoReturn:
        """Say what is wrong with an argument that nothing takes, and exit with 2."""
        if re.fullmatch(r"--[a-z][a-z._-]{0,39}", flag) is None:
            self.error("an argument was not expected, see --help")
        for spec in setting_specs().values():
            if spec.flag is None and flag == flag_name(spec.path):
                self.error(
                    f"{flag}: a secret has no flag, set {spec.environment} instead"
                )
        meant = did_you_mean(flag, self._option_string_actions)
        self.error(f"unknown flag {flag}{meant or ', see --help'}")


def parse_command_line(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return command and flags; without a command it is `serve`.

    Bad usage ends the process: one line to stderr, exit status 2.
    """
    given = list(sys.argv[1:] if words is None else words)
    first = given[0] if given else "-"
    if first.startswith("-") and first not in {"-h", "--help", "--version"}:
        given.insert(0, "serve")
    program, commands = _parsers()
    found, left = program.parse_known_args(given)
    if left:
        commands[found.command].refuse(left[0].partition("=")[0])
    return found


def setting_flags(namespace: argparse.Namespace) -> dict[str, object]:
    """Return the settings that were given as flags, by path, as `load` takes them."""
    return {
        name.removeprefix(_SETTING): value
        for name, value in vars(namespace).items()
        if name.startswith(_SETTING)
    }


@cache
def _parsers() -> tuple[_Parser, dict[str, _Parser]]:
    program = _Parser(
        prog=PROGRAM,
        allow_abbrev=False,
        usage="%(prog)s [command] [flags]",
        description="Prometheus exporter for RocketMQ disaster-recovery lag.",
    )
    commands = program.add_subparsers(dest="command", metavar="command")
    parsers = {
        name: commands.add_parser(
            name, help=text, description=f"{text.capitalize()}.", allow_abbrev=False
        )
        for name, text in _COMMANDS.items()
    }
    for parser in (program, *parsers.values()):
        version = f"{PROGRAM} {__version__}"
        parser.add_argument("--version", action="version", version=version)
    # The program's own flags are there to be shown: what it parses has a command.
    for parser in (program, parsers["serve"], parsers["poll"], parsers["check"]):
        parser.add_argument(
            "--config.file",
            dest="config_file",
            type=Path,
            metavar="FILE",
            help="YAML file with the configuration (default: none)",
        )
        _add_settings(parser, setting_specs().values())
    parsers["poll"].add_argument(
        "--output",
        choices=("table", "json", "prometheus"),
        default="table",
        help="form of the result (default: %(default)s)",
    )
    parsers["check"].add_argument(
        "--live",
        action="store_true",
        help="make a signed call of each API action too, and tell how each went",
    )
    for name in ("simulate", "demo"):
        _add_simulator(parsers[name])
    all_but_plans = (spec for path, spec in setting_specs().items() if path != "plans")
    _add_settings(parsers["demo"], all_but_plans)
    return program, parsers


def _add_settings(
    parser: argparse.ArgumentParser, specs: Iterable[SettingSpec]
) -> None:
    """Add a flag for each setting that has one, grouped as in the file."""
    parser.epilog = _EPILOG
    groups = {
        name: parser.add_argument_group(name, description)
        for name, description in sections().items()
    }
    for spec in specs:
        if spec.flag is not None:
            group = groups.get(spec.path.partition(".")[0], parser)
            group.add_argument(spec.flag, **_options(spec))


def _options(spec: SettingSpec) -> dict[str, Any]:
    """Return what argparse needs to know of a setting."""
    default = "none" if spec.default is None else written(spec.default)
    repeatable = ", repeatable" if spec.shape == "list" else ""
    text = f"{spec.description} ({spec.expected}{repeatable}; default: {default})"
    options = {
        "dest": _SETTING + spec.path,
        # A flag that is not given leaves nothing behind.
        "default": argparse.SUPPRESS,
        "help": text.replace("%", "%%"),
    }
    if spec.shape == "switch":
        return options | {"action": argparse.BooleanOptionalAction}
    action = "append" if spec.shape == "list" else "store"
    return options | {"action": action, "metavar": spec.path.split(".")[-1].upper()}


def _add_simulator(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the simulated cloud."""
    # Imported here, as most commands need no simulator.
    from exporter.simulator.scenarios import SCENARIOS  # noqa: PLC0415 - see above
    from exporter.simulator.service import PAGINGS  # noqa: PLC0415 - the same
    from exporter.simulator.world import World  # noqa: PLC0415 - the same

    parser.add_argument(
        "--listen-address",
        type=_address,
        default="127.0.0.1:10064",
        help="address of the simulated cloud (default: %(default)s)",
    )
    for flag, least, text in (
        ("plans", 1, "number of plans"),
        ("items", 1, "items per plan"),
        ("groups", 1, "consumer groups per item"),
        ("largest-page", 10, "most checkpoints on a page"),
        ("seed", 0, "the same seed gives the same cloud"),
    ):
        parser.add_argument(
            f"--{flag}",
            type=partial(_at_least, least),
            default=getattr(World, flag.replace("-", "_")),
            help=f"{text} (default: %(default)s)",
        )
    parser.add_argument(
        "--paging",
        choices=PAGINGS,
        default=World.paging,
        help="what is done with a page size out of bounds (default: %(default)s)",
    )
    parser.add_argument(
        "--scenario",
        choices=SCENARIOS,
        default=World.scenario,
        help="what happens (default: %(default)s)",
    )


# Of an ArgumentTypeError argparse shows the message; of other errors, the value.
def _address(text: str) -> str:
    try:
        return listen_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _at_least(least: int, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        fault = f"expected a whole number of at least {least}"
        raise argparse.ArgumentTypeError(fault)
    return int(text)
