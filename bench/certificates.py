"""A certificate authority for one run, and the certificate of a server on loopback.

The file of authorities to trust has all the public ones too, as it has anywhere: a
context that is made anew for each request reads the whole of it each time.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chain:
    """Files: the authorities to trust, and the server's certificate with its key."""

    authorities: Path
    certificate: Path
    key: Path


def issue(folder: Path) -> Chain:
    """Write a new authority and a certificate for localhost, signed by it."""
    chain = Chain(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _builder("bench authority", "bench authority", ca_key)
    authority = ca.add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    ).add_extension(_usage(is_authority=True), critical=True)
    key = ec.generate_private_key(ec.SECP256R1())
    server = (
        _builder("localhost", "bench authority", key)
        .add_extension(x509.SubjectAlternativeName(_names()), critical=False)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
            critical=False,
        )
    )
    for path, builder in ((chain.authorities, authority), (chain.certificate, server)):
        signed = builder.sign(ca_key, hashes.SHA256())
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    public = Path(certifi.where()).read_bytes()
    chain.authorities.write_bytes(chain.authorities.read_bytes() + public)
    chain.key.touch(mode=0o600)
    chain.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALID)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _names() -> list[x509.GeneralName]:
    loopback = ipaddress.ip_address("127.0.0.1")
    return [x509.DNSName("localhost"), x509.IPAddress(loopback)]


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
