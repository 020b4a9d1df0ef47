"""What a value may be: the annotated types that settings are made of.

It must not know any setting by name, nor repeat a value that it refuses.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from exporter.config.addresses import (
    ENDPOINT,
    LISTEN_ADDRESS,
    REGION,
    checked_region,
    endpoint_url,
    split_address,
)
from exporter.model.durations import parse_duration

_Entry = TypeVar("_Entry", bound=Hashable)
_VISIBLE = r"[\x21-\x7e]+"
_PATH = r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+/?"
_TAKEN_PATHS = {"/-/healthy", "/-/ready", "/-/reload"}


@dataclass(frozen=True, slots=True)
class Expected:
    """The words that follow "expected", in faults and in the documentation."""

    words: str


def fault(message: str) -> PydanticCustomError:
    """Return an error whose own message is shown, where "expected" says too little."""
    return PydanticCustomError("setting", "{message}", {"message": message})


def faults(*pairs: tuple[str, str]) -> PydanticCustomError:
    """Return an error of several (setting of this section, message) pairs."""
    return PydanticCustomError("settings", "several faults", {"pairs": pairs})


def _duration(value: object) -> timedelta:
    """Accept what Prometheus accepts: text with units, and a bare 0."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) or (value == 0 and type(value) is int):
        return parse_duration(str(value))
    raise ValueError("a duration needs a unit")


def _whole_seconds(duration: timedelta) -> timedelta:
    """Refuse a fraction of a second, which a Lease cannot express."""
    if duration.microseconds:
        raise ValueError("not whole seconds")
    return duration


def _whole(value: object) -> int:
    """Accept a whole number or its digits, but no truth value and no fraction."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("not a whole number")


def _number(value: object) -> object:
    """Refuse truth values, which count as numbers in Python."""
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic catches ValueError
    return value


def _switch(value: object) -> bool:
    """Accept true and false alone: ``enable: 2`` is a mistake, not a yes."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise ValueError("not true or false")


def _digits(value: object) -> object:
    """Accept ids that YAML took for numbers."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value


def _listen_address(text: str) -> str:
    """Refuse what cannot be listened on."""
    split_address(text)
    return text


def _endpoint(text: str) -> str:
    """Return the base URL, or say which rule the endpoint breaks."""
    try:
        return endpoint_url(text)
    except ValueError as error:
        raise fault(str(error)) from None


def _visible(secret: SecretStr) -> SecretStr:
    """Refuse what a header could not carry, such as the line break of ``echo``."""
    if re.fullmatch(_VISIBLE, secret.get_secret_value()) is None:
        raise ValueError("not visible characters alone")
    return secret


def _telemetry_path(text: str) -> str:
    """Refuse paths that another page has, or that aiohttp takes for a pattern."""
    if re.fullmatch(_PATH, text) is None or text.rstrip("/") in _TAKEN_PATHS:
        raise ValueError("not a free path")
    return text


def unique(entries: Sequence[_Entry]) -> tuple[_Entry, ...]:
    """Drop repeated entries: an item named twice is polled once."""
    return tuple(dict.fromkeys(entries))


_DURATION = "a duration such as 90s or 1m30s"

Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    Field(ge=timedelta()),
    Expected(_DURATION),
]
PositiveDuration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    Field(gt=timedelta()),
    Expected(f"{_DURATION}, above 0"),
]
LeaseDuration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    AfterValidator(_whole_seconds),
    Field(ge=timedelta(seconds=1), le=timedelta(hours=1)),
    Expected("a duration in whole seconds, from 1s to 1h"),
]
KubernetesName = Annotated[
    str,
    # What is appended for a shard has to fit too.
    Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$"),
    Expected("a name of lower-case letters, digits and dashes, at most 50"),
]
NamespaceName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"),
    Expected("a name of lower-case letters, digits and dashes, at most 63"),
]
FilePath = Annotated[Path, Expected("the path of a file")]
PageSize = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=1, le=1000),
    Expected("a whole number from 1 to 1000"),
]
PositiveCount = Annotated[
    int, BeforeValidator(_whole), Field(ge=1), Expected("a whole number of at least 1")
]
Count = Annotated[
    int, BeforeValidator(_whole), Field(ge=0), Expected("a whole number of at least 0")
]
Rate = Annotated[
    float,
    BeforeValidator(_number),
    Field(gt=0, allow_inf_nan=False),
    Expected("a number above 0"),
]
Switch = Annotated[bool, BeforeValidator(_switch), Expected("true or false")]
Text = Annotated[str, Field(min_length=1), Expected("text that is not empty")]
Region = Annotated[str, AfterValidator(checked_region), Expected(REGION)]
Endpoint = Annotated[str, AfterValidator(_endpoint), Expected(ENDPOINT)]
ListenAddress = Annotated[str, AfterValidator(_listen_address)]
ListenAddresses = Annotated[
    tuple[ListenAddress, ...],
    Field(min_length=1),
    AfterValidator(unique),
    Expected(f"a list of addresses, each {LISTEN_ADDRESS}"),
]
# Credentials travel in request headers, where a line break would be an injection.
KeyId = Annotated[
    str,
    Field(pattern=rf"^{_VISIBLE}$"),
    Expected("text without spaces and line breaks"),
]
Secret = Annotated[
    SecretStr,
    AfterValidator(_visible),
    Expected("text without spaces and line breaks"),
]
WebConfigFile = Annotated[
    Path | None,
    # As in exporter-toolkit, where the flag without a value switches it off.
    BeforeValidator(lambda value: None if value == "" else value),
    Expected("the path of a file"),
]
TelemetryPath = Annotated[
    str,
    AfterValidator(_telemetry_path),
    Expected("a path such as /metrics that no other page has"),
]
Id = Annotated[
    str,
    BeforeValidator(_digits),
    Field(pattern=r"^[0-9]{1,32}$"),
    Expected("an id made of digits"),
]
Ids = Annotated[
    tuple[Id, ...], AfterValidator(unique), Expected("a list of ids made of digits")
]
Texts = Annotated[tuple[Text, ...], AfterValidator(unique), Expected("a list of names")]
