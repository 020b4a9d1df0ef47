"""A gzip stream of parts is read by every reader, those of one member included."""

from __future__ import annotations

import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.gzip_stream import (
    Part,
    gzipped,
    joined,
    packed,
    packed_in_parts,
    unpacked,
)


@given(st.lists(st.binary(max_size=2000), max_size=12))
def test_any_parts_make_one_member(texts: list[bytes]) -> None:
    """A reader that stops after the first member, as curl does, gets it all."""
    stream = b"".join(gzipped([packed(text) for text in texts]))

    reader = zlib.decompressobj(wbits=31)

    assert reader.decompress(stream) == b"".join(texts)
    assert reader.eof
    assert reader.unused_data == b""
    assert gzip.decompress(stream) == b"".join(texts)


async def test_a_part_is_read_without_those_before_it() -> None:
    """So what a poll has deflated may stand in every later answer."""
    part = packed(b"twice twice twice")
    stream = joined([packed(b"twice twice"), part])

    assert stream.deflated.endswith(part.deflated)
    assert [piece async for piece in unpacked([part])] == [b"twice twice twice"]


def test_a_text_over_four_gibibytes_has_its_size_modulo_that() -> None:
    """As RFC 1952 has it; the checksum is of the whole."""
    *_, end = gzipped([Part(b"", crc=7, size=2**32 + 5)])

    assert end[-8:] == (7).to_bytes(4, "little") + (5).to_bytes(4, "little")


def test_the_same_text_is_the_same_stream_at_any_time() -> None:
    """The header has no time: a shared answer is the same for all who ask."""
    head, *_ = gzipped([packed(b"one\n")])

    assert head[4:8] == bytes(4)


async def test_a_long_text_is_packed_in_parts_and_read_in_pieces() -> None:
    """Both of bounded size and in order; nothing is lost where one ends."""
    text = b"".join(b"%d\n" % number for number in range(400_000))

    parts = await packed_in_parts(text)
    pieces = [piece async for piece in unpacked([joined(parts), packed(b"end")])]

    assert len(parts) > 5
    assert len(pieces) > 5
    assert max(map(len, pieces)) < len(text) / 4
    assert b"".join(pieces) == text + b"end"
    assert gzip.decompress(b"".join(gzipped(parts))) == text
