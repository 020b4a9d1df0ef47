"""Whether the exporter of this container answers: `python -m exporter.app.healthcheck`.

For what asks from within, such as HEALTHCHECK of an image that has no curl. It reads
the same settings as the exporter does, and must not ask the cloud.
"""

from __future__ import annotations

import os
import ssl
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from http.client import (
    INTERNAL_SERVER_ERROR,
    HTTPConnection,
    HTTPException,
    HTTPSConnection,
)
from pathlib import Path

from exporter.app.arguments import PROGRAM
from exporter.app.flags import build_parser, setting_flags
from exporter.config import ConfigurationError, Settings, load, split_address

TIMEOUT_SECONDS = 4.0
_COMMAND_LINE = Path("/proc/1/cmdline")


def main(
    arguments: Sequence[str] | None = None, timeout_seconds: float = TIMEOUT_SECONDS
) -> int:
    """Return 0 if the exporter answers; else tell why not, and return 1."""
    if arguments is None:
        # Docker gives no flags of the container to its HEALTHCHECK.
        arguments = sys.argv[1:] or arguments_of(_COMMAND_LINE.read_bytes())
    try:
        _ask(build_parser().parse_args(list(arguments)), timeout_seconds)
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{fault}\n" for fault in error.faults))
    except (OSError, HTTPException) as error:
        sys.stderr.write(f"no answer: {error}\n")
    else:
        return 0
    return 1


def arguments_of(command_line: bytes) -> list[str]:
    r"""Return what follows the exporter in a command line as /proc has it.

    >>> arguments_of(b"/sbin/init\0--\0/bin/rocketmq-dr-exporter\0--log.level=info\0")
    ['--log.level=info']
    >>> arguments_of(b"python\0-m\0exporter\0demo\0"), arguments_of(b"sleep\0001\0")
    (['demo'], [])
    """
    words = command_line.decode(errors="surrogateescape").split("\0")[:-1]
    for place, word in enumerate(words):
        if Path(word).name == PROGRAM or words[place - 1 : place + 1] == [
            "-m",
            "exporter",
        ]:
            return words[place + 1 :]
    return []


def _ask(arguments: Namespace, timeout_seconds: float) -> None:
    """Ask who listens whether it is well.

    Raises:
        ConfigurationError: the exporter would not start either.
        OSError: nobody answers.
        HTTPException: what answers does not speak HTTP, or is broken.
    """
    if arguments.command == "simulate":
        _get(HTTPConnection, arguments.listen_address, timeout_seconds)
        return
    is_demo = arguments.command == "demo"
    settings = load(
        flags=setting_flags(arguments),
        environ={} if is_demo else os.environ,
        file=None if is_demo else arguments.config_file,
    ).settings
    client_auth_type = _client_auth_type(settings)
    scheme = HTTPConnection if client_auth_type is None else _unverified
    try:
        _get(scheme, settings.web.listen_address[0], timeout_seconds)
    except (ssl.SSLError, ConnectionResetError):
        # Who requires a certificate hangs up on us, and so is there.
        if not (client_auth_type or "").startswith("Require"):
            raise


def _client_auth_type(settings: Settings) -> str | None:
    """Return what is asked of TLS clients; None is plain HTTP."""
    if settings.web.config_file is None:
        return None
    from exporter.web.webconfig import read  # noqa: PLC0415 - most have none to read

    server = read(settings.web.config_file).tls_server_config
    return server.client_auth_type if server.is_enabled else None


def _get(
    connect: Callable[..., HTTPConnection], address: str, timeout_seconds: float
) -> None:
    host, port = split_address(address)
    connection = connect(host or "localhost", port, timeout=timeout_seconds)
    try:
        connection.request("GET", "/-/healthy")
        status = connection.getresponse().status
    finally:
        connection.close()
    # Whoever asks for a password, or lets nobody in at the moment, is well.
    if status >= INTERNAL_SERVER_ERROR:
        raise HTTPException(f"status {status}")


def _unverified(host: str, port: int, timeout: float) -> HTTPConnection:
    """Return a TLS connection to whoever: nothing secret is said over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=timeout, context=context)


if __name__ == "__main__":
    sys.exit(main())
