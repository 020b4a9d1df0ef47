"""The catalogue of settings: path, flag, variable, default and words of each.

It must not hold a fact of its own: all of it is read off the model.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from inspect import cleandoc
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from exporter.config.kinds import Expected
from exporter.config.section import Section
from exporter.config.settings import Settings
from exporter.model.durations import format_duration

PREFIX = "ROCKETMQ_DR_"

Shape = Literal["text", "switch", "list", "document"]


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting, as users meet it.

    A setting of a plan has `[]` in its path and neither flag nor variable of its own:
    plans are given whole. A secret has no flag, as a command line is public.
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
def knobs() -> tuple[Knob, ...]:
    """Return every setting, in the order of the model."""
    return tuple(_knobs_of(Settings, ""))


@cache
def knobs_by_path() -> dict[str, Knob]:
    """Return every setting by its path."""
    return {knob.path: knob for knob in knobs()}


@cache
def sections() -> dict[str, str]:
    """Return the sections that the file may hold, and what each is about."""
    return {
        name: cleandoc(field.annotation.__doc__ or "").partition("\n\n>>>")[0]
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }


def _knobs_of(section: type[BaseModel], prefix: str) -> Iterator[Knob]:
    """Yield the settings of a section and of what it holds."""
    for name, field in section.model_fields.items():
        path = f"{prefix}{name}"
        nested = _section(field.annotation)
        if nested is None:
            yield _knob(path, field)
        elif get_origin(field.annotation) is tuple:
            yield _knob(path, field)
            yield from _knobs_of(nested, f"{path}[].")
        else:
            yield from _knobs_of(nested, f"{path}.")


def _knob(path: str, field: FieldInfo) -> Knob:
    """Describe the setting that a field holds."""
    kinds = set(_kinds(field.annotation))
    is_own = "[]" not in path
    flag = flag_name(path)
    if isinstance(field.json_schema_extra, dict):
        flag = str(field.json_schema_extra["flag"])
    return Knob(
        path=path,
        shape=_shape(field, kinds),
        expected=next(_expectations(field)).words,
        default=None if field.is_required() else field.default,
        description=field.description or "",
        flag=flag if is_own and SecretStr not in kinds else None,
        environment=variable(path) if is_own else None,
        is_required=field.is_required(),
    )


def written(value: object) -> str:
    """Return a value as the YAML file writes it.

    >>> written(timedelta(seconds=90)), written((".*",)), written(5.0), written(None)
    ('1m30s', '[".*"]', '5', 'null')
    """
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def flag_name(path: str) -> str:
    """Return the flag of a path, whether or not the setting has one.

    >>> flag_name("api.page_size")
    '--api.page-size'
    """
    return "--" + path.replace("_", "-")


def variable(path: str) -> str:
    """Return the environment variable of a path.

    >>> variable("api.page_size")
    'ROCKETMQ_DR_API__PAGE_SIZE'
    """
    return PREFIX + path.upper().replace(".", "__")


def _section(annotation: Any) -> type[Section] | None:
    """Return the section that the annotation is, or is a list of."""
    candidates = (annotation, *get_args(annotation))
    for each in candidates:
        if isinstance(each, type) and issubclass(each, Section):
            return each
    return None


def _shape(field: FieldInfo, kinds: set[Any]) -> Shape:
    """Tell how the setting is written where there is only text."""
    if get_origin(field.annotation) is tuple:
        return "list" if _section(field.annotation) is None else "document"
    return "switch" if bool in kinds else "text"


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield every type the annotation is made of."""
    yield annotation
    for argument in get_args(annotation):
        yield from _kinds(argument)


def _expectations(field: FieldInfo) -> Iterator[Expected]:
    """Yield the words of the field, those of the whole before those of a part."""
    yield from (each for each in field.metadata if isinstance(each, Expected))
    for kind in _kinds(field.annotation):
        if get_origin(kind) is Annotated:
            metadata = kind.__metadata__
            yield from (each for each in metadata if isinstance(each, Expected))
