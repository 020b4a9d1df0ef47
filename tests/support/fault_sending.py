"""How a good answer is sent badly: cut short, without an end, drop by drop, or never.

It must not look at what the answer says.
"""

from __future__ import annotations

import asyncio

from fault_model import Wire

CUT_OFF = 20
DROP_SECONDS = 0.02


async def cut(wire: Wire, answer: bytes) -> None:
    """Reset the connection amid the body."""
    await wire.send(answer[:-CUT_OFF])
    wire.reset()


async def half(wire: Wire, answer: bytes) -> None:
    """End the connection in good order, amid the body."""
    await wire.send(answer[:-CUT_OFF])


async def endless(wire: Wire, _answer: bytes) -> None:
    """Send a body without an end."""
    await wire.send(b"HTTP/1.1 200 .\r\nContent-Type: application/json\r\n\r\n[")
    while wire.is_open:
        await wire.send(b" " * 2**18)


async def drip(wire: Wire, answer: bytes) -> None:
    """Send a byte now and then."""
    for byte in answer:
        if not wire.is_open:
            return
        await wire.send(bytes([byte]))
        await asyncio.sleep(DROP_SECONDS)


async def silence(wire: Wire, _answer: bytes) -> None:
    """Say nothing until the other side goes away."""
    while wire.is_open:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(DROP_SECONDS)


async def garbage(wire: Wire, answer: bytes) -> None:
    """Speak something else than HTTP, which repeats what was said."""
    await wire.send(b"+OK " + answer.replace(b"\r\n", b" ") + b"\r\n\r\n")
