"""What stands between the exporter and a cloud, and spoils what passes.

It must not know what a fault is to cost; the rows of the matrix do.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from http.client import parse_headers
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

from fault_model import HEALTHY, Answer, Asked, Fault, Wire

TURNS = 5


class FaultLayer:
    """Serves a cloud over TLS on one port, which it keeps while it is deaf."""

    def __init__(self, cloud: str, certificates: Mapping[str, ssl.SSLContext]) -> None:
        split = urlsplit(cloud)
        self._cloud = (split.hostname or "", split.port or 0)
        self._certificates = certificates
        self._listener: socket.socket | None = None
        self._port = 0
        self._fault = HEALTHY
        self._handlers: set[asyncio.Task[None]] = set()
        self.sequence = 0
        # Bytes that one connection took of us.
        self.most_sent = 0
        # Of the latest requests, for whoever looks for them where they should not be.
        self.authorizations: deque[str] = deque(maxlen=1000)

    @property
    def url(self) -> str:
        """Return where the cloud is to be found at present."""
        return f"https://{self._fault.host or 'localhost'}:{self._port}"

    @property
    def clock_ahead(self) -> float:
        """Return how many seconds the cloud behind is to be ahead of us."""
        return self._fault.clock_ahead

    def become(self, fault: Fault) -> None:
        """Begin a fault, or end it with `HEALTHY`."""
        self.deafen()
        self._fault = fault
        self.sequence = 0
        if fault.listens:
            self._listen()

    def _listen(self) -> None:
        """Accept connections here: an asyncio server loses some when it is closed.

        Those it has accepted by then and made no transport of stay open for ever.
        """
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=128)
        self._listener.settimeout(0)
        self._port = self._listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def deafen(self) -> None:
        """Listen no more; what is being answered is answered as it was begun."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def close(self) -> None:
        """Listen no more, and leave everybody without an answer."""
        self.deafen()
        await self._settled()  # a handler that has not begun would close nothing
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        await self._settled()  # what was aborted is closed now

    async def _settled(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    def _accept(self) -> None:
        if self._listener is None:
            return
        with suppress(BlockingIOError):  # the client has gone again
            connection, _ = self._listener.accept()
            certificate = self._certificates[self._fault.certificate]
            handler = asyncio.create_task(self._handle(connection, certificate))
            self._handlers.add(handler)
            handler.add_done_callback(self._handlers.discard)

    async def _handle(
        self, connection: socket.socket, certificate: ssl.SSLContext
    ) -> None:
        with suppress(OSError):
            reader, writer = await _secured(connection, certificate)
            await self._answer(reader, writer)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        wire = Wire(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._respond(reader, wire)
            self.most_sent = max(self.most_sent, wire.sent)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _respond(self, reader: asyncio.StreamReader, wire: Wire) -> None:
        fault = self._fault
        head = await reader.readuntil(b"\r\n\r\n")
        asked = self._asked(head)
        self.sequence += 1
        self.authorizations.append(asked.headers["authorization"])
        answer = fault.change(asked, await self._forwarded(head))
        await fault.send(wire, answer.encoded())

    def _asked(self, head: bytes) -> Asked:
        line, _, rest = head.partition(b"\r\n")
        target = urlsplit(line.split(b" ")[1].decode())
        page = parse_qs(target.query).get("pageNumber")
        headers = parse_headers(BytesIO(rest))
        lowered = {name.lower(): value for name, value in headers.items()}
        number = None if page is None else int(page[0])
        return Asked(target.path, number, lowered, self.sequence)

    async def _forwarded(self, head: bytes) -> Answer:
        """Return the cloud's own answer to what was signed for it."""
        reader, writer = await asyncio.open_connection(*self._cloud)
        try:
            writer.write(head[:-2] + b"Connection: close\r\n\r\n")
            answer = await reader.read()
        finally:
            writer.close()
        top, _, body = answer.partition(b"\r\n\r\n")
        status, _, rest = top.partition(b"\r\n")
        date = parse_headers(BytesIO(rest + b"\r\n\r\n"))["Date"]
        return Answer(body, int(status.split(b" ")[1]), {"Date": date or ""})


async def _secured(
    connection: socket.socket, certificate: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Shake hands; a handshake that fails, or is cancelled, leaves nothing open."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(
        lambda: protocol, connection, ssl=certificate
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


@asynccontextmanager
async def fault_layer(
    cloud: str, certificates: Mapping[str, ssl.SSLContext]
) -> AsyncIterator[FaultLayer]:
    """Stand in front of a cloud, healthy at first."""
    layer = FaultLayer(cloud, certificates)
    layer.become(HEALTHY)
    try:
        yield layer
    finally:
        await layer.close()
