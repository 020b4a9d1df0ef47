"""What an answer of the API is: its data, or an error, by its code, then its status.

An error holds codes and ids of a harmless shape alone, and never the API's own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
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
# Foreign XML is not parsed.
_XML_CODE = re.compile(rb"\s*<.*?<Code>\s*([A-Za-z0-9._-]{1,80})\s*</Code>", re.DOTALL)


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
    xml = _XML_CODE.match(answer.body[:65_536])
    status = answer.status
    code = safe_code(said.get("Code"), said.get("code"), xml and xml[1].decode())
    if status == HTTPStatus.OK and success is not None:
        stated = converted(said.get("httpStatusCode"), int)
        status = status if success else stated or status
        code = None if success else code
    request_ids = said.get("RequestId"), said.get("requestId")
    request_id = safe_code(*request_ids, answer.headers.get("x-acs-request-id"))
    kind = _kind(code or "", status)
    if kind is NotFoundError and success is None and not code:
        # Without an envelope it is a proxy's page, and says nothing of an id.
        kind = MalformedError
    pause = _seconds(answer.headers, WAIT_HEADER, 0.001)
    if pause is not None:
        kind = ThrottledError
    what = code or f"HTTP {status}"
    if not code and status == HTTPStatus.OK:
        what += ", but nothing of the documented shape"
    return kind(
        f"{answer.action} answered {what}",
        origin=Origin(answer.action, code, status, request_id),
        retry_after=pause or _seconds(answer.headers, "Retry-After", 1.0),
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
    """Return the first code that has the shape of one."""
    for code in codes:
        if isinstance(code, str) and _CODE.fullmatch(code):
            return code
    return None


def _seconds(headers: Mapping[str, str], name: str, unit: float) -> float | None:
    value = headers.get(name, "").strip()
    is_number = re.fullmatch(r"[0-9]{1,9}", value) is not None
    return int(value) * unit if is_number and int(value) > 0 else None
