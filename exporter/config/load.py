"""Flags, environment and file become settings, or one line per fault.

No line shows a value: it may be a secret in the wrong place.
"""

import re
from collections.abc import Hashable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    SettingsConfigDict,
)

from exporter.config.catalogue import (
    PREFIX,
    SettingSpec,
    sections,
    setting_specs,
    variable,
)
from exporter.config.settings import Settings

FILE_VARIABLE = variable("config.file")
# Kubernetes injects these for a Service of the exporter's name.
_INJECTED = f"{PREFIX}EXPORTER_"
# A single character or the name of a token may be quoted; from anything else on,
# PyYAML's message is cut off, as it could be a part of a secret.
_QUOTED = re.compile(r"""(?P<harmless>'(?:<[a-z -]+>|.)'|"'")|['"].*""", re.DOTALL)
_MAPPING_EXPECTED = "expected a mapping of settings"

_Given = Mapping[str, tuple[str, object]]
"""What flags and variables say, by path: the name of the flag or variable, and text."""


class ConfigurationError(Exception):
    """The configuration cannot be used; each fault is one line without values."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = tuple(map(one_line, faults))
        super().__init__("\n".join(self.faults))


def load(
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
) -> Settings:
    """Return the settings: a flag wins over the environment, that over the file.

    `flags` are by path (``api.region``), as `exporter.app.flags.setting_flags` returns
    them. Without `file`, ROCKETMQ_DR_CONFIG__FILE may name one.

    Raises:
        ConfigurationError: every fault of the values, or the first that makes the file
            unreadable.
    """
    file = config_file(file, environ)
    tree = {} if file is None else read_file(file)
    given = _given(flags, environ, tree)
    try:
        return _merged(given, tree)
    except ValidationError as error:
        faults = [_line(each, file, given) for each in error.errors()]
    raise ConfigurationError(tuple(faults))


def config_file(flag: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file that a flag names, or else the environment."""
    named = environ.get(FILE_VARIABLE)
    return Path(named) if flag is None and named is not None else flag


def given_by(path: str, flags: Mapping[str, object], environ: Mapping[str, str]) -> str:
    """Return what gives a setting, as its user names it: flag, variable or path."""
    spec = setting_specs()[path]
    if path in flags and spec.flag:
        return spec.flag
    return variable(path) if variable(path) in environ else path


class _Sources(Settings, BaseSettings):
    """Settings that pydantic-settings merges from sources, the first above the rest."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", enable_decoding=False
    )


def _merged(given: _Given, tree: dict[str, Any]) -> Settings:
    """Validate what flags and variables say, and what the file says beneath them."""
    above = EnvSettingsSource(_Sources)
    values = {variable(path).lower(): value for path, (_, value) in given.items()}
    above.env_vars = cast("dict[str, str | None]", values)
    sources = above, InitSettingsSource(_Sources, tree)
    return Settings(**dict(_Sources(_build_sources=(sources, {}))))


def _given(
    flags: Mapping[str, object], environ: Mapping[str, str], tree: Mapping[str, object]
) -> _Given:
    """Return what flags and variables say; a flag wins over a variable."""
    given: dict[str, tuple[str, object]] = {}
    for path, spec in setting_specs().items():
        section, _, name = path.partition(".")
        if name and not isinstance(tree.get(section, {}), dict):
            # It would hide that this section of the file is no mapping.
            continue
        if path in flags:
            given[path] = spec.flag or path, _decoded(spec, flags[path])
        elif spec.environment is not None and spec.environment in environ:
            given[path] = spec.environment, _decoded(spec, environ[spec.environment])
    return given


def _decoded(spec: SettingSpec, value: object) -> object:
    """Return the entries of a list; the model refuses text that is no list."""
    if spec.shape not in {"list", "document"} or not isinstance(value, str):
        return value
    if spec.shape == "list" and not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        return _read_yaml(value) or []
    except (yaml.YAMLError, ValueError, RecursionError):
        return value


def unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return a line for each variable that looks like ours and names no setting."""
    known = {spec.environment for spec in setting_specs().values() if spec.environment}
    known.add(FILE_VARIABLE)
    ours = {name for name in environ if name.startswith(PREFIX)}
    return tuple(
        one_line(f"{name}: unknown variable{did_you_mean(name, known)}")
        for name in sorted(ours - known)
        if not name.startswith(_INJECTED)
    )


class _Loader(yaml.SafeLoader):
    """Safe YAML: keys are text, none stands twice, one without a value is left out."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - yaml's
    ) -> dict[Hashable, Any]:
        """Return the keys that have a value."""
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                problem = f"{shown_key(key.value)} is set twice"
                raise yaml.MarkedYAMLError(None, None, problem, key.start_mark)
            seen.add(str(key.value))
        values = super().construct_mapping(node, deep)
        return {str(key): value for key, value in values.items() if value is not None}


def _read_yaml(text: str) -> object:
    return _Loader(text).get_single_data()


def read_file(file: Path) -> dict[str, Any]:
    """Return what a YAML (or JSON) file says, without nulls; {} if it says nothing.

    Raises:
        ConfigurationError: it cannot be read, is no UTF-8, no YAML or no mapping; with
            line and column.
    """
    try:
        value = _read_yaml(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        why = _QUOTED.sub(lambda found: found["harmless"] or "", error.problem or "")
        fault = f"{where}expected YAML: {why.strip()}"
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # A character, date, number, depth or path that Python or PyYAML refuses.
        fault = f"cannot be read as YAML in UTF-8 ({type(error).__name__})"
    else:
        if value is None or isinstance(value, dict):
            return value or {}
        fault = _MAPPING_EXPECTED
    raise ConfigurationError((f"{file}: {fault}",))


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
    """Return the question that ends a fault about an unknown name, if one is near."""
    near = get_close_matches(name, sorted(known), n=1)
    return f", did you mean {near[0]}?" if near else ""


def _line(found: ErrorDetails, file: Path | None, given: _Given) -> str:
    """Return what the model refused as one line: where it was given, and the fault."""
    path, fault = _explained(found)
    owner = path.partition("[")[0]
    if owner not in given:
        return ": ".join(filter(None, (str(file or ""), path, fault)))
    if found["type"] == "tuple_type" and owner == path:
        fault += ", as JSON or separated by commas"
    origin, _ = given[owner]
    return f"{origin}: {fault}" if owner == path else f"{origin}: {path}: {fault}"


def _explained(found: ErrorDetails) -> tuple[str, str]:
    """Return the path of what the model refused, and what was expected there."""
    kind, location, path = found["type"], found["loc"], _path(found["loc"])
    setting = re.sub(r"\[[0-9]+\]", "[]", path)
    if kind == "fault":
        beside = found["ctx"]["setting"]
        return f"{path}.{beside}" if beside else path, found["msg"]
    if kind == "extra_forbidden":
        if shown_key(location[-1]) != location[-1]:
            return _path(location[:-1]), "unknown setting"
        near = did_you_mean(setting, (*sections(), *setting_specs()))
        return path, f"unknown setting{near}"
    if kind == "model_type":
        return path, _MAPPING_EXPECTED
    # An entry of a list has no words of its own: those of the list hold.
    specs = setting_specs()
    nearest = max((each for each in specs if setting.startswith(each)), key=len)
    required = "required: " if kind == "missing" else ""
    return path, f"{required}expected {specs[nearest].expected}"


def _path(location: tuple[int | str, ...]) -> str:
    """Return a location as people write it, such as `plans[0].id`."""
    parts = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in location)
    return "".join(parts).removeprefix(".")
