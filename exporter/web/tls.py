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
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.config import ConfigurationError
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
    fault,
    shown_word,
)


def server_context(file: Path, tls: TlsServer) -> ssl.SSLContext:
    """Return a context that serves as `tls` says, which was read from `file`.

    Raises:
        ConfigurationError: all faults that can be seen together, one line each.
    """
    faults = list(_contradictions(tls))
    material = {}
    for part in ("cert", "key", "client_ca"):
        try:
            material[part] = _read(tls, part, file.parent)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else None
            path = file.parent / getattr(tls, f"{part}_file")
            reason = (why or "not a path").lower()
            faults.append(f"failed to read {part}_file ({path}): {reason}")
    if faults:
        raise _refused(file, *faults)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _refusing(file, "cannot be served"):
        _set_protocol(context, tls)
        _set_client_policy(context, tls)
        if tls.client_ca or tls.client_ca_file:
            _load_authorities(context, file, material["client_ca"])
    with _refusing(file, "failed to load X509KeyPair"):
        _load_pair(context, material["cert"], material["key"])
    if tls.client_allowed_sans:
        _guard_by_sans(context, frozenset(tls.client_allowed_sans))
    return context


def named_files(file: Path, tls: TlsServer) -> tuple[Path, ...]:
    """Return the files that a context is made of, beside `file` itself."""
    names = (tls.cert_file, tls.key_file, tls.client_ca_file)
    return tuple(file.parent / name for name in names if name)


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


def _read(tls: TlsServer, part: str, folder: Path) -> bytes:
    """Return the PEM that a file or the field itself holds, empty if neither is set."""
    name = getattr(tls, f"{part}_file")
    inline: str = getattr(tls, part)
    return (folder / name).read_bytes() if name else inline.encode()


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


def _set_client_policy(context: ssl.SSLContext, tls: TlsServer) -> None:
    policy = POLICIES[tls.client_auth_type]
    if policy in (REQUIRE_ANY, REQUIRE_AND_VERIFY):
        context.verify_mode = ssl.CERT_REQUIRED
    elif policy == VERIFY_IF_GIVEN:
        context.verify_mode = ssl.CERT_OPTIONAL
    # Go takes every certificate it is given as an anchor, an intermediate one too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not (tls.client_ca or tls.client_ca_file):
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)


def _load_authorities(context: ssl.SSLContext, file: Path, client_ca: bytes) -> None:
    try:
        authorities = x509.load_pem_x509_certificates(client_ca)
    except ValueError:
        raise _refused(file, "client_ca: expected certificates in PEM") from None
    for authority in authorities:
        context.load_verify_locations(cadata=authority.public_bytes(Encoding.DER))


def _load_pair(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    with _as_file(cert) as cert_file, _as_file(key) as key_file:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(cert_file, key_file, password=_refuse_password)


def _refuse_password() -> str:
    raise ValueError("the key is encrypted")


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


def _guard_by_sans(context: ssl.SSLContext, allowed: frozenset[str]) -> None:
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
