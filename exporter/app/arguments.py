"""How a command line is read: parsers whose complaints are one line without values.

It must not know a command or a setting by name.
"""

import argparse
import re
import sys
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from exporter import __version__
from exporter.config.catalogue import flag_name, setting_specs
from exporter.config.fields import split_address

PROGRAM = "rocketmq-dr-exporter"


class CommandParser(argparse.ArgumentParser):
    """An argparse parser whose complaints are one line and hold no values."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})
        version = f"{PROGRAM} {__version__}"
        self.add_argument("--version", action="version", version=version)

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with 2."""
        told = re.sub("ignored explicit argument.*", "takes no value", message)
        self.exit(2, f"{PROGRAM}: {told.splitlines()[0]}\n")

    def parse_known_args(  # type: ignore[override]  # argparse overloads by namespace
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, and refuse what is left over without showing it."""
        if any(re.match(r"-[A-Za-z].", each) for each in args or ()):
            # Python 3.13 reads -hunter2 as -h, prints the help and exits 0.
            self.error(self._complaint(""))
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(self._complaint(left[0].partition("=")[0]))
        return found, left

    def _complaint(self, flag: str) -> str:
        """Return what is wrong with an argument that nothing takes."""
        if re.fullmatch(r"--[a-z][a-z._-]{0,39}", flag) is None:
            return "an argument was not expected, see --help"
        for spec in setting_specs().values():
            if spec.flag is None and flag == flag_name(spec.path):
                return f"{flag}: a secret has no flag, set {spec.environment} instead"
        near = get_close_matches(flag, sorted(self._option_string_actions), n=1)
        return f"unknown flag {flag}, " + (
            f"did you mean {near[0]}?" if near else "see --help"
        )


class ProgramParser(CommandParser):
    """The parser of the whole command line, where serve need not be said."""

    def __init__(self, commands: Collection[str], **options: Any) -> None:
        super().__init__(**options)
        self._commands = commands

    def parse_known_args(  # type: ignore[override]  # argparse overloads by namespace
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, as serve's, the flags that follow no command."""
        given = list(sys.argv[1:] if args is None else args)
        first = given[0] if given else "-"
        if first.startswith("-") and first not in {"-h", "--help", "--version"}:
            given.insert(0, "serve")
        elif not first.startswith("-") and first not in self._commands:
            self.error(f"unknown command, expected one of {', '.join(self._commands)}")
        return super().parse_known_args(given, namespace)


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """Return a parser of one of the names."""

    def parse(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f"expected one of {', '.join(names)}")
        return text

    return parse


def whole_number(least: int) -> Callable[[str], int]:
    """Return a parser of whole numbers that are not below the least."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of at least {least}"
            )
        return int(text)

    return parse


def listen_address(text: str) -> str:
    """Refuse what cannot be listened on."""
    try:
        split_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text
