"""What an answer of the API is: its data, or an error, by its code, then its status.

An error holds codes and ids of a harmless shape alone, and never the API's own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TypeVar

from exporter.cloud.wire import Decode, converted, loose_object
from exporter.model.errors import (
    ClockError,
    CloudError,
    CredentialsError,
    ExpiredCredentialsError,
    MalformedError,
    NonceUsedError,
    NotFoundError,
    Origin,
    PermissionDeniedError,
    RequestTimeoutError,
    ThrottledError,
    UnavailableError,
)

T = TypeVar("T")

# The first that matches the start of the code counts. The codes are those of the
# vendor's error centre and of its Terraform provider.
BY_CODE: tuple[tuple[str, type[CloudError]], ...] = (
    (r".*Throttling", ThrottledError),
    (r"InvalidTimeStamp", ClockError),
    (r"SignatureNonceUsed$", NonceUsedError),
    (r"InvalidSecurityToken\.Expired$", ExpiredCredentialsError),
    (r"InvalidAccessKeyId|InvalidSecurityToken|MissingSecurityToken", CredentialsError),
    (r"MissingAccessKeyId|Forbidden\.AccessKeyDisabled", CredentialsError),
    (r"SignatureDoesNotMatch|IncompleteSignature", CredentialsError),
    (r"NoPermission|Forbidden", PermissionDeniedError),
    (r"ServiceUnavailable|InternalError|RemoteCallError", UnavailableError),
    # What is not found here is no id of a plan: the request itself is wrong.
    (r"Invalid(?:Api|Action|Product|Region|Version|Protocol)", MalformedError),
    (r"InvalidParameter|Missing", MalformedError),
    (r".*\.NotFound$", NotFoundError),
)
BY_STATUS: Mapping[int, type[CloudError]] = {
    HTTPStatus.UNAUTHORIZED: CredentialsError,
    HTTPStatus.FORBIDDEN: PermissionDeniedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.REQUEST_TIMEOUT: RequestTimeoutError,
}
# The vendor's SDK takes any error that carries it for throttling; so do we.
WAIT_HEADER = "x-acs-retry-after"
_CODE = re.compile(r"[A-Za-z0-9._-]{1,80}")


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
    data = decode(answer.body) if answer.status == HTTPStatus.OK else None
    if data is None:
        raise _failure_of(answer)
    return data


def _failure_of(answer: Answer) -> CloudError:
    """Return the error of an answer that has no data."""
    said = loose_object(answer.body)
    success = converted(said.get("success"), bool)
    status, code = answer.status, safe_code(said.get("Code"), said.get("code"))
    if status == HTTPStatus.OK and success is not None:
        stated = converted(said.get("httpStatusCode"), int)
        status = status if success else stated or status
        code = None if success else code
    request_ids = said.get("RequestId"), said.get("requestId")
    origin = Origin(
        action=answer.action,
        code=code or xml_code(answer.body),
        status=status,
        request_id=safe_code(*request_ids, answer.headers.get("x-acs-request-id")),
    )
    return error_from(origin, answer.headers, is_service=success is not None)


def error_from(
    origin: Origin,
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    is_service: bool = False,
) -> CloudError:
    """Return the error that an answer which is no success stands for.

    `is_service` tells an answer with an envelope from whatever a proxy may send: only
    there does the status 404 mean that the id is unknown.

    >>> error_from(Origin("List", "Throttling.User", 400)).reason.value
    'throttled'
    >>> error_from(Origin("List", None, 502)).reason.value
    'unavailable'
    """
    kind = _kind(origin.code or "", origin.status or 0)
    if _seconds(headers, WAIT_HEADER, 0.001) is not None:
        kind = ThrottledError
    if kind is NotFoundError and not (is_service or origin.code):
        kind = MalformedError
    what = origin.code or (f"HTTP {origin.status}" if origin.status else "no code")
    if not origin.code and origin.status == HTTPStatus.OK:
        what += ", but nothing of the documented shape"
    return kind(
        f"{origin.action or 'the API'} answered {what}",
        origin=origin,
        retry_after=retry_after(headers),
    )


def _kind(code: str, status: int) -> type[CloudError]:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ThrottledError
    for pattern, kind in BY_CODE:
        if re.match(pattern, code):
            return kind
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnavailableError
    return BY_STATUS.get(status, MalformedError)


def safe_code(*codes: object) -> str | None:
    """Return the first code that has the shape of one.

    >>> safe_code(None, "Instance.NotFound")
    'Instance.NotFound'
    >>> safe_code("string to sign: GET&...") is None
    True
    """
    for code in codes:
        if isinstance(code, str) and _CODE.fullmatch(code):
            return code
    return None


def xml_code(body: bytes) -> str | None:
    """Return the code of an ``<Error>`` body, without parsing foreign XML.

    None for what does not begin as XML.

    >>> xml_code(b"<Error><Code>Throttling</Code></Error>")
    'Throttling'
    """
    if not body.lstrip().startswith(b"<"):
        return None
    found = re.search(rb"<Code>\s*([A-Za-z0-9._-]{1,80})\s*</Code>", body[:65_536])
    return found[1].decode() if found else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds the API asks to be left alone, None if it does not.

    ``x-acs-retry-after`` is in milliseconds, ``Retry-After`` in seconds.

    >>> retry_after({"x-acs-retry-after": "1500", "Retry-After": "3"})
    1.5
    """
    asked = _seconds(headers, WAIT_HEADER, 0.001)
    return _seconds(headers, "Retry-After", 1.0) if asked is None else asked


def _seconds(headers: Mapping[str, str], name: str, unit: float) -> float | None:
    value = headers.get(name, "").strip()
    is_number = re.fullmatch(r"[0-9]{1,9}", value) is not None
    return int(value) * unit if is_number and int(value) > 0 else None
