"""Flags, environment and file become settings, or one line per fault.

No line shows a value: it may be a secret in the wrong place.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
)

from exporter.config.catalogue import PREFIX, sections, setting_specs, variable
from exporter.config.settings import Settings

FILE_VARIABLE = variable("config.file")
# Kubernetes injects these for a Service of the exporter's name.
_INJECTED = f"{PREFIX}EXPORTER_"
# A single character or the name of a token may be quoted; from anything else on,
# PyYAML's message is cut off, as it could be a part of a secret.
_QUOTED = re.compile(r"""(?P<harmless>'(?:<[a-z -]+>|.)'|"'")|['"].*""", re.DOTALL)
_NOT_A_MAPPING = {"model_type", "model_attributes_type", "dict_type"}
_NOT_A_KEY = {"extra_forbidden", "invalid_key"}
_MAPPING_EXPECTED = "expected a mapping of settings"

_Location = tuple[int | str, ...]


class ConfigurationError(Exception):
    """The configuration cannot be used; each fault is one line without values."""

    def __init__(self, faults: tuple[str, ...], warnings: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
        self.warnings = warnings


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and one line for each unknown variable under our prefix."""

    settings: Settings
    warnings: tuple[str, ...]


def load(
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
) -> Loaded:
    """Return the settings: a flag wins over the environment, that over the file.

    `flags` are by path (``api.region``), as `exporter.app.flags.setting_flags` returns
    them. Without `file`, ROCKETMQ_DR_CONFIG__FILE may name one.

    Raises:
        ConfigurationError: every fault that was found.
    """
    if file is None and FILE_VARIABLE in environ:
        file = Path(environ[FILE_VARIABLE])
    warnings = tuple(_unknown_variables(environ))
    origins = _Origins(file, {})
    given: dict[str, object] = {}
    for path, spec in setting_specs().items():
        if path in flags:
            origins.names[path], given[path] = spec.flag or path, flags[path]
        elif (name := spec.environment) is not None and name in environ:
            origins.names[path], given[path] = name, environ[name]
    tree, faults = _file_tree(file)
    try:
        settings = _merged(given, tree)
    except ValidationError as error:
        faults += _fault_lines(error, origins)
    if faults:
        raise ConfigurationError(tuple(faults), warnings)
    return Loaded(settings, warnings)


def _merged(given: Mapping[str, object], tree: dict[str, Any]) -> Settings:
    """Validate what flags and variables say, and what the file says beneath them."""

    class Sources(Settings, BaseSettings):  # type: ignore[misc]  # two model_config
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            above = _GivenSource(settings_cls, given)
            return above, InitSettingsSource(settings_cls, tree)

    return Settings(**dict(Sources()))


class _GivenSource(EnvSettingsSource):
    """The settings that a flag or a variable gives, of which a flag wins."""

    def __init__(
        self, settings_cls: type[BaseSettings], given: Mapping[str, object]
    ) -> None:
        super().__init__(settings_cls, env_prefix=PREFIX, env_nested_delimiter="__")
        values = {variable(path).lower(): value for path, value in given.items()}
        self.env_vars = cast("dict[str, str | None]", values)

    def decode_complex_value(
        self,
        field_name: str,
        field: FieldInfo,  # noqa: ARG002 - pydantic-settings' signature
        value: Any,
    ) -> Any:
        """Return the entries of a list; leave other text to the model."""
        if not isinstance(value, str):
            return value
        if field_name != "plans" and not value.lstrip().startswith("["):
            return [part.strip() for part in value.split(",") if part.strip()]
        try:
            return yaml.safe_load(value) or []
        except (yaml.YAMLError, ValueError, RecursionError):
            return value


def _file_tree(file: Path | None) -> tuple[dict[str, Any], list[str]]:
    """Return the sections of the file that can be merged, and faults of the rest."""
    try:
        value = {} if file is None else read_file(file)
    except SourceError as error:
        return {}, [one_line(f"{file}: {each}") for each in error.faults]
    if not isinstance(value, dict | None):
        return {}, [one_line(f"{file}: {_MAPPING_EXPECTED}")]
    # Where a variable overrides a part of it, the whole would be lost silently.
    broken = [
        name
        for name in sections()
        if not isinstance((value or {}).get(name), dict | None)
    ]
    tree = {str(key): each for key, each in (value or {}).items() if key not in broken}
    return tree, [one_line(f"{file}: {name}: {_MAPPING_EXPECTED}") for name in broken]


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each variable that looks like ours and names no setting."""
    known = {spec.environment for spec in setting_specs().values() if spec.environment}
    known.add(FILE_VARIABLE)
    for name in sorted(environ):
        is_ours = name.startswith(PREFIX) and not name.startswith(_INJECTED)
        if is_ours and name not in known:
            yield one_line(f"{name}: unknown variable{did_you_mean(name, known)}")


class SourceError(ValueError):
    """A file that cannot be read; `faults` names no value."""

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults


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


def read_file(file: Path) -> object:
    """Return the value of a YAML (or JSON) file; None if it is empty.

    Raises:
        SourceError: it cannot be read, is no UTF-8 or no YAML; with line and column,
            and no value.
    """
    try:
        loader = _Loader(file.read_text(encoding="utf-8-sig"))
        value = loader.get_single_data()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        raise SourceError(_syntax_fault(error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # A character, date, number, depth or path that Python or PyYAML refuses.
        why = type(error).__name__
        raise SourceError(f"cannot be read as YAML in UTF-8 ({why})") from None
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


def shown_key(key: object) -> str:
    """Return a key if it looks like one, else only that there is a key.

    >>> shown_key("page_size"), shown_key("a b: c")
    ('page_size', 'a key')
    """
    is_plain = isinstance(key, str) and re.fullmatch(r"[A-Za-z_][\w-]{0,39}", key)
    return str(key) if is_plain else "a key"


def one_line(text: str) -> str:
    """Replace what would break or disguise a line of output.

    >>> one_line("a" + chr(10) + "b")
    'a?b'
    """
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "?", text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question that ends a fault about an unknown name, if one is near.

    >>> did_you_mean("regoin", ["region", "network"]), did_you_mean("x", ["region"])
    (', did you mean region?', '')
    """
    near = get_close_matches(name, sorted(known), n=1)
    return f", did you mean {near[0]}?" if near else ""


@dataclass(frozen=True, slots=True)
class _Origins:
    """Where settings came from: `names` has the flag or variable of a path."""

    file: Path | None
    names: dict[str, str]

    def line(self, path: str, message: str) -> str:
        """Return the fault as one line that names the origin and the setting.

        >>> origins = _Origins(Path("exporter.yml"), {"log.level": "--log.level"})
        >>> origins.line("log.level", "expected debug, info, warn or error")
        '--log.level: expected debug, info, warn or error'
        >>> origins.line("plans[0].id", "expected an id made of digits")
        'exporter.yml: plans[0].id: expected an id made of digits'
        """
        owner = path.partition("[")[0]
        origin = self.names.get(owner) or (str(self.file) if self.file else "")
        is_named = owner in self.names and owner == path
        parts = (origin, "" if is_named else path, message)
        return one_line(": ".join(part for part in parts if part))


def _fault_lines(error: ValidationError, origins: _Origins) -> Iterator[str]:
    """Yield one line for each thing the model refused."""
    for found in error.errors(include_url=False, include_input=False):
        kind, location = found["type"], found["loc"]
        if kind == "faults":
            for name, message in found["ctx"]["faults"].items():
                yield origins.line(
                    _path((*location, *([name] if name else ()))), message
                )
            continue
        message = _message(kind, location)
        if kind == "tuple_type" and _path(location) in origins.names:
            message += ", as JSON or separated by commas"
        is_hidden = kind in _NOT_A_KEY and shown_key(location[-1]) != location[-1]
        yield origins.line(_path(location[:-1] if is_hidden else location), message)


def _message(kind: str, location: _Location) -> str:
    """Return what the setting at the location should have been."""
    if kind in _NOT_A_KEY:
        return _unknown(location)
    if kind in _NOT_A_MAPPING:
        return _MAPPING_EXPECTED
    # The words of the setting at, or next above, the location.
    above = (_path(location[:end], "[]") for end in range(len(location), 0, -1))
    specs = setting_specs()
    expected = next(specs[path].expected for path in above if path in specs)
    return (
        f"required: expected {expected}"
        if kind == "missing"
        else f"expected {expected}"
    )


def _unknown(location: _Location) -> str:
    """Name the unknown key, and the setting that was perhaps meant."""
    key = shown_key(location[-1])
    prefix = _path((*location[:-1], ""), "[]")
    paths = list(setting_specs())
    inside = [path.removeprefix(prefix) for path in paths if path.startswith(prefix)]
    siblings = {re.split(r"[.\[]", path, maxsplit=1)[0] for path in inside}
    elsewhere = [path for path in paths if path.rpartition(".")[2] == key]
    meant = f", did you mean {elsewhere[0]}?" if elsewhere else ""
    return f"unknown setting{did_you_mean(key, siblings) or meant}"


def _path(location: _Location, entry: str = "[{}]") -> str:
    """Return the location as people write it: keys joined by dots, entries behind."""
    text = ""
    for part in location:
        is_entry = isinstance(part, int)
        text += entry.format(part) if is_entry else f".{part}" if text else str(part)
    return text
