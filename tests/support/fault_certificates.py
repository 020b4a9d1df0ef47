"""Certificates of an authority of our own: a good one, an expired one, a stranger's.

It must not be trusted by anything but one test's process.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Authority:
    """Whoever signs certificates, and its own."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def authority(name: str) -> Authority:
    """Return a new authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(key, _signed(name, key.public_key(), key, name, days=1))


def server_contexts(folder: Path) -> tuple[Path, Mapping[str, ssl.SSLContext]]:
    """Return the file of the authority to trust, and what servers show, by its name."""
    trusted, unknown = authority("trusted"), authority("unknown")
    bundle = folder / "authority.pem"
    bundle.write_bytes(trusted.certificate.public_bytes(serialization.Encoding.PEM))
    return bundle, {
        "good": _server(folder / "good.pem", trusted),
        "expired": _server(folder / "expired.pem", trusted, days=-1),
        "stranger": _server(folder / "stranger.pem", unknown),
    }


def _server(path: Path, signer: Authority, *, days: int = 1) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = signer.certificate.subject.rfc4514_string().removeprefix("CN=")
    signed = _signed("localhost", key.public_key(), signer.key, issuer, days=days)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _signed(
    name: str,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: str,
    *,
    days: int,
) -> x509.Certificate:
    ends = datetime.now(UTC) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=3))
        .not_valid_after(ends)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
        )
        .add_extension(
            x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True
        )
        .sign(signer, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
