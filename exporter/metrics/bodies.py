"""An answer as it is kept: finished gzip members, from which its text can be had.

It renders no sample and knows no format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from exporter.metrics.rendering import packed, unpacked
from exporter.metrics.turns import Turns

_PIECE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Body:
    """A whole answer; `gzipped` is the members one after the other."""

    members: Sequence[bytes]
    gzipped: bytes

    async def text(self) -> bytes:
        """Return it without compression; made for each asker, for it is large."""
        text = BytesIO()
        turns = Turns()
        for member in self.members:
            await turns.take()
            text.write(unpacked(member))
        return text.getvalue()


async def packed_in_pieces(text: bytes) -> list[bytes]:
    """Return text of any length as gzip members, without keeping the loop waiting."""
    members = []
    turns = Turns()
    for start in range(0, len(text), _PIECE_BYTES):
        await turns.take()
        members.append(packed(text[start : start + _PIECE_BYTES]))
    return members
