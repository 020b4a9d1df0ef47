"""The command line: five commands, and a flag for every setting but the secrets.

`--help` has the flags that most people need, `--help-all` has all of them.
Complaints are one line and repeat nothing that was typed: it may be a secret.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from exporter import __version__
from exporter.config import fields
from exporter.config.catalogue import (
    SettingSpec,
    flag_name,
    sections,
    setting_specs,
    written,
)
from exporter.config.fields import Expected
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
# What `--help` has of the settings.
_COMMON = {
    *("api.region", "api.regions", "api.network", "plans", "poll.interval"),
    *("objectives.lag", "objectives.age", "web.listen_address", "log.level"),
}
_NEEDLESS = {
    "poll": {"poll.interval", "web.listen_address"},
    "demo": {"poll.interval", "log.level"},
}
_PROGRAMS_OWN = {"-h", "--help", "--help-all", "--version"}
# What the demo sets itself, or has no use for.
_NOT_IN_DEMO = re.compile(r"(?:api|plans|shard|ha)(?:\.|$)")
# What stands for a value, by what is expected; else it is the name of the setting.
_METAVARS = {
    "a duration": "DURATION",
    "a whole number": "N",
    "a number": "N",
    "the path of a file": "FILE",
    "a list of plans": "YAML",
}
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
    program, commands = _parsers(is_brief="--help-all" not in given)
    if not first.startswith("-") and first not in commands:
        meant = did_you_mean(first, commands) or f": expected {', '.join(commands)}"
        program.error(f"unknown command{meant}")
    if first.startswith("-") and first not in _PROGRAMS_OWN:
        given.insert(0, "serve")
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
def _parsers(*, is_brief: bool) -> tuple[_Parser, dict[str, _Parser]]:
    program = _Parser(
        prog=PROGRAM,
        allow_abbrev=False,
        usage="%(prog)s [command] [flags]",
        description="Prometheus exporter for RocketMQ disaster-recovery lag.",
    )
    commands = program.add_subparsers(dest="command", metavar="command")
    parsers = {
        name: commands.add_parser(
            name,
            help=text,
            description=f"{text.capitalize()}.",
            usage=f"{PROGRAM} {name} [flags]",
            allow_abbrev=False,
        )
        for name, text in _COMMANDS.items()
    }
    for parser in (program, *parsers.values()):
        version = f"{PROGRAM} {__version__}"
        parser.add_argument("--version", action="version", version=version)
        parser.add_argument("--help-all", action="help", help="show all flags and exit")
    _add_poll(parsers["poll"])
    parsers["check"].add_argument(
        "--live",
        action="store_true",
        help="make a signed call of each API action too, and tell how each went",
    )
    for name in ("simulate", "demo"):
        _add_simulator(
            parsers[name], "127.0.0.1:" + ("0" if name == "demo" else "10064")
        )
    # The program's own flags are there to be shown: what it parses has a command.
    for parser in (program, parsers["serve"], parsers["poll"], parsers["check"]):
        parser.add_argument(
            "--config.file",
            dest="config_file",
            type=Path,
            metavar="FILE",
            help="YAML file with the configuration (default: none)",
        )
    for name in ("serve", "poll", "check", "demo"):
        _add_settings(parsers[name], name, is_brief=is_brief)
    _add_settings(program, "serve", is_brief=is_brief)
    return program, parsers


def _add_settings(
    parser: argparse.ArgumentParser, name: str, *, is_brief: bool
) -> None:
    """Add a flag for each setting that has one, grouped as in the file."""
    parser.epilog = _EPILOG
    needless = _NEEDLESS.get(name, set())
    groups = {
        section: parser.add_argument_group(section, description)
        for section, description in sections().items()
        if not is_brief
    }
    for path, spec in setting_specs().items():
        if not spec.flag or (name == "demo" and _NOT_IN_DEMO.match(path)):
            continue
        options = _options(spec, is_brief=is_brief)
        if is_brief and path not in _COMMON - needless:
            options["help"] = argparse.SUPPRESS
        group = groups.get(path.partition(".")[0], parser)
        group.add_argument(spec.flag, **options)


def _options(spec: SettingSpec, *, is_brief: bool) -> dict[str, Any]:
    """Return what argparse needs to know of a setting."""
    default = "none" if spec.default is None else written(spec.default)
    repeatable = ", repeatable" if spec.shape == "list" else ""
    expected = "" if is_brief else f"{spec.expected}{repeatable}; "
    text = f"{spec.description} ({expected}default: {default})"
    options = {
        "dest": _SETTING + spec.path,
        # A flag that is not given leaves nothing behind.
        "default": argparse.SUPPRESS,
        "help": text.replace("%", "%%"),
    }
    if spec.shape == "switch":
        return options | {"action": argparse.BooleanOptionalAction}
    action = "append" if spec.shape == "list" else "store"
    name = spec.path.split(".")[-1].upper()
    fits = (m for words, m in _METAVARS.items() if spec.expected.startswith(words))
    return options | {"action": action, "metavar": next(fits, name)}


def _add_poll(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `poll`."""
    _add_choice(
        parser, "--output", ("table", "json", "prometheus"), "form of the result"
    )
    for flag, metavar in (("plan", "ID"), ("group", "NAME"), ("topic", "NAME")):
        parser.add_argument(
            f"--{flag}",
            action="append",
            default=[],
            metavar=metavar,
            help=f"poll only this {flag}, repeatable",
        )
    _add_choice(parser, "--sort", ("lag", "age"), "what the worst come first by")
    parser.add_argument(
        "--limit",
        type=partial(_valid, fields.PositiveCount),
        metavar="N",
        help="print no more than so many checkpoints (default: all; 100 on a terminal)",
    )
    parser.add_argument(
        "--fail-on-breach",
        action="store_true",
        help="exit with 3 unless every plan is ready to fail over",
    )
    parser.add_argument(
        "--confirm",
        type=partial(_valid, fields.Duration),
        default="30s",
        metavar="DURATION",
        help="with --fail-on-breach: after this, poll once more what is over its lag"
        " objective; only what has not caught up is a breach (default: %(default)s)",
    )


def _add_simulator(parser: argparse.ArgumentParser, address: str) -> None:
    """Add the flags of the simulated cloud."""
    # Imported here, as most commands need no simulator.
    from exporter.simulator.scenarios import SCENARIOS  # noqa: PLC0415 - see above
    from exporter.simulator.service import PAGINGS  # noqa: PLC0415 - the same
    from exporter.simulator.world import World  # noqa: PLC0415 - the same

    parser.add_argument(
        "--listen-address",
        type=partial(_valid, fields.ListenAddress),
        default=address,
        metavar="ADDRESS",
        help="address of the simulated cloud, port 0 is a free one"
        " (default: %(default)s)",
    )
    for flag, kind, text in (
        ("plans", fields.PositiveCount, "number of plans"),
        ("items", fields.PositiveCount, "items per plan"),
        ("groups", fields.PositiveCount, "consumer groups per item"),
        ("largest-page", fields.PositiveCount, "most checkpoints on a page"),
        ("seed", fields.Count, "the same seed gives the same cloud"),
    ):
        parser.add_argument(
            f"--{flag}",
            type=partial(_valid, kind),
            default=getattr(World, flag.replace("-", "_")),
            metavar="N",
            help=f"{text} (default: %(default)s)",
        )
    _add_choice(parser, "--paging", PAGINGS, "what a page size out of bounds gets")
    _add_choice(parser, "--scenario", SCENARIOS, "what happens")


def _add_choice(
    parser: argparse.ArgumentParser, flag: str, choices: Sequence[str], text: str
) -> None:
    """Add a flag that takes one of some words, the first by default."""
    help_text = f"{text} (default: {choices[0]})"
    parser.add_argument(flag, choices=choices, default=choices[0], help=help_text)


def _valid(kind: Any, text: str) -> Any:
    """Return what a setting of this kind takes a text for."""
    try:
        return TypeAdapter(kind).validate_python(text)
    except ValidationError:
        words = next(it.words for it in kind.__metadata__ if isinstance(it, Expected))
        # Of any other error argparse shows the value.
        raise argparse.ArgumentTypeError(f"expected {words}") from None
