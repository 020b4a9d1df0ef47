"""What a setting may be: annotated types, each with the words that say what fits."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import re2
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from exporter.model.durations import parse_duration

LISTEN_ADDRESS = "an address such as :10063, 127.0.0.1:10063 or [::1]:10063"
_REGION = "a region name such as cn-hangzhou"
_DURATION = "a duration such as 90s or 1m30s"

_DNS_LABEL = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
_DNS_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]*)):([0-9]{1,5})")
_LARGEST_PORT = 65_535
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+/?")
# What the API documents of the pages of plans and items.
SMALLEST_PAGE, LARGEST_PAGE = 10, 10_000
_TAKEN_PATHS = {"/-/healthy", "/-/ready", "/-/reload"}


@dataclass(frozen=True, slots=True)
class Expected:
    """The words that follow "expected", in faults and in the documentation."""

    words: str


def fault(message: str, setting: str = "") -> PydanticCustomError:
    """Return an error with a message of its own, where `Expected` says too little.

    A section's error names the setting that is wrong.
    """
    return PydanticCustomError("fault", message, {"setting": setting})


def is_loopback(host: str) -> bool:
    """Tell whether the host, as written, can only be this machine.

    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("127.0.0.1.example")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def split_address(text: str) -> tuple[str | None, int]:
    """Return host and port of a listen address; None is every interface.

    >>> split_address(":10063"), split_address("[::1]:9100")
    ((None, 10063), ('::1', 9100))
    """
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[3]) > _LARGEST_PORT:
        raise ValueError(f"expected {LISTEN_ADDRESS}")
    if match[1]:
        IPv6Address(match[1])  # a ValueError, unless it is one
    return match[1] or match[2] or None, int(match[3])


def checked_region(name: str) -> str:
    """Return the name if it can stand in a host name; unknown regions are accepted."""
    if re.fullmatch(_DNS_LABEL, name) is None:
        raise ValueError(f"expected {_REGION}")
    return name


def endpoint_url(text: str) -> str:
    """Return the base URL that an endpoint stands for: scheme, host, port, no more."""
    url = (text if "://" in text else f"https://{text}").lower().removesuffix("/")
    scheme, _, address = url.partition("://")
    has_port = re.search(r":[0-9]+$", address)
    host, _ = split_address(address if has_port else f"{address}:443")
    if host is None or not (":" in host or _DNS_HOST.fullmatch(host)):
        raise ValueError("not a host")
    if scheme not in {"https", "http"}:
        raise ValueError("not a URL of HTTP")
    if scheme == "http" and not is_loopback(host):
        raise fault("expected https: plain http is allowed to loopback only")
    return url


def listen_address(text: str) -> str:
    """Refuse what cannot be listened on."""
    split_address(text)
    return text


def _telemetry_path(text: str) -> str:
    """Refuse the path of another page, and what aiohttp takes for a pattern."""
    if _PATH.fullmatch(text) is None or text.rstrip("/") in _TAKEN_PATHS:
        raise ValueError("not a free path")
    return text


def _duration(value: object) -> timedelta:
    """Read what Prometheus reads: text with units, and a bare 0."""
    text = str(value)
    if re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise fault(f"{text} has no unit, write {text}s")
    return value if isinstance(value, timedelta) else parse_duration(text)


def _page_size(value: object) -> object:
    """Read a number of rows, or the word that leaves it to the exporter."""
    if value == "auto":
        return value
    size = int(str(value)) if re.fullmatch("[0-9]{1,9}", str(value)) else 0
    if not SMALLEST_PAGE <= size <= LARGEST_PAGE:
        raise ValueError("not a size of a page")
    return size


def _number(value: object) -> object:
    """Refuse truth values, which count as numbers in Python."""
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic catches ValueError
    return value


@lru_cache(maxsize=1024)
def compiled(expression: str) -> Any:
    """Compile an expression whose dot means any character, as in Prometheus."""
    options = re2.Options()
    options.log_errors = False  # it would write the expression to stderr
    options.dot_nl = True
    return re2.compile(expression, options)


def valid_expression(text: str) -> str:
    """Refuse what RE2 refuses, and say why without the expression."""
    try:
        compiled(text)
    except re2.error as error:
        why = error.args[0].decode(errors="replace").partition(":")[0]
    except UnicodeEncodeError:
        why = "not Unicode text"
    else:
        return text
    raise fault(f"expected an RE2 regular expression: {why}")


# For words of a closed set: VPC is vpc.
ANY_CASE = BeforeValidator(lambda text: text.lower() if isinstance(text, str) else text)
# An item named twice is polled once.
UNIQUE = AfterValidator(lambda entries: tuple(dict.fromkeys(entries)))

_Duration = Annotated[timedelta, BeforeValidator(_duration)]
Duration = Annotated[_Duration, Field(ge=timedelta()), Expected(_DURATION)]
PositiveDuration = Annotated[
    _Duration, Field(gt=timedelta()), Expected(f"{_DURATION}, above 0")
]
_SECOND = timedelta(seconds=1)
LeaseDuration = Annotated[
    _Duration,
    Field(ge=_SECOND, le=timedelta(hours=1), multiple_of=_SECOND),  # as a Lease has it
    Expected("a duration in whole seconds, from 1s to 1h"),
]
_DNS_WORDS = "a name of lower-case letters, digits and dashes, at most"
# The index of a shard is appended and has to fit too.
LeaseName = Annotated[
    str, Field(pattern=_DNS_LABEL, max_length=50), Expected(f"{_DNS_WORDS} 50")
]
NamespaceName = Annotated[str, Field(pattern=_DNS_LABEL), Expected(f"{_DNS_WORDS} 63")]
# An empty path means no file, as in exporter-toolkit.
FilePath = Annotated[
    Path | None,
    BeforeValidator(lambda value: None if value == "" else value),
    Expected("the path of a file"),
]
_Whole = Annotated[int, BeforeValidator(_number)]
PageSize = Annotated[
    Literal["auto"] | int,
    PlainValidator(_page_size),
    Expected(f"auto or a whole number from {SMALLEST_PAGE} to {LARGEST_PAGE}"),
]
PositiveCount = Annotated[_Whole, Field(ge=1), Expected("a whole number of at least 1")]
Count = Annotated[_Whole, Field(ge=0), Expected("a whole number of at least 0")]
Rate = Annotated[
    float,
    BeforeValidator(_number),
    Field(gt=0, allow_inf_nan=False),
    Expected("a number above 0"),
]
Share = Annotated[
    float, BeforeValidator(_number), Field(ge=0, le=1), Expected("a number from 0 to 1")
]
ListenAddress = Annotated[str, AfterValidator(listen_address), Expected(LISTEN_ADDRESS)]
Switch = Annotated[bool, Expected("true or false")]
Text = Annotated[str, Field(min_length=1), Expected("text that is not empty")]
Region = Annotated[str, AfterValidator(checked_region), Expected(_REGION)]
Regions = Annotated[
    tuple[Region, ...], UNIQUE, Expected("a list of region names such as cn-hangzhou")
]
Endpoint = Annotated[
    str,
    AfterValidator(endpoint_url),
    Expected(
        "a host, host:port or URL without user, path and query; https, or http to "
        "loopback"
    ),
]
# Credentials travel in request headers, where a line break would be an injection.
HeaderText = Annotated[
    str,
    Field(pattern=r"^[\x21-\x7e]+$"),
    Expected("text without spaces and line breaks"),
]
Secret = pydantic.Secret[HeaderText]
TelemetryPath = Annotated[
    str,
    AfterValidator(_telemetry_path),
    Expected("a path such as /metrics that no other page has"),
]
# YAML takes an id without quotes for a number.
Id = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,32}$", coerce_numbers_to_str=True),
    Expected("an id made of digits"),
]
