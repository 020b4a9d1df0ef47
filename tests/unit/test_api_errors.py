"""What each answer of the API is: data, or which error."""

from __future__ import annotations

import json
import math
import string
from typing import Any

import pytest
from fakes import checkpoint_row, good, page_of
from hypothesis import given
from hypothesis import strategies as st
from leaks import everything_about
from multidict import CIMultiDict

from exporter.cloud.api_errors import (
    Answer,
    data_of,
    safe_code,
)
from exporter.cloud.wire import CheckpointRow, Page, page_decoder
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
    Reason,
    ThrottledError,
    UnavailableError,
)

ACTION = "List"
NOON, BEFORE_NOON = (f"Fri, 28 Feb 2025 {at} GMT" for at in ("12:00:00", "11:58:30"))
SECRET = "STRING-TO-SIGN GET&%2F CAISToken== hunter2"

decode = page_decoder(CheckpointRow)


def read(
    body: bytes | dict[str, Any], status: int = 200, **headers: str
) -> Page[CheckpointRow]:
    """Return the data of an answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Answer(ACTION, status, CIMultiDict(named), raw)
    return data_of(answer, decode)


def refused(
    body: bytes | dict[str, Any], status: int = 200, **headers: str
) -> CloudError:
    """Return the error that an answer stands for."""
    with pytest.raises(CloudError) as caught:
        read(body, status, **headers)
    return caught.value


PASCAL = {"RequestId": "A-1", "HostId": "h", "Code": "Throttling", "Message": SECRET}
CAMEL = {"requestId": "A-1", "success": False, "code": "Throttling", "message": SECRET}
XML = (
    "<Error><RequestId>A-1</RequestId><Code>Throttling</Code>"
    f"<Message>{SECRET}</Message></Error>"
).encode()


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("body", [PASCAL, CAMEL, XML])
def test_an_error_is_known_in_every_spelling_and_with_every_status(
    body: bytes | dict[str, Any], status: int
) -> None:
    """Gateway, service and XML bodies; a few come with status 200."""
    assert refused(body, status).reason is Reason.THROTTLED


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"code": "Instance.NotFound"}, Reason.NOT_FOUND),
        ({"code": "NoPermission", "accessDeniedDetail": SECRET}, Reason.PERMISSION),
        ({"code": "Oops", "httpStatusCode": 503}, Reason.UNAVAILABLE),
        ({"code": "Oops", "httpStatusCode": "404"}, Reason.NOT_FOUND),
        ({"code": None, "httpStatusCode": 429}, Reason.THROTTLED),
        ({"code": "200", "httpStatusCode": 200}, Reason.MALFORMED),
        ({}, Reason.MALFORMED),
    ],
)
def test_a_200_without_success_is_judged_by_its_body(
    said: dict[str, Any], reason: Reason
) -> None:
    """The code counts, then the status that the body states; its list does not."""
    body = page_of([checkpoint_row(1)]) | {"success": False, "message": SECRET}

    assert refused(body | said).reason is reason


@pytest.mark.parametrize("code", ["Instance.NotFound", "Throttling", 500, None, ["x"]])
def test_codes_and_messages_beside_success_are_ignored(code: object) -> None:
    """The vendor's own examples have them."""
    odd = {"code": code, "message": "The instance cannot be found.", "requestId": 7}
    beside = {"httpStatusCode": "OK", "dynamicCode": "InstanceId"}

    rows = read(page_of([checkpoint_row(7)]) | odd | beside).rows

    assert [row.id for row in rows] == [7]


@pytest.mark.parametrize(
    "data", [None, [], "text", {"pageSize": 10, "list": []}, {"totalCount": -1}, 5]
)
def test_a_success_without_data_is_malformed_whatever_its_code(data: object) -> None:
    """A junk code beside success must not drop an id from the inventory."""
    assert refused(good(data, code="Instance.NotFound")).reason is Reason.MALFORMED


def test_success_may_be_left_out_where_there_is_data() -> None:
    """And nowhere else."""
    body = page_of([checkpoint_row(7)])
    del body["success"]

    assert len(read(body).rows) == 1
    assert refused({"requestId": "A-1"}).reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, Reason.MALFORMED),
        (204, Reason.MALFORMED),
        (302, Reason.MALFORMED),
        (400, Reason.MALFORMED),
        (401, Reason.CREDENTIALS),
        (403, Reason.PERMISSION),
        (404, Reason.MALFORMED),
        (408, Reason.TIMEOUT),
        (429, Reason.THROTTLED),
        (500, Reason.UNAVAILABLE),
        (599, Reason.UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"[1]", b'"x"', b"{"])
def test_what_is_no_answer_of_the_api_is_known_by_its_status(
    body: bytes, status: int, reason: Reason
) -> None:
    """A proxy's page never makes an id look unknown."""
    error = refused(body, status)

    assert error.reason is reason
    assert error.origin == Origin(ACTION, None, status, None)
    assert str(error).startswith(f"List answered HTTP {status}")


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404])
def test_a_web_page_is_a_proxys_and_says_nothing_of_key_or_id(status: int) -> None:
    """Whoever reads "grant the RAM action" would look in the wrong place."""
    error = refused(b"\n<!DOCTYPE html><h1>Log in</h1>", status)

    assert error.reason is Reason.MALFORMED
    assert str(error) == f"List answered HTTP {status} with a web page"
    assert error.remedy == NetworkFault.PAGE.remedy
    assert refused(b"<h1>Bad Gateway</h1>", 502).reason is Reason.UNAVAILABLE


@pytest.mark.parametrize(
    ("code", "named", "parameter"),
    [
        ("InvalidpageSize", "pageSize", "pageSize"),
        ("MissinginstanceId", "instanceId", "instanceId"),
        ("MissinginstanceId", None, "instanceId"),
        ("InvalidParameter", "filter", "filter"),
        ("InvalidParameter.pageSize", "LTAI5tTESTakid", "pageSize"),
        ("InvalidParameter", SECRET, None),
        ("InvalidRegion.NotFound", "RegionId", None),
        ("InvalidAccessKeyId.NotFound", "LTAIakid", None),
        ("Instance.NotFound", "InstanceId", None),
    ],
)
def test_a_refused_parameter_is_named(
    code: str, named: str | None, parameter: str | None
) -> None:
    """By dynamicCode where it names one, else by the code; and no value ever is."""
    error = refused({"success": False, "code": code, "dynamicCode": named}, 400)

    assert error.origin.parameter == parameter
    assert error.origin.refuses_page_size == (parameter == "pageSize")
    told = f", parameter {parameter}" if parameter else ""
    assert str(error) == f"List answered {code}{told}"
    assert (parameter or "").removeprefix("pageSize") in error.remedy


def test_an_envelope_of_the_service_with_404_is_an_unknown_id() -> None:
    """Even without a code."""
    assert refused({"success": False}, 404).reason is Reason.NOT_FOUND


@pytest.mark.parametrize(
    "spoilt",
    [
        {"RequestId": 5},
        {"RequestId": None, "Message": {"a": [SECRET]}},
        {"httpStatusCode": "bad"},
        {"success": "perhaps"},
    ],
)
def test_one_odd_field_does_not_hide_the_code(spoilt: dict[str, Any]) -> None:
    """Each field of an error is read by itself."""
    assert refused(PASCAL | spoilt, 400).reason is Reason.THROTTLED


@pytest.mark.parametrize("status", [206, 302, 999])
def test_a_good_envelope_with_another_status_is_told_by_that(status: int) -> None:
    """The code of a good answer would read as if all were well."""
    error = refused(page_of([checkpoint_row(1)]), status)

    assert str(error).startswith(f"List answered HTTP {status}")


@pytest.mark.parametrize("message", [b"\\ud83d", b"\xff\xfe", b"\\ud800\\ud800"])
def test_a_spoilt_message_does_not_hide_the_code(message: bytes) -> None:
    """Half a surrogate pair and bad UTF-8 spoil the one string they stand in."""
    body = b'{"Code":"NoPermission","Message":"' + message + b'"}'

    assert refused(body, 400).reason is Reason.PERMISSION


def test_deep_nesting_is_no_crash() -> None:
    """The parser's own limit is an answer of a wrong shape."""
    deep = b'{"Code":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    assert refused(deep, 503).reason is Reason.UNAVAILABLE
    assert refused(deep).reason is Reason.MALFORMED


@pytest.mark.parametrize("body", [PASCAL, CAMEL])
def test_the_request_id_is_kept_for_the_vendors_support(body: dict[str, Any]) -> None:
    """In both spellings, else from the header."""
    assert refused(body, 400).origin == Origin(ACTION, "Throttling", 400, "A-1")
    assert refused(b"", 502, x_acs_request_id="B-2").origin.request_id == "B-2"


@pytest.mark.parametrize("status", [200, 400, 502])
@pytest.mark.parametrize(
    "body",
    [
        PASCAL | {"Code": SECRET, "RequestId": SECRET},
        CAMEL | {"code": SECRET, "requestId": SECRET, "data": {"password": SECRET}},
        XML.replace(b"Throttling", SECRET.encode()),
        f"<html>{SECRET}</html>".encode(),
        good({"totalCount": SECRET, "list": SECRET}),
        b'{"success":true,"data":"\xff ' + SECRET.encode() + b'"}',
        SECRET.encode(),
    ],
)
def test_no_word_of_the_api_is_in_an_error(
    body: bytes | dict[str, Any], status: int
) -> None:
    """Its messages repeat the string to sign, tokens and passwords."""
    shown = everything_about(refused(body, status))

    assert not any(word in shown for word in SECRET.split())


TABLE: list[tuple[str, int, type[CloudError]]] = [
    ("Throttling", 400, ThrottledError),
    ("Throttling.User", 400, ThrottledError),
    ("Throttling.Api", 400, ThrottledError),
    ("Rejected.Throttling", 503, ThrottledError),
    ("ServiceUnavailable", 503, UnavailableError),
    ("InternalError", 500, UnavailableError),
    ("InternalError", 400, UnavailableError),
    ("RemoteCallError", 500, UnavailableError),
    ("SomethingNew", 504, UnavailableError),
    ("InvalidTimeStamp.Expired", 400, ClockError),
    ("InvalidTimeStamp.Format", 400, ClockError),
    ("SignatureNonceUsed", 400, NonceUsedError),
    ("InvalidAccessKeyId.NotFound", 404, CredentialsError),
    ("InvalidAccessKeyId.NotFound", 400, CredentialsError),
    ("InvalidAccessKeyId.Inactive", 403, CredentialsError),
    ("Forbidden.AccessKeyDisabled", 403, CredentialsError),
    ("SignatureDoesNotMatch", 400, CredentialsError),
    ("SignatureDoesNotMatch", 403, CredentialsError),
    ("IncompleteSignature", 400, CredentialsError),
    ("MissingSecurityToken", 400, CredentialsError),
    ("InvalidSecurityToken.Malformed", 400, CredentialsError),
    ("InvalidSecurityToken.MismatchWithAccessKey", 400, CredentialsError),
    ("InvalidSecurityToken.Expired", 400, ExpiredCredentialsError),
    ("NoPermission", 403, PermissionDeniedError),
    ("Forbidden.RAM", 403, PermissionDeniedError),
    ("Forbidden", 404, PermissionDeniedError),
    ("SomethingNew", 403, PermissionDeniedError),
    ("InvalidApi.NotFound", 404, MalformedError),
    ("InvalidProduct.NotFound", 404, MalformedError),
    ("InvalidRegion.NotFound", 404, MalformedError),
    ("InvalidProtocol.NeedSsl", 404, MalformedError),
    ("MissingParameter", 400, MalformedError),
    ("InvalidParameter", 404, MalformedError),
    ("Instance.NotFound", 404, NotFoundError),
    ("DisasterRecoveryPlan.NotFound", 404, NotFoundError),
    ("DisasterRecoveryItem.NotFound", 400, NotFoundError),
    ("InvalidInstanceId.NotFound", 404, NotFoundError),
    ("DisasterRecoveryPlan.NotExist", 400, NotFoundError),
    ("DisasterRecoveryPlan.NotExists", 403, NotFoundError),
    ("InstanceAcl.NotExisted", 400, NotFoundError),
    ("SomethingNew", 404, NotFoundError),
    ("Instance.NotFoundButWhy", 400, MalformedError),
    ("Instance.NotExistedButWhy", 400, MalformedError),
    ("SomethingNew", 400, MalformedError),
    ("DateFormatError", 400, MalformedError),
]
HARMLESS = string.ascii_letters + string.digits + "._-"
TRANSIENT = {Reason.THROTTLED, Reason.UNAVAILABLE, Reason.TIMEOUT}


@pytest.mark.parametrize(("code", "status", "kind"), TABLE)
def test_a_code_says_what_an_operator_would_do(
    code: str, status: int, kind: type[CloudError]
) -> None:
    """The code counts before the status, which varies between the vendor's pages."""
    error = refused({"Code": code}, status)

    assert type(error) is kind
    assert error.is_transient == (error.reason in TRANSIENT)
    assert str(error) == f"List answered {code}"


@pytest.mark.parametrize("code", ["SomethingNew", "NoPermission", None])
def test_any_error_that_asks_for_a_pause_is_throttling(code: str | None) -> None:
    """The vendor's SDK takes it so, whatever the code; the pause is in milliseconds."""
    error = refused({"Code": code}, 400, x_acs_retry_after="1500")

    assert error.reason is Reason.THROTTLED
    assert error.origin.retry_after == 1.5


@pytest.mark.parametrize("value", ["0", "-5", "soon", "", "1.5", "1e3"])
def test_a_pause_that_is_none_changes_nothing(value: str) -> None:
    """Only a positive whole number counts."""
    error = refused({"Code": "NoPermission"}, 403, x_acs_retry_after=value)

    assert error.reason is Reason.PERMISSION
    assert error.origin.retry_after is None


@pytest.mark.parametrize(
    ("pause", "reason", "seconds"),
    [
        ({"retry_after": " 7 "}, Reason.UNAVAILABLE, 7.0),
        ({"x_acs_retry_after": "never", "retry_after": "9"}, Reason.UNAVAILABLE, 9.0),
        ({"x_acs_retry_after": "250", "retry_after": "9"}, Reason.THROTTLED, 0.25),
        ({"x_acs_retry_after": "1" + "0" * 12}, Reason.THROTTLED, 1e9),
        ({"x_acs_retry_after": "9" * 400}, Reason.THROTTLED, math.inf),
        ({"retry_after": "999999999"}, Reason.UNAVAILABLE, 999_999_999),
        ({"retry_after": NOON, "date": BEFORE_NOON}, Reason.UNAVAILABLE, 90.0),
        ({"retry_after": BEFORE_NOON, "date": NOON}, Reason.UNAVAILABLE, None),
        ({"retry_after": NOON}, Reason.UNAVAILABLE, None),
    ],
)
def test_retry_after_is_seconds_and_no_throttling(
    pause: dict[str, str], reason: Reason, seconds: float | None
) -> None:
    """A gateway that is down may say when to come back; the vendor's goes before."""
    error = refused(b"", 503, **pause)

    assert (error.reason, error.origin.retry_after) == (reason, seconds)
    by = "x-acs-retry-after" if reason is Reason.THROTTLED else "Retry-After"
    assert error.origin.wait_header == (by if seconds else "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<?xml version='1.0'?><Error>\n<Code> Throttling </Code>", "Throttling"),
        (b"\n<Error><Code>Instance.NotFound</Code>", "Instance.NotFound"),
        (b"<Error><Code>string to sign</Code></Error>", None),
        (b"Message: <Code>Throttling</Code>", None),
        (b'{"Message": "<Code>Throttling</Code>"}', None),
        (b"<html><body>502 Bad Gateway</body></html>", None),
    ],
)
def test_a_code_is_found_in_xml_and_nowhere_else(body: bytes, code: str | None) -> None:
    """The gateway may answer in XML; foreign XML is not parsed."""
    assert refused(body, 400).origin.code == code


@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text())))
def test_what_is_kept_of_a_code_is_harmless(said: object) -> None:
    """No blank, no quote and no equals sign: nothing that could be a sentence."""
    code = safe_code(said)

    assert code is None or (code == said and set(code) <= set(HARMLESS))
