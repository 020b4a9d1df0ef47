"""The words that a web configuration may hold, as Go names them, and their faults.

It must not show in a fault what does not look like such a word: it may be a key.
"""

from __future__ import annotations

import re
import ssl
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

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
POLICIES = {
    **{
        name: name
        for name in (NO_CERT, REQUEST, REQUIRE_ANY, VERIFY_IF_GIVEN, REQUIRE_AND_VERIFY)
    },
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


def _version(value: str) -> str:
    if value and value not in VERSIONS:
        raise _refused(f"unknown TLS version: {shown_word(value)}")
    return value


def _cipher(value: str) -> str:
    if value not in CIPHERS:
        raise _refused(f"unknown cipher: {shown_word(value)}")
    return value


def _curve(value: str) -> str:
    if value not in CURVES:
        raise _refused(f"unknown curve: {shown_word(value)}")
    return value


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


def checked_header(name: str, value: str) -> None:
    """Refuse a header that may not be configured, or not with this value."""
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


TlsVersion = Annotated[str, AfterValidator(_version)]
CipherSuite = Annotated[str, AfterValidator(_cipher)]
Curve = Annotated[str, AfterValidator(_curve)]
Hash = Annotated[str, AfterValidator(_hash)]
GoDuration = Annotated[float, BeforeValidator(duration_seconds)]
