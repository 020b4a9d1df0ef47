"""The web configuration file: exporter-toolkit's fields, with a line for each fault.

No fault shows a value that does not look like one of the words below: it may be a key.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from exporter.config import ConfigurationError
from exporter.config.load import SourceError, one_line, read_file, shown_key

VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}

NO_CERT, REQUEST, REQUIRE_ANY, VERIFY_IF_GIVEN, REQUIRE_AND_VERIFY = (
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
)
_ALL_POLICIES = NO_CERT, REQUEST, REQUIRE_ANY, VERIFY_IF_GIVEN, REQUIRE_AND_VERIFY
POLICIES = {
    **{name: name for name in _ALL_POLICIES},
    "RequireClientCert": REQUIRE_ANY,
    "": NO_CERT,
}

CURVES = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}

# Those of TLS 1.3 are all on whenever TLS 1.3 is, in Go as in OpenSSL: no name here.
CIPHERS = {
    "TLS_AES_128_GCM_SHA256": None,
    "TLS_AES_256_GCM_SHA384": None,
    "TLS_CHACHA20_POLY1305_SHA256": None,
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

_HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_BCRYPT = re.compile(
    r"\$2[abxy]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}", re.ASCII
)
_BCRYPT_LENGTH = 59


def _refused(message: str) -> PydanticCustomError:
    return PydanticCustomError("web", "{message}", {"message": message})


def shown_word(value: str) -> str:
    """Return a value if it looks like a word of these, else only that it does not."""
    return value if re.fullmatch(r"[\w-]{0,64}", value, re.ASCII) else "(not a word)"


def _one_of(what: str, words: Collection[str]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in words:
            raise _refused(f"unknown {what}: {shown_word(value)}")
        return value

    return AfterValidator(check)


def _hash(value: str) -> str:
    if len(value) < _BCRYPT_LENGTH:
        raise _refused("hashedSecret too short to be a bcrypted password")
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
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _checked_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name not in _HEADERS:
            shown = shown_word(name)
            raise _refused(f'HTTP header "{shown}" can not be configured')
        allowed = _HEADERS[name]
        if allowed and value not in allowed:
            listed = " ".join(f'"{each}"' for each in allowed)
            expected = f"Expected one of: [{listed}], but got: "
            raise _refused(f'invalid value for {name}. {expected}"{shown_word(value)}"')
        if not value.isprintable():
            raise _refused(f"invalid value for {name}. Expected one line of text")
    return headers


def _number_as_text(value: object) -> object:
    """Return the text of a number: YAML reads `X-XSS-Protection: 0` as one."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if is_number else value


HeaderValue = Annotated[str, BeforeValidator(_number_as_text)]
TlsVersion = Annotated[str, _one_of("TLS version", ("", *VERSIONS))]
CipherSuite = Annotated[str, _one_of("cipher", CIPHERS)]
Curve = Annotated[str, _one_of("curve", CURVES)]
Hash = Annotated[str, AfterValidator(_hash)]
GoDuration = Annotated[float, BeforeValidator(duration_seconds)]


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
    headers: Annotated[dict[str, HeaderValue], AfterValidator(_checked_headers)] = (
        Field(default_factory=dict)
    )


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
        value = read_file(file)
    except SourceError as error:
        raise fault(file, str(error)) from None
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
