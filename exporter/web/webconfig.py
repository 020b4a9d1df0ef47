"""What a web configuration says: exporter-toolkit's fields, with their faults.

It must not open what the file names (`exporter.web.tls` does), nor show a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from exporter.config import ConfigurationError
from exporter.config.load import SourceError, one_line, read_file, shown_key
from exporter.web.webvalues import (
    CipherSuite,
    Curve,
    GoDuration,
    Hash,
    TlsVersion,
    checked_header,
)

_EXPECTED = {
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "int_type": "expected a whole number",
    "greater_than_equal": "expected a number of at least 0",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "extra_forbidden": "unknown setting",
    "invalid_key": "expected text as a key",
}


class _Section(BaseModel):
    """A mapping of the file: strict, and without values in its errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True
    )


class TlsServer(_Section):
    """`tls_server_config`: of a pair such as cert and cert_file the file wins."""

    cert: str = Field("", repr=False)
    cert_file: str = ""
    key: str = Field("", repr=False)
    key_file: str = ""
    client_ca: str = Field("", repr=False)
    client_ca_file: str = ""
    client_auth_type: str = ""
    client_allowed_sans: tuple[str, ...] = Field((), strict=False)
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"
    cipher_suites: tuple[CipherSuite, ...] = Field((), strict=False)
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[Curve, ...] = Field((), strict=False)

    @property
    def is_enabled(self) -> bool:
        """Whether the file asks for TLS; versions and ciphers alone do not."""
        return any(
            (
                *(self.cert, self.cert_file, self.key, self.key_file),
                *(self.client_ca, self.client_ca_file, self.client_auth_type),
            )
        )


class HttpServer(_Section):
    """`http_server_config`: http2 is taken and has no effect, aiohttp has none."""

    http2: bool = True
    headers: dict[str, str] = Field(default_factory=dict)

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in headers.items():
            checked_header(name, value)
        return headers


class RateLimit(_Section):
    """`rate_limit`: one request per `interval` seconds; 0 is no limit."""

    interval: GoDuration = 0.0
    burst: Annotated[int, Field(ge=0)] = 0


class WebConfig(_Section):
    """The whole file; an empty one is plain HTTP for everybody."""

    tls_server_config: TlsServer = TlsServer()
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, Hash] = Field(default_factory=dict, repr=False)
    rate_limit: RateLimit = RateLimit()


def read(file: Path) -> WebConfig:
    """Return what a web configuration says.

    Raises:
        ConfigurationError: one line per fault, with the file and the field.
    """
    try:
        value = _without_nulls(read_file(file))
    except SourceError as error:
        raise fault(file, *error.faults) from None
    try:
        return WebConfig.model_validate({} if value is None else value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise fault(file, *(_line(each) for each in found)) from None


def fault(file: Path, *messages: str) -> ConfigurationError:
    """Return the error that says what is wrong with a web configuration."""
    return ConfigurationError(tuple(one_line(f"{file}: {each}") for each in messages))


def _line(found: Mapping[str, Any]) -> str:
    location: tuple[int | str, ...] = found["loc"]
    keys = [each for each in location if each != "[key]"]
    path = ".".join(str(e) if isinstance(e, int) else shown_key(e) for e in keys)
    message = _EXPECTED.get(found["type"], found["msg"])
    return f"{path}: {message}" if path else message


def _without_nulls(value: object) -> object:
    """Drop keys without a value: they count as left out."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return value
