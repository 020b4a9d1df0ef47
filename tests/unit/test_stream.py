"""A gzip stream of parts is read by every reader, those of one member included."""

from __future__ import annotations

import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.stream import (
    Part,
    gzipped,
    joined,
    packed,
    packed_in_parts,
    text_of,
    unpacked,
)


@given(st.lists(st.binary(max_size=2000), max_size=12))
def test_any_parts_make_one_member(texts: list[bytes]) -> None:
    """A reader that stops after the first member, as curl does, gets it all."""
    stream = gzipped(joined([packed(text) for text in texts]))

    reader = zlib.decompressobj(wbits=31)

    assert reader.decompress(stream) == b"".join(texts)
    assert reader.eof
    assert reader.unused_data == b""
    assert gzip.decompress(stream) == b"".join(texts)


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_a_part_is_read_without_those_before_it(before: bytes, text: bytes) -> None:
    """So what a poll has deflated may stand in every later answer."""
    stream = joined([packed(before), part := packed(text)])

    assert stream.deflated.endswith(part.deflated)
    assert unpacked(part) == text


def test_a_text_over_four_gibibytes_has_its_size_modulo_that() -> None:
    """As RFC 1952 has it; the checksum is not told of."""
    stream = gzipped(Part(b"", crc=7, size=2**32 + 5))

    assert stream[-8:] == (7).to_bytes(4, "little") + (5).to_bytes(4, "little")


def test_the_same_text_is_the_same_stream_at_any_time() -> None:
    """The header has no time: a shared answer is the same for all who ask."""
    stream = gzipped(packed(b"one\n"))

    assert stream[4:8] == bytes(4)
    assert stream == gzipped(packed(b"one\n"))


async def test_a_long_text_is_packed_in_parts_and_read_as_it_was() -> None:
    """Parts of bounded size, in order, nothing lost where one ends."""
    text = b"".join(b"%d\n" % number for number in range(200_000))

    parts = await packed_in_parts(text)

    assert len(parts) > 3
    assert await text_of(parts) == text
    assert zlib.decompressobj(wbits=31).decompress(gzipped(joined(parts))) == text
