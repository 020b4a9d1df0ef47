"""From `tls_server_config` to an SSLContext: what is presented, and who may come in.

It must not be laxer than Go would be with the same file; where Python's ssl cannot do
the same it is stricter.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.web.pem import TlsError, load_pair, read_material, why
from exporter.web.sans import guarded_by_sans
from exporter.web.webconfig import TlsServer
from exporter.web.webvalues import (
    CIPHERS,
    CURVES,
    NO_CERT,
    POLICIES,
    REQUEST,
    REQUIRE_AND_VERIFY,
    REQUIRE_ANY,
    VERIFY_IF_GIVEN,
    VERSIONS,
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
