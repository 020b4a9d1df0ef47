"""What was written where: the file and the environment, as plain values.

It must not judge a value, nor repeat one: a syntax error may stand in a secret.
"""

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from exporter.config.catalogue import PREFIX, Knob, knobs, variable

FILE_VARIABLE = variable("config.file")
# Kubernetes injects these for a Service of the exporter's name.
_INJECTED = f"{PREFIX}EXPORTER_"
# A single character or the name of a token may be quoted; from anything else on,
# PyYAML's message is cut off, as it could be a part of a secret.
_QUOTED = re.compile(r"""(?P<harmless>'(?:<[a-z -]+>|.)'|"'")|['"].*""", re.DOTALL)


class SourceError(ValueError):
    """A source that cannot be read; `faults` names no value."""

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults


def shown_key(key: object) -> str:
    """Return a key if it looks like one, else only that there is a key.

    >>> shown_key("page_size"), shown_key("a b: c")
    ('page_size', 'a key')
    """
    is_plain = isinstance(key, str) and re.fullmatch(r"[A-Za-z_][\w-]{0,39}", key)
    return str(key) if is_plain else "a key"


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses to let a key override itself."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[str] = []

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - yaml's
    ) -> dict[Hashable, Any]:
        """Note the keys that stand twice in one mapping."""
        seen: set[object] = set()
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in seen:
                where = _where(key.start_mark)
                self.repeated.append(f"{where}: {shown_key(key.value)} is set twice")
            seen.add(name)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> object:
    """Return the value of a YAML (or JSON) text; None if it is empty.

    Raises:
        SourceError: each fault with its line and column, and no value.
    """
    try:
        loader = _Loader(text)
        value = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        raise SourceError(_syntax_fault(error)) from None
    except yaml.YAMLError:
        raise SourceError("expected YAML: a character is not allowed") from None
    except RecursionError:
        raise SourceError("expected YAML that is nested less deeply") from None
    except ValueError:
        # PyYAML lets these through for dates and numbers out of range.
        raise SourceError("expected YAML: a date or number is out of range") from None
    if loader.repeated:
        raise SourceError(*loader.repeated)
    return value


def _where(mark: yaml.Mark) -> str:
    """Return line and column as editors count them."""
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _syntax_fault(error: yaml.MarkedYAMLError) -> str:
    """Return where the YAML breaks and why, without what PyYAML quotes of it."""
    mark = error.problem_mark or error.context_mark
    why = _QUOTED.sub(lambda found: found["harmless"] or "", error.problem or "")
    where = f"{_where(mark)}: " if mark else ""
    return f"{where}expected YAML: {why.strip()}"


def read_file(file: Path) -> object:
    """Return the value of a YAML file.

    Raises:
        SourceError: it cannot be read, is no UTF-8 or no YAML.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError("expected text in UTF-8") from None
    except ValueError:
        raise SourceError("expected the path of a file") from None
    return parse_yaml(text)


def decoded(knob: Knob, text: str) -> object:
    """Return what the text of a variable or flag stands for.

    Raises:
        SourceError: the text of a list or of plans is not as expected.
    """
    if knob.shape == "document":
        return _entries(parse_yaml(text), knob.expected)
    if knob.shape != "list":
        return text
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    expected = f"{knob.expected}, as JSON or separated by commas"
    try:
        return _entries(parse_yaml(text), expected)
    except SourceError:
        raise SourceError(f"expected {expected}") from None


def _entries(value: object, expected: str) -> list[object]:
    """Return the entries of a list, or of nothing at all."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise SourceError(f"expected {expected}")
    return value


def unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables that look like ours and name no setting."""
    known = {knob.environment for knob in knobs()} | {FILE_VARIABLE}
    return tuple(
        name
        for name in sorted(environ)
        if name.startswith(PREFIX)
        and name not in known
        and not name.startswith(_INJECTED)
    )
