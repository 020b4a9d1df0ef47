"""Who may stay connected: so many clients, none that neither asks nor listens.

It must not know what is asked, nor what is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import resource
import socket
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from weakref import ref

from aiohttp import web

# Under the 1,024 files that a process may often open, with room for a burst of arrivals
# (they are accepted by the hundred) and for what is open beside clients.
MOST_CONNECTIONS = 700
FILES_FOR_ELSE = 300
# Longer than the two minutes that are the longest sensible interval between scrapes.
IDLE_SECONDS = 150.0
# Many times what the largest exposition takes; Prometheus gives up after ten seconds.
SEND_SECONDS = 30.0


Address = tuple[int, tuple[object, ...]]
"""A family, and what a socket of it is bound to."""


class Guests:
    """The open connections of all listeners, the first of them first.

    Counted as they are accepted: a client that never ends its TLS handshake has a file
    as well.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = _files_for_clients() if most is None else most
        self._open: deque[ref[socket.socket]] = deque()

    def admit(self, newcomer: socket.socket) -> None:
        """Let somebody in; over the limit, who came first has to go.

        Refusing who comes last would let idle clients keep everybody out.
        """
        open_ = (each for each in self._open if _is_open(each()))
        self._open = deque(open_)
        while len(self._open) >= self._most:
            oldest = self._open.popleft()()
            if oldest is not None:
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
        self._open.append(ref(newcomer))


class Listener(socket.socket):
    """A listening socket whose connections are counted."""

    guests: Guests

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection, at the cost of the oldest if there are too many."""
        connection, address = super().accept()
        self.guests.admit(connection)
        return connection, address


async def listeners(host: str | None, port: int, guests: Guests) -> list[Listener]:
    """Return bound sockets for each address of a host; None is all interfaces.

    Raises:
        OSError: an address is taken, or is none of this machine's.
    """
    return bound(await _addresses(host, port), guests)


def bound(addresses: Iterable[Address], guests: Guests) -> list[Listener]:
    """Return a bound socket for each address whose family the machine knows.

    Raises:
        OSError: an address cannot be had, or no family is known.
    """
    with ExitStack() as opened:
        found = [
            opened.enter_context(listener)
            for family, address in dict.fromkeys(addresses)
            for listener in _bound(family, address, guests)
        ]
        if not found:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        opened.pop_all()
    return found


async def _addresses(host: str | None, port: int) -> list[Address]:
    if host is None:
        return [(socket.AF_INET, ("", port)), (socket.AF_INET6, ("::", port))]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return [(family, where) for family, _, _, _, where in found]
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
    return [(family, (host, port))]


def _bound(
    family: int, address: tuple[object, ...], guests: Guests
) -> Iterator[Listener]:
    try:
        listener = Listener(family, socket.SOCK_STREAM)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        return  # as where IPv6 is off, which all interfaces may do without
    listener.guests = guests
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    yield listener


def _is_open(connection: socket.socket | None) -> bool:
    return connection is not None and connection.fileno() >= 0


def _files_for_clients() -> int:
    """Return how many clients may be connected under this process's file limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(1, min(MOST_CONNECTIONS, soft - FILES_FOR_ELSE))


async def send(
    request: web.Request, response: web.Response, within: float
) -> web.Response:
    """Send a response to its end; break the connection of who will not read it.

    `within` is seconds. The response may be returned to aiohttp, which sees that it was
    sent.
    """
    try:
        async with asyncio.timeout(within):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    return response
