"""Whether a client's certificate carries a name that is allowed in.

It must not judge the certificate otherwise: it was verified before.
"""

from __future__ import annotations

import ssl

from cryptography import x509


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
