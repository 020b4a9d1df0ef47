"""What an answer of the API is: its data, or an error, by its code, then its status.

An error holds codes and ids of a harmless shape alone, and never the API's own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

from exporter.cloud.wire import Decode, converted, loose_object
from exporter.model.errors import (
    ClockError,
    CloudError,
    CredentialsError,
    ExpiredCredentialsError,
    MalformedError,
    NetworkFault,
    NonceUsedError,
    NotFoundError,
    Origin,
    PermissionDeniedError,
    RequestTimeoutError,
    ThrottledError,
    UnavailableError,
)

T = TypeVar("T")

WRONG_CALL = r"Invalid(?:Api|Action|Product|Region|Version|Protocol)"
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
    (WRONG_CALL, MalformedError),
    (r".*\.Not(?:Found|Exist(?:s|ed)?)$", NotFoundError),
    (r"Invalid|Missing", MalformedError),
)
BY_STATUS: Mapping[int, type[CloudError]] = {
    HTTPStatus.UNAUTHORIZED: CredentialsError,
    HTTPStatus.FORBIDDEN: PermissionDeniedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.REQUEST_TIMEOUT: RequestTimeoutError,
}
ABOUT_THE_KEY = (CredentialsError, PermissionDeniedError)
# The vendor's SDK takes any error that carries it for throttling; so do we.
SDK_WAIT = "x-acs-retry-after"
# The unit of each in seconds; the first goes before.
WAIT_HEADERS = {SDK_WAIT: 0.001, "Retry-After": 1.0}
_CODE = re.compile(r"[A-Za-z0-9._-]{1,80}")
_BAD_PARAMETER = re.compile(rf"(?!{WRONG_CALL})(?:Invalid|Missing)(?:Parameter)?(.*)")
# Without digits, which a key has.
_PARAMETER = re.compile(r"\.?([A-Za-z][A-Za-z.]{0,39})")
# Foreign XML is not parsed.
_XML_CODE = re.compile(rb"\s*<.*?<Code>\s*([A-Za-z0-9._-]{1,80})\s*</Code>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the API, whole, and the host that gave it."""

    action: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    host: str = ""


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
    said = loose_object(answer.body)
    success = converted(said.get("success"), bool)
    xml = _XML_CODE.match(answer.body[:65_536])
    status = answer.status
    code = safe_code(said.get("Code"), said.get("code"), xml and xml[1].decode())
    if status == HTTPStatus.OK and success is not None:
        stated = converted(said.get("httpStatusCode"), int)
        status = status if success else stated or status
        code = None if success else code
    # A number is what good answers have.
    code = None if (code or "").isdecimal() else code
    request_ids = said.get("RequestId"), said.get("requestId")
    request_id = safe_code(*request_ids, answer.headers.get("x-acs-request-id"))
    kind = _kind(code or "", status)
    is_word = bool(code) or success is not None
    is_page = not is_word and answer.body.lstrip().startswith(b"<")
    if not is_word and (kind is NotFoundError or (is_page and kind in ABOUT_THE_KEY)):
        # A proxy's page says nothing of an id, and none in HTML of a key.
        kind = MalformedError
    waits = {name: _seconds(answer.headers, name) for name in WAIT_HEADERS}
    if waits[SDK_WAIT]:
        kind = ThrottledError
    is_bad = kind is MalformedError
    header, seconds = next(((k, v) for k, v in waits.items() if v), ("", None))
    parameter = _bad_parameter(code, said.get("dynamicCode")) if is_bad else None
    fault = NetworkFault.PAGE if is_bad and is_page else None
    named = answer.action, code, status, request_id
    origin = Origin(*named, parameter, fault, answer.host, header, seconds)
    return kind(f"{answer.action} answered {_told(origin)}", origin=origin)


def _told(origin: Origin) -> str:
    """Return what an answer without data was, in a few words."""
    what = origin.code or f"HTTP {origin.status}"
    if origin.fault:
        return f"{what} with a web page"
    if not origin.code and origin.status == HTTPStatus.OK:
        return f"{what}, but nothing of the documented shape"
    return f"{what}, parameter {origin.parameter}" if origin.parameter else what


def _kind(code: str, status: int) -> type[CloudError]:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ThrottledError
    for pattern, kind in BY_CODE:
        if re.match(pattern, code):
            return kind
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnavailableError
    return BY_STATUS.get(status, MalformedError)


def _bad_parameter(code: str | None, named: object) -> str | None:
    """Return the parameter that a code is about: the one named beside it, or in it."""
    about = _BAD_PARAMETER.match(code or "")
    for name in (named, about[1]) if about else ():
        if isinstance(name, str) and (found := _PARAMETER.fullmatch(name)):
            return found[1]
    return None


def safe_code(*codes: object) -> str | None:
    """Return the first code that has the shape of one."""
    for code in codes:
        if isinstance(code, str) and _CODE.fullmatch(code):
            return code
    return None


def _seconds(headers: Mapping[str, str], name: str) -> float | None:
    """Return for how long a header asks to wait, however long: a number, or a date."""
    value = headers.get(name, "").strip()
    if re.fullmatch("[0-9]+", value):
        return float(value) * WAIT_HEADERS[name] or None
    try:
        until, now = (parsedate_to_datetime(headers.get(n, "")) for n in (name, "Date"))
        return max(0.0, (until - now).total_seconds()) or None
    except (ValueError, OverflowError, TypeError):
        return None
