"""What one answer of the API is: its data, or the error it stands for.

It must not quote the answer: an error holds codes and ids of a harmless shape alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from exporter.cloud import faults
from exporter.cloud.decoding import Failure, failure
from exporter.cloud.wire import Envelope
from exporter.model.errors import CloudError, MalformedError, Origin

T = TypeVar("T")
Decode = Callable[[bytes], Envelope[T]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the API, whole."""

    action: str
    status: int
    headers: Mapping[str, str]
    body: bytes


def data_of(answer: Answer, decode: Decode[T]) -> T:
    """Return an answer's data.

    Raises:
        CloudError: what it stands for instead, by status, `success` and code.
    """
    if answer.status == HTTPStatus.OK:
        envelope = _envelope_of(answer, decode)
        # Beside success stand codes and messages that say otherwise; they say nothing.
        if envelope.success is not False and envelope.data is not None:
            return envelope.data
    raise _failure_of(answer)


def _envelope_of(answer: Answer, decode: Decode[T]) -> Envelope[T]:
    try:
        return decode(answer.body)
    except MalformedError:
        # It may be an error's body, which is of no action's shape.
        return Envelope()


def _failure_of(answer: Answer) -> CloudError:
    said = failure(answer.body)
    return faults.error_from(
        _origin(answer, said), answer.headers, is_service=said.success is not None
    )


def _origin(answer: Answer, said: Failure) -> Origin:
    status, code = answer.status, faults.safe_code(*said.codes)
    if status == HTTPStatus.OK and said.success is not None:
        status = status if said.success else said.status or status
        code = None if said.success else code
    header = answer.headers.get("x-acs-request-id")
    return Origin(
        action=answer.action,
        code=code or faults.xml_code(answer.body),
        status=status,
        request_id=faults.safe_code(*said.request_ids, header),
    )
