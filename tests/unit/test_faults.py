"""Which error each code, status and header of the API stands for."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cloud.faults import error_from, retry_after, safe_code, xml_code
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
    Reason,
    RequestTimeoutError,
    ThrottledError,
    UnavailableError,
)

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
    ("InvalidParameter.instanceId", 400, MalformedError),
    ("Instance.NotFound", 404, NotFoundError),
    ("DisasterRecoveryPlan.NotFound", 404, NotFoundError),
    ("DisasterRecoveryItem.NotFound", 400, NotFoundError),
    ("SomethingNew", 404, NotFoundError),
    ("SomethingNew", 400, MalformedError),
    ("DateFormatError", 400, MalformedError),
]
HARMLESS = string.ascii_letters + string.digits + "._-"
WAIT = "x-acs-retry-after"
TRANSIENT = {Reason.THROTTLED, Reason.UNAVAILABLE, Reason.TIMEOUT}


@pytest.mark.parametrize(("code", "status", "kind"), TABLE)
def test_a_code_says_what_an_operator_would_do(
    code: str, status: int, kind: type[CloudError]
) -> None:
    """The code counts before the status, which varies between the vendor's pages."""
    error = error_from(Origin("List", code, status))

    assert type(error) is kind
    assert error.is_transient == (error.reason in TRANSIENT)
    assert str(error) == f"List answered {code}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, MalformedError),
        (302, MalformedError),
        (400, MalformedError),
        (401, CredentialsError),
        (403, PermissionDeniedError),
        (404, MalformedError),
        (408, RequestTimeoutError),
        (429, ThrottledError),
        (500, UnavailableError),
        (599, UnavailableError),
    ],
)
def test_a_status_counts_where_there_is_no_code(
    status: int, kind: type[CloudError]
) -> None:
    """A page of a proxy has a status alone; its 404 says nothing of an id."""
    error = error_from(Origin("List", None, status))

    assert type(error) is kind
    assert str(error).startswith(f"List answered HTTP {status}")


def test_a_404_of_the_service_is_an_unknown_id() -> None:
    """An envelope without a code is the service's own answer."""
    error = error_from(Origin("List", None, 404), is_service=True)

    assert error.reason is Reason.NOT_FOUND


@pytest.mark.parametrize("code", ["SomethingNew", "NoPermission", None])
def test_any_error_that_asks_for_a_pause_is_throttling(code: str | None) -> None:
    """The vendor's SDK takes it so, whatever the code; the pause is in milliseconds."""
    error = error_from(Origin("List", code, 400), {"x-acs-retry-after": "1500"})

    assert error.reason is Reason.THROTTLED
    assert error.retry_after == 1.5


@pytest.mark.parametrize("value", ["0", "-5", "soon", "", "1.5", "9" * 400])
def test_a_pause_that_is_none_changes_nothing(value: str) -> None:
    """Only a positive whole number counts."""
    error = error_from(Origin("List", "NoPermission", 403), {WAIT: value})

    assert error.reason is Reason.PERMISSION
    assert error.retry_after is None


def test_retry_after_is_seconds_and_no_throttling() -> None:
    """A gateway that is down may say when to come back."""
    error = error_from(Origin("List", None, 503), {"Retry-After": " 7 "})

    assert (error.reason, error.retry_after) == (Reason.UNAVAILABLE, 7.0)


def test_the_vendors_header_goes_before_the_standard_one() -> None:
    """A broken one leaves the other."""
    assert retry_after({WAIT: "250", "Retry-After": "9"}) == 0.25
    assert retry_after({WAIT: "never", "Retry-After": "9"}) == 9.0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            b"<?xml version='1.0'?><Error><Code> Throttling </Code></Error>",
            "Throttling",
        ),
        (b"\n<Error><Code>Instance.NotFound</Code>", "Instance.NotFound"),
        (b"<Error><Code>string to sign</Code></Error>", None),
        (b'{"Message": "<Code>Throttling</Code>"}', None),
        (b"<html><body>502 Bad Gateway</body></html>", None),
        (b"", None),
    ],
)
def test_a_code_is_found_in_xml_and_nowhere_else(body: bytes, code: str | None) -> None:
    """The gateway may answer in XML; foreign XML is not parsed."""
    assert xml_code(body) == code


@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text())))
def test_what_is_kept_of_a_code_is_harmless(said: object) -> None:
    """No blank, no quote and no equals sign: nothing that could be a sentence."""
    code = safe_code(said)

    assert code is None or (code == said and set(code) <= set(HARMLESS))


@given(st.text(max_size=40), st.integers(100, 599))
def test_every_answer_has_one_of_the_known_errors(code: str, status: int) -> None:
    """Whatever the API says, an operator is told what to do."""
    error = error_from(Origin("List", safe_code(code), status))

    assert error.reason in Reason
    assert error.remedy
