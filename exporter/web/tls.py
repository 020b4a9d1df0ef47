"""From `tls_server_config` to an SSLContext: what is presented, and who may connect.

Never laxer than Go with the same file; stricter where Python's ssl cannot do the same.
"""

from __future__ import annotations

import os
import ssl
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.web.webconfig import (
    CIPHERS,
    CURVES,
    NO_CERT,
    POLICIES,
    REQUEST,
    REQUIRE_AND_VERIFY,
    REQUIRE_ANY,
    VERIFY_IF_GIVEN,
    VERSIONS,
    TlsServer,
    shown_word,
)


def server_context(tls: TlsServer, folder: Path) -> ssl.SSLContext:
    """Return a context that serves as `tls` says; `folder` is that of its file.

    Raises:
        TlsError: all faults that can be seen together.
    """
    faults = list(_contradictions(tls))
    material = read_material(tls, folder, faults)
    if faults or material is None:
        raise TlsError(*faults)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        _set_protocol(context, tls)
        _set_client_policy(context, tls, material.client_ca)
        load_pair(context, material)
    except (ssl.SSLError, ValueError) as error:
        raise TlsError(f"cannot be served: {why(error)}") from None
    if tls.client_allowed_sans:
        guarded_by_sans(context, frozenset(tls.client_allowed_sans))
    return context


def _contradictions(tls: TlsServer) -> Iterator[str]:
    policy = POLICIES.get(tls.client_auth_type)
    has_ca = bool(tls.client_ca or tls.client_ca_file)
    if not (tls.cert or tls.cert_file):
        yield "missing one of cert or cert_file"
    if not (tls.key or tls.key_file):
        yield "missing one of key or key_file"
    if policy is None:
        yield f"invalid ClientAuth: {shown_word(tls.client_auth_type)}"
    if has_ca and policy == NO_CERT:
        yield "client CA's have been configured without a Client Auth Policy"
    if policy == REQUIRE_ANY and not has_ca:
        yield f"{REQUIRE_ANY} needs client_ca_file: certificates are always verified"
    if tls.client_allowed_sans and policy in (NO_CERT, REQUEST):
        yield "client_allowed_sans needs a client_auth_type that verifies certificates"
    low, high = _versions(tls)
    if low > high:
        yield "min_version is above max_version"
    names = [CIPHERS[suite] for suite in tls.cipher_suites]
    if names and not any(names) and high < ssl.TLSVersion.TLSv1_3:
        yield "cipher_suites has none for a TLS version below 1.3"


def _versions(tls: TlsServer) -> tuple[ssl.TLSVersion, ssl.TLSVersion]:
    low, high = tls.min_version or "TLS12", tls.max_version or "TLS13"
    return VERSIONS[low], VERSIONS[high]


def _set_protocol(context: ssl.SSLContext, tls: TlsServer) -> None:
    low, high = _versions(tls)
    names = [name for suite in tls.cipher_suites if (name := CIPHERS[suite])]
    if tls.cipher_suites and not names:
        low = ssl.TLSVersion.TLSv1_3
    ciphers = ":".join(names)
    if low < ssl.TLSVersion.TLSv1_2:
        # OpenSSL 3 has these versions only without a minimum of strength.
        ciphers = f"{ciphers or 'DEFAULT'}:@SECLEVEL=0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = low, high
    if ciphers:
        context.set_ciphers(ciphers)
    if tls.curve_preferences:
        # Python up to 3.14 takes one: the first, and never one that is not listed.
        context.set_ecdh_curve(CURVES[tls.curve_preferences[0]])


def _set_client_policy(
    context: ssl.SSLContext, tls: TlsServer, client_ca: bytes | None
) -> None:
    policy = POLICIES[tls.client_auth_type]
    if policy in (REQUIRE_ANY, REQUIRE_AND_VERIFY):
        context.verify_mode = ssl.CERT_REQUIRED
    elif policy == VERIFY_IF_GIVEN:
        context.verify_mode = ssl.CERT_OPTIONAL
    # Go takes every certificate it is given as an anchor, an intermediate one too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if client_ca is None:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    try:
        authorities = x509.load_pem_x509_certificates(client_ca)
    except ValueError:
        raise TlsError("client_ca: expected certificates in PEM") from None
    for authority in authorities:
        context.load_verify_locations(cadata=authority.public_bytes(Encoding.DER))


class TlsError(Exception):
    """A TLS configuration that cannot be served; each fault is one line."""

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Material:
    """Certificate, key and authorities as PEM; None: the system's authorities."""

    cert: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None


def named_files(tls: TlsServer, folder: Path) -> tuple[Path, ...]:
    """Return the files that a context is made of."""
    names = (tls.cert_file, tls.key_file, tls.client_ca_file)
    return tuple(folder / name for name in names if name)


def read_material(tls: TlsServer, folder: Path, faults: list[str]) -> Material | None:
    """Return what the fields name or hold; None if a file adds to `faults`."""
    parts = {}
    for part in ("cert", "key", "client_ca"):
        name, inline = getattr(tls, f"{part}_file"), getattr(tls, part)
        try:
            parts[part] = (folder / name).read_bytes() if name else inline.encode()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else None
            reason = (why or "not a path").lower()
            faults.append(f"failed to read {part}_file ({folder / name}): {reason}")
    if len(parts) < len(Material.__slots__):
        return None
    has_ca = bool(tls.client_ca or tls.client_ca_file)
    return Material(parts["cert"], parts["key"], parts["client_ca"] if has_ca else None)


def load_pair(context: ssl.SSLContext, material: Material) -> None:
    """Let a context present the certificate.

    Raises:
        TlsError: it is none, or the key is not its key.
    """
    with _as_file(material.cert) as cert, _as_file(material.key) as key:
        try:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(cert, key, password=_refuse_password)
        except (ssl.SSLError, ValueError) as error:
            raise TlsError(f"failed to load X509KeyPair: {why(error)}") from None


def _refuse_password() -> str:
    raise ValueError("the key is encrypted")


def why(error: Exception) -> str:
    """Return what OpenSSL has against something, in words."""
    reason = getattr(error, "reason", None)
    return (reason or str(error)).lower().replace("_", " ")


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Yield a path of the content: the ssl module reads keys from files alone.

    Where the system can, the file lives in memory and never touches a disk.
    """
    if sys.platform != "linux":
        with NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
        return
    descriptor = os.memfd_create("pem")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def guarded_by_sans(context: ssl.SSLContext, allowed: frozenset[str]) -> None:
    """Let a context's handshakes fail for clients without an allowed name."""

    class Guarded(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            if allowed.isdisjoint(names_of(self.getpeercert(binary_form=True))):
                raise ssl.SSLCertVerificationError("no SAN of the client is allowed")

    context.sslobject_class = Guarded


def names_of(certificate: bytes | None) -> frozenset[str]:
    """Return the DNS names, addresses and URIs of a certificate in DER."""
    if certificate is None:
        return frozenset()
    try:
        extensions = x509.load_der_x509_certificate(certificate).extensions
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return frozenset()
    kinds = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier)
    texts = [text for kind in kinds for text in found.get_values_for_type(kind)]
    addresses = found.get_values_for_type(x509.IPAddress)
    return frozenset((*texts, *map(str, addresses)))
