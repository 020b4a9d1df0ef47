"""A certificate authority for one run, and the certificate of a server on loopback.

The file of authorities to trust has all the public ones too, as it has anywhere: a
client that makes a new context for each request reads the whole of it each time.
"""

from __future__ import annotations

from pathlib import Path

import certifi
from certificates import Authority

from bench.programs import Chain


def issue(folder: Path) -> Chain:
    """Write a new authority and a certificate for localhost, signed by it."""
    chain = Chain(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority = Authority("bench authority")
    server = authority.issue("localhost")
    public = Path(certifi.where()).read_text(encoding="utf-8")
    chain.authorities.write_text(authority.cert + public, encoding="utf-8")
    chain.certificate.write_text(server.cert)
    chain.key.touch(mode=0o600)
    chain.key.write_text(server.key)
    return chain
