"""Whether an answer is data or an error, in all the shapes the API and proxies have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes import checkpoint_row, good, page_of
from leaks import everything_about

from exporter.cloud.answers import Answer, data_of
from exporter.cloud.decoding import PageDecoder
from exporter.cloud.wire import CheckpointRow, Rows
from exporter.model.errors import CloudError, MalformedError, Origin, Reason

ACTION = "ListDisasterRecoveryCheckpoints"
SECRET = "STRING-TO-SIGN GET&%2F CAISToken== hunter2"

decode = PageDecoder(CheckpointRow, "checkpointId")


def read(
    body: bytes | dict[str, Any], status: int = 200, **headers: str
) -> Rows[CheckpointRow]:
    """Return the data of an answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return data_of(Answer(ACTION, status, named, raw), decode)


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
    """The code counts, then the status that the body states."""
    body = {"requestId": "A-1", "success": False, "data": None, "message": SECRET}

    assert refused(body | said).reason is reason


def test_data_beside_success_false_is_no_data() -> None:
    """`success` decides, not the presence of a list."""
    body = page_of([checkpoint_row(1)]) | {"success": False, "code": "InternalError"}

    assert refused(body).reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("code", ["Instance.NotFound", "Throttling", 500, None, ["x"]])
def test_codes_and_messages_beside_success_are_ignored(code: object) -> None:
    """The vendor's own examples have them."""
    odd = {"code": code, "message": "The instance cannot be found.", "requestId": 7}
    beside = {"httpStatusCode": "OK", "dynamicCode": "InstanceId"}

    rows = read(page_of([checkpoint_row(7)]) | odd | beside).rows

    assert [row.checkpoint_id for row in rows] == [7]


@pytest.mark.parametrize("data", [None, [], "text", {}, {"totalCount": -1}, 5])
def test_a_success_without_data_is_malformed_whatever_its_code(data: object) -> None:
    """A junk code beside success must not drop an id from the inventory."""
    assert refused(good(data, code="Instance.NotFound")).reason is Reason.MALFORMED


def test_a_missing_total_is_malformed() -> None:
    """Without it nobody can say whether the pages add up."""
    body = good({"pageSize": 10, "list": [checkpoint_row(1)]})

    assert refused(body).reason is Reason.MALFORMED


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
        (403, Reason.PERMISSION),
        (404, Reason.MALFORMED),
        (502, Reason.UNAVAILABLE),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html><h1>Bad</h1></html>", b"\xff\xfe\x00", b"[1]", b'"x"', b"{"]
)
def test_what_is_no_answer_of_the_api_is_known_by_its_status(
    body: bytes, status: int, reason: Reason
) -> None:
    """A proxy's page never makes an id look unknown."""
    error = refused(body, status)

    assert error.reason is reason
    assert error.origin == Origin(ACTION, None, status, None)


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


def test_an_error_tells_the_action_and_the_code() -> None:
    """What an operator needs, and the log has."""
    error = refused(CAMEL | {"code": "NoPermission"}, 403)

    assert str(error) == f"{ACTION} answered NoPermission"
    assert isinstance(refused(b"x"), MalformedError)
