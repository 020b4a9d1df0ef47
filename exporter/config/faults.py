"""What is wrong, in one line: where it was written, which setting, what fits.

It must not show a value, nor more of a key than its name.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporter.config.catalogue import knobs_by_path
from exporter.config.sources import shown_key

_Location = tuple[int | str, ...]
_NOT_A_MAPPING = {"model_type", "model_attributes_type", "dict_type"}
_NOT_A_KEY = {"extra_forbidden", "invalid_key"}


@dataclass(frozen=True, slots=True)
class Origins:
    """Where settings came from: `given` names the flag or variable of a path."""

    file: Path | None
    given: Mapping[str, str]

    def line(self, path: str, message: str) -> str:
        """Return the fault as one line that names the origin and the setting.

        >>> origins = Origins(Path("exporter.yml"), {"log.level": "--log.level"})
        >>> origins.line("log.level", "expected debug, info, warn or error")
        '--log.level: expected debug, info, warn or error'
        >>> origins.line("plans[0].id", "expected an id made of digits")
        'exporter.yml: plans[0].id: expected an id made of digits'
        """
        owner = path.partition("[")[0]
        origin = self.given.get(owner) or (str(self.file) if self.file else "")
        is_named = owner in self.given and owner == path
        parts = (origin, "" if is_named else path, message)
        return one_line(": ".join(part for part in parts if part))


def one_line(text: str) -> str:
    """Replace what would break or disguise a line of output.

    >>> one_line("a" + chr(10) + "b")
    'a?b'
    """
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "?", text)


def faults_of(error: ValidationError, origins: Origins) -> Iterator[str]:
    """Yield one line for each thing the model refused."""
    for found in error.errors(include_url=False, include_input=False):
        location = found["loc"]
        context = found.get("ctx", {})
        if found["type"] == "settings":
            for name, message in context["pairs"]:
                yield origins.line(_path((*location, name)), message)
        else:
            message = _message(found["type"], location, context)
            yield origins.line(_path(_known(found["type"], location)), message)


def _message(kind: str, location: _Location, context: Mapping[str, Any]) -> str:
    """Return what the setting at the location should have been."""
    if kind == "setting":
        return str(context["message"])
    if kind in _NOT_A_KEY:
        return _unknown(location)
    if kind in _NOT_A_MAPPING:
        return "expected a mapping of settings"
    expected = f"expected {_expected(location)}"
    return f"required: {expected}" if kind == "missing" else expected


def _known(kind: str, location: _Location) -> _Location:
    """Return the location without a key that does not look like one."""
    is_hidden = kind in _NOT_A_KEY and shown_key(location[-1]) != location[-1]
    return location[:-1] if is_hidden else location


def _unknown(location: _Location) -> str:
    """Name the unknown key, and the setting that was perhaps meant."""
    key = shown_key(location[-1])
    parent = _pattern(location[:-1])
    prefix = f"{parent}." if parent else ""
    paths = list(knobs_by_path())
    inside = [path.removeprefix(prefix) for path in paths if path.startswith(prefix)]
    siblings = {re.split(r"[.\[]", path, maxsplit=1)[0] for path in inside}
    near = get_close_matches(key, sorted(siblings), n=1)
    elsewhere = [path for path in paths if path.rpartition(".")[2] == key]
    meant = near or elsewhere[:1]
    return "unknown setting" + (f", did you mean {meant[0]}?" if meant else "")


def _expected(location: _Location) -> str:
    """Return the words of the setting at, or next above, the location."""
    catalogue = knobs_by_path()
    above = (_pattern(location[:end]) for end in range(len(location), 0, -1))
    return next(catalogue[path].expected for path in above if path in catalogue)


def _path(location: _Location) -> str:
    """Return the location as people write it, with the index of an entry."""
    return _joined(location, "[{}]")


def _pattern(location: _Location) -> str:
    """Return the location as the catalogue has it, with no index."""
    return _joined(location, "[]")


def _joined(location: _Location, entry: str) -> str:
    """Join keys with dots and put entries behind them."""
    text = ""
    for part in location:
        is_entry = isinstance(part, int)
        text += entry.format(part) if is_entry else f".{part}" if text else str(part)
    return text
