"""The names that a client's certificate carries, of each kind that is compared."""

from __future__ import annotations

import ipaddress
import ssl

import pytest
from certificates import Authority
from cryptography import x509

from exporter.web.tls import names_of

AUTHORITY = Authority()


@pytest.mark.parametrize(
    ("san", "name"),
    [
        (x509.DNSName("a.example"), "a.example"),
        (x509.RFC822Name("a@b.example"), "a@b.example"),
        (x509.UniformResourceIdentifier("spiffe://a/b"), "spiffe://a/b"),
        (x509.IPAddress(ipaddress.ip_address("192.0.2.1")), "192.0.2.1"),
        (x509.IPAddress(ipaddress.ip_address("2001:db8:0:0::1")), "2001:db8::1"),
    ],
)
def test_each_kind_of_name_is_read_as_operators_write_it(
    san: x509.GeneralName, name: str
) -> None:
    """DNS names, mail addresses, URIs and IP addresses."""
    certificate = ssl.PEM_cert_to_DER_cert(AUTHORITY.issue("client", san).cert)

    assert names_of(certificate) == {name}


def test_a_certificate_without_names_has_none() -> None:
    """The common name does not count, nor does what is no certificate."""
    assert names_of(ssl.PEM_cert_to_DER_cert(AUTHORITY.cert)) == frozenset()
    assert names_of(b"") == frozenset()
    assert names_of(None) == frozenset()
