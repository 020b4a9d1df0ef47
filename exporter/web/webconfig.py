"""The web configuration file: exporter-toolkit's fields, with a line for each fault.

No fault shows a value: it may be a key.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from exporter.config.load import ConfigurationError, read_file, shown_key

T = TypeVar("T")

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_CURVES = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
# Those of TLS 1.3 are always on with it, in Go as in OpenSSL: they have no name here.
_CIPHERS = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_BCRYPT = re.compile(r"\$2[abxy]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")


def _refused(message: str) -> PydanticCustomError:
    return PydanticCustomError("web", "{message}", {"message": message})


def _one_of(words: Mapping[str, T]) -> PlainValidator:
    """Accept only these words, and keep what each stands for."""

    def meaning(value: object) -> T:
        if not isinstance(value, str) or value not in words:
            raise _refused(f"expected one of {', '.join(filter(None, words))}")
        return words[value]

    return PlainValidator(meaning)


def _hash(value: str) -> str:
    if not _BCRYPT.fullmatch(value):
        raise _refused("expected a bcrypt hash such as $2y$10$ and 53 characters")
    return value


def duration_seconds(value: object) -> float:
    """Return the seconds of a duration as Go writes it, or of the number 0.

    >>> duration_seconds("1m30s"), duration_seconds("1.5ms"), duration_seconds(0)
    (90.0, 0.0015, 0.0)
    """
    text = "0s" if value in (0, "0") and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(f"(?:{_PART.pattern})+", text):
        raise _refused("expected a duration such as 1s or 100ms")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


CipherSuite = Annotated[str, _one_of(_CIPHERS)]
Curve = Annotated[str, _one_of(_CURVES)]
Hash = Annotated[str, AfterValidator(_hash)]
GoDuration = Annotated[float, BeforeValidator(duration_seconds)]
# YAML reads the usual value of X-XSS-Protection as the number 0.
HeaderText = Annotated[
    str, Field(strict=False, coerce_numbers_to_str=True, pattern=r"^\P{Cc}*$")
]

_EXPECTED = {
    "string_type": "expected text",
    "string_pattern_mismatch": "expected one line of text",
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
    """`tls_server_config`: of a pair such as cert and cert_file the file wins.

    Ciphers and curves have OpenSSL's names here, an empty one where it has none.
    """

    cert: str = Field("", repr=False)
    cert_file: str = ""
    key: str = Field("", repr=False)
    key_file: str = ""
    client_ca: str = Field("", repr=False)
    client_ca_file: str = ""
    client_auth_type: str = ""
    client_allowed_sans: tuple[str, ...] = Field((), strict=False)
    min_version: Annotated[
        ssl.TLSVersion, _one_of({"": ssl.TLSVersion.TLSv1_2, **_VERSIONS})
    ] = ssl.TLSVersion.TLSv1_2
    max_version: Annotated[
        ssl.TLSVersion, _one_of({"": ssl.TLSVersion.TLSv1_3, **_VERSIONS})
    ] = ssl.TLSVersion.TLSv1_3
    cipher_suites: tuple[CipherSuite, ...] = Field((), strict=False)
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[Curve, ...] = Field((), strict=False)

    @property
    def is_enabled(self) -> bool:
        """Whether the file asks for TLS; versions and ciphers alone do not."""
        pair = self.cert or self.cert_file or self.key or self.key_file
        return bool(pair or self.has_ca or self.client_auth_type)

    @property
    def has_ca(self) -> bool:
        """Whether the file says who vouches for clients."""
        return bool(self.client_ca or self.client_ca_file)


class Headers(_Section):
    """`headers`: what is added to each answer."""

    policy: HeaderText = Field("", alias="Content-Security-Policy")
    frames: Literal["deny", "sameorigin"] | None = Field(None, alias="X-Frame-Options")
    types: Literal["nosniff"] | None = Field(None, alias="X-Content-Type-Options")
    scripts: HeaderText = Field("", alias="X-XSS-Protection")
    transport: HeaderText = Field("", alias="Strict-Transport-Security")


class HttpServer(_Section):
    """`http_server_config`: http2 is accepted and has no effect, aiohttp has none."""

    http2: bool = True
    headers: Headers = Headers()


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
    value = read_file(file)
    try:
        return WebConfig.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        faults = [_line(each) for each in found]
    raise fault(file, *faults)


def fault(file: Path, *messages: str) -> ConfigurationError:
    """Return the error that says what is wrong with a web configuration."""
    return ConfigurationError(tuple(f"{file}: {each}" for each in messages))


def _line(found: Mapping[str, Any]) -> str:
    location: tuple[int | str, ...] = found["loc"]
    keys = [each for each in location if each != "[key]"]
    path = ".".join(str(e) if isinstance(e, int) else shown_key(e) for e in keys)
    message = _EXPECTED.get(found["type"], found["msg"])
    message = message.replace("Input should be", "expected")
    return f"{path}: {message}" if path else message
