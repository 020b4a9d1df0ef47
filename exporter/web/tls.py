"""Makes an SSLContext of `tls_server_config`: what is shown, and who may connect.

Never laxer than Go with the same file; stricter where Python's ssl cannot do the same.
"""

from __future__ import annotations

import os
import ssl
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from exporter.config.load import ConfigurationError
from exporter.web.webconfig import TlsServer, fault

_VERIFY_MODES = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "RequestClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
    # Python's ssl verifies each certificate that it asks for.
    "RequireAnyClientCert": ssl.CERT_REQUIRED,
    "RequireClientCert": ssl.CERT_REQUIRED,
}


def server_context(file: Path, tls: TlsServer) -> ssl.SSLContext:
    """Return a context that serves as `tls` says, which was read from `file`.

    Raises:
        ConfigurationError: all faults that can be seen together, one line each.
    """
    faults = list(_contradictions(tls))
    pem = {"cert": tls.cert, "key": tls.key, "client_ca": tls.client_ca}
    for part, path in named_files(file, tls).items():
        try:
            # A comment may be in any encoding.
            pem[part] = path.read_text(encoding="ascii", errors="ignore")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not a path"
            faults.append(f"failed to read {part}_file ({path}): {why.lower()}")
    if faults:
        raise _refused(file, *faults)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _refusing(file, "cannot be served"):
        _set_protocol(context, tls)
    with _refusing(file, "client_ca: expected certificates in PEM"):
        _set_client_policy(context, tls, pem["client_ca"])
    with _refusing(file, "failed to load X509KeyPair"):
        _load_pair(context, pem["cert"], pem["key"])
    if tls.client_allowed_sans:
        _check_names(context, frozenset(tls.client_allowed_sans))
    return context


def named_files(file: Path, tls: TlsServer) -> dict[str, Path]:
    """Return the files that `file` names, by the part of a context that each holds."""
    names = {
        "cert": tls.cert_file,
        "key": tls.key_file,
        "client_ca": tls.client_ca_file,
    }
    return {part: file.parent / name for part, name in names.items() if name}


def _refused(file: Path, *faults: str) -> ConfigurationError:
    return fault(file, *(f"tls_server_config: {each}" for each in faults))


@contextmanager
def _refusing(file: Path, what: str) -> Iterator[None]:
    """Refuse a file for `what` if OpenSSL objects, and say why."""
    try:
        yield
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        words = reason.lower().replace("_", " ")
        raise _refused(file, f"{what}: {words}") from None


def _contradictions(tls: TlsServer) -> Iterator[str]:
    policy = tls.client_auth_type
    if not (tls.cert or tls.cert_file):
        yield "missing one of cert or cert_file"
    if not (tls.key or tls.key_file):
        yield "missing one of key or key_file"
    if policy not in _VERIFY_MODES:
        yield f"client_auth_type: expected one of {', '.join([*_VERIFY_MODES][1:])}"
    if tls.has_ca and policy in ("", "NoClientCert"):
        yield "client CA's have been configured without a Client Auth Policy"
    if policy in ("RequireAnyClientCert", "RequireClientCert") and not tls.has_ca:
        yield f"{policy} needs client_ca_file: certificates are always verified"
    if tls.client_allowed_sans and _VERIFY_MODES.get(policy) == ssl.CERT_NONE:
        yield "client_allowed_sans needs a client_auth_type that verifies certificates"
    if tls.min_version > tls.max_version:
        yield "min_version is above max_version"
    if _is_only_1_3(tls) and tls.max_version < ssl.TLSVersion.TLSv1_3:
        yield "cipher_suites has none for a TLS version below 1.3"


def _is_only_1_3(tls: TlsServer) -> bool:
    """Tell whether the ciphers leave no other version."""
    return bool(tls.cipher_suites) and not any(tls.cipher_suites)


def _set_protocol(context: ssl.SSLContext, tls: TlsServer) -> None:
    low = ssl.TLSVersion.TLSv1_3 if _is_only_1_3(tls) else tls.min_version
    ciphers = ":".join(filter(None, tls.cipher_suites))
    if low < ssl.TLSVersion.TLSv1_2:
        # OpenSSL 3 has these versions only without a minimum of strength.
        ciphers = f"{ciphers or 'DEFAULT'}:@SECLEVEL=0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = low, tls.max_version
    if ciphers:
        context.set_ciphers(ciphers)
    if tls.curve_preferences:
        # Python up to 3.14 accepts one: the first, and never one that is not listed.
        context.set_ecdh_curve(tls.curve_preferences[0])


def _set_client_policy(context: ssl.SSLContext, tls: TlsServer, client_ca: str) -> None:
    context.verify_mode = _VERIFY_MODES[tls.client_auth_type]
    # Go trusts every certificate of the file directly, an intermediate one too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if tls.has_ca:
        context.load_verify_locations(cadata=client_ca)
    else:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)


def _load_pair(context: ssl.SSLContext, cert: str, key: str) -> None:
    with _as_file(cert) as cert_file, _as_file(key) as key_file:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(cert_file, key_file, password=_refuse_password)


def _refuse_password() -> str:
    raise ValueError("the key is encrypted")


@contextmanager
def _as_file(content: str) -> Iterator[str]:
    """Yield the path of a file with the content: ssl reads keys from files alone.

    Where the system can, the file lives in memory and never touches a disk.
    """
    if sys.platform == "linux":
        file: IO[str] = os.fdopen(os.memfd_create("pem"), "w")
        path = f"/proc/self/fd/{file.fileno()}"
    else:
        file = NamedTemporaryFile("w")  # noqa: SIM115 - closed below
        path = file.name
    with file:
        file.write(content)
        file.flush()
        yield path


def _check_names(context: ssl.SSLContext, allowed: frozenset[str]) -> None:
    """Let a context's handshakes fail for clients without an allowed name."""

    class Checked(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            if allowed.isdisjoint(_names_of(self.getpeercert() or {})):
                raise ssl.SSLCertVerificationError("no SAN of the client is allowed")

    context.sslobject_class = Checked


def _names_of(certificate: Mapping[str, Any]) -> Iterator[str]:
    """Yield the DNS names, addresses and URIs of a certificate."""
    for kind, name in certificate.get("subjectAltName", ()):
        if kind == "IP Address":
            yield str(ip_address(name))
        elif kind in ("DNS", "email", "URI"):
            yield name
