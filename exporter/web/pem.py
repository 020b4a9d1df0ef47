"""What TLS is made of: certificates and keys, from files or from the configuration.

It must not leave a key behind on a disk, nor ask anybody for its password.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from exporter.web.webconfig import TlsServer


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
