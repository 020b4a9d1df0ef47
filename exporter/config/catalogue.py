"""The catalogue of settings, read off the model: path, flag and words of each."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from inspect import getdoc
from itertools import chain
from typing import Any, Literal, get_args, get_origin

from pydantic import Secret
from pydantic.fields import FieldInfo

from exporter.config.fields import Expected
from exporter.config.settings import Section, Settings
from exporter.model.durations import format_duration

PREFIX = "ROCKETMQ_DR_"

Shape = Literal["text", "switch", "list", "document"]


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """One setting, as users meet it.

    A setting of a plan has `[]` in its path and neither flag, variable nor default of
    its own: plans are given whole. A secret has no flag, as a command line is public.
    """

    path: str
    shape: Shape
    expected: str
    default: object
    description: str
    flag: str | None
    environment: str | None
    is_required: bool


@cache
def setting_specs() -> Mapping[str, SettingSpec]:
    """Return every setting by its path, in the order of the model."""
    return {spec.path: spec for spec in _specs(Settings, "")}


@cache
def sections() -> Mapping[str, str]:
    """Return the sections that the file may hold, and what each is about."""
    return {
        name: getdoc(field.annotation) or ""
        for name, field in Settings.model_fields.items()
        if _is_section(field.annotation)
    }


def written(value: object) -> str:
    """Return a value as the YAML file writes it.

    >>> written(timedelta(seconds=90)), written((".*",)), written(5.0), written(None)
    ('1m30s', '[".*"]', '5', 'null')
    """
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def in_force(section: Section, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every setting that has a value, as the file writes it; no secret.

    Of a plan only what is given: what it leaves out is as for all plans.

    >>> list(in_force(Settings()))[-1]
    ('log.format', 'logfmt')
    """
    for name, value in section:
        path, field = f"{prefix}{name}", type(section).model_fields[name]
        if "[" in prefix and name not in section.model_fields_set:
            continue
        if isinstance(value, Section):
            yield from in_force(value, f"{path}.")
        elif value and isinstance(value, tuple) and isinstance(value[0], Section):
            for number, part in enumerate(value):
                yield from in_force(part, f"{path}[{number}].")
        elif value is not None:
            is_shown = field.repr and not isinstance(value, Secret)
            yield path, written(value) if is_shown else "set, not shown"


def flag_name(path: str) -> str:
    """Return the flag of a path, whether or not the setting has one."""
    # As exporter-toolkit has it.
    return "--" + path.replace(".config_file", ".config.file").replace("_", "-")


def variable(path: str) -> str:
    """Return the environment variable of a path."""
    return PREFIX + path.upper().replace(".", "__")


def _specs(section: type[Section], prefix: str) -> Iterator[SettingSpec]:
    for name, field in section.model_fields.items():
        path = f"{prefix}{name}"
        kinds = tuple(_kinds(field.annotation))
        nested = next((kind for kind in kinds if _is_section(kind)), None)
        is_list = get_origin(field.annotation) is tuple
        if nested is None or is_list:
            yield _spec(path, field, kinds)
        if nested is not None:
            yield from _specs(nested, f"{path}[]." if is_list else f"{path}.")


def _spec(path: str, field: FieldInfo, kinds: tuple[Any, ...]) -> SettingSpec:
    is_own = "[]" not in path
    is_secret = any(get_origin(kind) is Secret for kind in kinds)
    shape: Shape = "switch" if bool in kinds else "text"
    if get_origin(field.annotation) is tuple:
        shape = "document" if any(map(_is_section, kinds)) else "list"
    # The words of the whole stand before those of a part.
    parts = (part for kind in kinds for part in getattr(kind, "__metadata__", ()))
    metadata = chain(field.metadata, parts)
    return SettingSpec(
        path=path,
        shape=shape,
        expected=next(each.words for each in metadata if isinstance(each, Expected)),
        default=field.default if is_own else None,
        description=field.description or "",
        flag=flag_name(path) if is_own and not is_secret else None,
        environment=variable(path) if is_own else None,
        is_required=field.is_required(),
    )


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from _kinds(argument)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)
