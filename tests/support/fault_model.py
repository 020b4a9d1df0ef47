"""What a fault is: how it changes an answer, how it sends it, what is wrong around it.

It must not know any one fault; those are rows.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET

SECRET_HEADERS = ("authorization", "x-acs-security-token", "x-acs-accesskey-id")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and how many came before it since the fault began."""

    path: str
    page: int | None
    headers: Mapping[str, str]
    sequence: int

    @property
    def is_of_checkpoints(self) -> bool:
        """Tell whether a poll asked it, and not discovery."""
        return self.path.endswith("/checkpoints")

    @property
    def secrets(self) -> str:
        """Return what must be shown nowhere, as a spiteful gateway repeats it."""
        sent = (f"{name}: {self.headers.get(name)}" for name in SECRET_HEADERS)
        return f"server string to sign is:{'; '.join(sent)}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, the cloud's or a fault's."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return it as HTTP sends it."""
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(self.body)),
            "Connection": "close",
        } | dict(self.headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} .\r\n{lines}\r\n".encode() + self.body


class Wire:
    """The way back to whoever asked; it counts the bytes it was given."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.sent = 0

    @property
    def is_open(self) -> bool:
        """Tell whether the other side may still be there."""
        return not self._writer.transport.is_closing()

    async def send(self, data: bytes) -> None:
        """Send, once there is room."""
        self.sent += len(data)
        self._writer.write(data)
        await self._writer.drain()
        # Whether the other side is gone is only heard where others have their turn.
        await asyncio.sleep(0)

    def reset(self) -> None:
        """Break the connection as a machine does that knows nothing of it."""
        socket = self._writer.get_extra_info("socket")
        socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Change = Callable[[Asked, Answer], Answer]
Send = Callable[[Wire, bytes], Awaitable[None]]


def unchanged(_asked: Asked, answer: Answer) -> Answer:
    """Pass an answer on."""
    return answer


async def whole(wire: Wire, answer: bytes) -> None:
    """Send all of an answer at once."""
    await wire.send(answer)


@dataclass(frozen=True, slots=True)
class Fault:
    """How answers are changed, how they are sent, and what is wrong around them.

    `clock_ahead` is how many seconds the cloud's clock is ahead; `certificate` and
    `host` are what is shown and resolved instead of the good ones.
    """

    change: Change = unchanged
    send: Send = whole
    listens: bool = True
    host: str | None = None
    certificate: str = "good"
    clock_ahead: float = 0.0


HEALTHY = Fault()
