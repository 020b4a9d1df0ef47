"""How a body becomes typed rows, or what an error's body says.

It must not judge what a body says, nor put any of it into an error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from exporter.cloud.wire import Envelope, Id, Page, Rows
from exporter.model.errors import MalformedError

T = TypeVar("T")

# The errors of msgspec, of json and of bad UTF-8 are ValueErrors; deep nesting is the
# other. They hold the body, or tell of it: no error of ours may be chained to one.
_UNREADABLE = (ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Failure:
    """The parts of an error's body that may be safe to keep, in both spellings.

    Codes and request ids are whatever stands in their place, most telling first.
    """

    success: bool | None = None
    status: int | None = None
    codes: tuple[object, ...] = ()
    request_ids: tuple[object, ...] = ()


def failure(body: bytes) -> Failure:
    """Return what an error's body says, which is nothing if it is no JSON object.

    >>> failure(b'{"Code": "Throttling", "RequestId": 5, "Message": "..."}').codes
    ('Throttling', None)
    """
    said = _loosely(body)
    if not isinstance(said, dict):
        return Failure()
    return Failure(
        success=_converted(said.get("success"), bool),
        status=_converted(said.get("httpStatusCode"), int),
        codes=(said.get("Code"), said.get("code")),
        request_ids=(said.get("RequestId"), said.get("requestId")),
    )


class ObjectDecoder(Generic[T]):
    """Decodes an answer that is one thing."""

    def __init__(self, data: type[T]) -> None:
        self._decoder: msgspec.json.Decoder[Envelope[T]] = msgspec.json.Decoder(
            Envelope[data],  # type: ignore[valid-type]  # a type made at run time
            strict=False,
        )

    def __call__(self, body: bytes) -> Envelope[T]:
        """Return the answer; raise `MalformedError` for what is not of its shape."""
        envelope = _decoded(self._decoder, body)
        if envelope is None:
            raise _shapeless()
        return envelope


class PageDecoder(Generic[T]):
    """Decodes an answer that is a page of a list; a bad row costs only itself.

    `id_name` is the wire's name of what a row is known by.
    """

    def __init__(self, row: type[T], id_name: str) -> None:
        self._id_name = id_name
        self._rows = msgspec.json.Decoder(row, strict=False)
        self._pages: msgspec.json.Decoder[Envelope[Page[T]]] = msgspec.json.Decoder(
            Envelope[Page[row]],  # type: ignore[valid-type]  # made at run time
            strict=False,
        )

    def __call__(self, body: bytes) -> Envelope[Rows[T]]:
        """Return the page.

        Raises:
            MalformedError: what is around the rows is not of the documented shape.
        """
        envelope = _decoded(self._pages, body)
        if envelope is None:
            return self._row_by_row(body)
        page = envelope.data
        if page is None:
            return Envelope(envelope.success)
        rows = Rows(page.total_count, page.page_size, page.rows or ())
        return Envelope(envelope.success, rows)

    def _row_by_row(self, body: bytes) -> Envelope[Rows[T]]:
        envelope = _converted(_loosely(body), Envelope[Page[Any]])
        if envelope is None:
            raise _shapeless()
        page = envelope.data
        if page is None:
            return Envelope(envelope.success)
        found = Rows[T](page.total_count, page.page_size, rows := [], malformed := [])
        for raw in page.rows or ():
            # Encoded again, what no label can hold is an escape that does not decode.
            row = _decoded(self._rows, json.dumps(raw))
            if row is None:
                malformed.append(self._id_of(raw))
            else:
                rows.append(row)
        return Envelope(envelope.success, found)

    def _id_of(self, raw: object) -> int | None:
        named = raw.get(self._id_name) if isinstance(raw, dict) else None
        known: int | None = _converted(named, Id)
        return known


def _decoded(decoder: msgspec.json.Decoder[T], text: bytes | str) -> T | None:
    try:
        return decoder.decode(text)
    except _UNREADABLE:
        return None


def _converted(value: object, kind: Any) -> Any:
    """Return a value as what it should be, None if it is something else."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except _UNREADABLE:
        return None


def _loosely(body: bytes) -> object:
    """Return what a body holds, None if it is no JSON.

    Unlike msgspec it accepts what spoils one string: bad UTF-8, half a surrogate pair.
    """
    try:
        return json.loads(body.decode("utf-8", "surrogateescape"))
    except _UNREADABLE:
        return None


def _shapeless() -> MalformedError:
    return MalformedError("the answer is not of the documented shape")
