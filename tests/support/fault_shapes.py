"""Faults of what the cloud says: statuses, codes, shapes, totals, pages, ids.

It knows no connection; those faults are rows of `fault_rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fault_answers import (
    REQUESTS_OF_A_KIND,
    ROWS,
    SIZE,
    as_strings,
    body,
    data,
    first_row,
    pages,
    refusal,
    status,
    vanished,
)
from fault_model import Answer, Change

from exporter.model.errors import Reason

HUGE = 10**30


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to answer wrongly; the fields are those of a row."""

    title: str
    change: Change
    reasons: tuple[Reason, ...] = ()
    effect: str = "polls"
    settings: Mapping[str, str] = field(default_factory=dict)
    least_requests: int = 0


_STATUSES = (
    (302, "Moved", Reason.MALFORMED),
    (400, "InvalidParameter.pageSize", Reason.MALFORMED),
    (401, "InvalidAccessKeyId.Inactive", Reason.CREDENTIALS),
    (403, "NoPermission", Reason.PERMISSION),
    (405, "UnsupportedHTTPMethod", Reason.MALFORMED),
    (408, "RequestTimeout", Reason.TIMEOUT),
    (409, "Conflict", Reason.MALFORMED),
    (413, "TooLarge", Reason.MALFORMED),
    (429, "Throttling.User", Reason.THROTTLED),
    (500, "InternalError", Reason.UNAVAILABLE),
    (502, "BadGateway", Reason.UNAVAILABLE),
    (503, "ServiceUnavailable", Reason.UNAVAILABLE),
    (504, "GatewayTimeout", Reason.UNAVAILABLE),
    (599, "Unheard", Reason.UNAVAILABLE),
)
_EVERY_KIND = 4 * REQUESTS_OF_A_KIND + 1
_PATIENT = {"poll.timeout": "10s", "poll.stale_after": "10s"}
_BAD = (Reason.MALFORMED,)
_TORN = (Reason.INCOMPLETE,)
_KEY = (Reason.CREDENTIALS,)
_GONE = (Reason.NOT_FOUND,)


def _shifted(page: int) -> tuple[range, int]:
    """Return pages that a row which went away has moved up by one."""
    start = (page - 1) * SIZE + (page > 1)
    return range(start, min(start + SIZE, ROWS)), ROWS


def _of_lists(alter: Any) -> Change:
    return data(lambda page: page | {"list": alter})


def _of_total(alter: int) -> Change:
    return data(lambda page: page | {"totalCount": page["totalCount"] + alter})


def _in_row(**beside: object) -> Change:
    return first_row(lambda row: row | beside)


SHAPES = (
    *(
        Shape(
            f"HTTP {number} with JSON, XML, HTML and nothing",
            status(number, code, Location="http://127.0.0.1:1/"),
            (reason,),
            least_requests=_EVERY_KIND,
        )
        for number, code, reason in _STATUSES
    ),
    Shape(
        "HTTP 404 of a proxy, HTML",
        lambda asked, _: Answer(asked.secrets.encode(), 404),
        _BAD,
    ),
    Shape(
        "HTTP 200 without success", refusal(200, "InternalError"), (Reason.UNAVAILABLE,)
    ),
    Shape("HTTP 200 without success, unknown code", refusal(200, "Odd.Code"), _BAD),
    Shape("empty body", body(lambda *_: b""), _BAD),
    Shape("HTML with HTTP 200", body(lambda asked, _: asked.secrets.encode()), _BAD),
    Shape("truncated JSON", body(lambda _, good: good[: len(good) // 2]), _BAD),
    Shape("list instead of the envelope", body(lambda *_: b"[1]"), _BAD),
    Shape("null instead of the envelope", body(lambda *_: b"null"), _BAD),
    Shape("nesting without an end", body(lambda *_: b"[" * 100_000), _BAD),
    Shape("no data", data(lambda _: None), _BAD),
    Shape("text instead of data", data(lambda _: "CANARY-text"), _BAD),
    Shape("list instead of data", data(lambda _: [1, 2]), _BAD),
    Shape("object instead of the list", _of_lists({"a": 1}), _BAD),
    Shape("text instead of the list", _of_lists("CANARY-text"), _BAD),
    Shape("null instead of the list", _of_lists(None), _TORN),
    Shape("no total", data(lambda page: {"list": page["list"]}), _BAD),
    Shape("negative total", _of_total(-100), _BAD),
    Shape("huge total", _of_total(HUGE), _BAD),
    Shape("text in the place of a row", first_row(lambda _: "CANARY"), (), "rows"),
    Shape("row without id", _in_row(checkpointId=None), (), "rows"),
    Shape("huge id of a row", _in_row(checkpointId=HUGE), (), "rows"),
    Shape("huge time in a row", _in_row(lastSyncTime=HUGE), (), "rows"),
    Shape("number instead of a side", _in_row(sourceProgress=5), (), "rows"),
    Shape("list in a side", _in_row(targetProgress={"topicName": []}), (), "rows"),
    Shape(
        "text instead of a plan's instances",
        data(
            lambda plan: (
                plan | {"instances": "CANARY"} if "instances" in plan else plan
            ),
            "",
        ),
        _BAD,
        "discovery",
    ),
    Shape("list instead of the items", data(lambda _: [], "/items"), _BAD, "discovery"),
    Shape("numbers as strings", data(as_strings, ""), (), "nothing"),
    Shape("total too high", _of_total(+15), _TORN),
    Shape("total too low", _of_total(-3), _TORN),
    Shape("one page again and again", pages(lambda _: (range(SIZE), ROWS)), _TORN),
    Shape("pages that shift while read", pages(_shifted), _TORN),
    Shape(
        "pages without an end",
        pages(lambda page: (range((page - 1) * SIZE, page * SIZE), (page + 1) * SIZE)),
        (Reason.TIMEOUT, Reason.INCOMPLETE),
    ),
    Shape(
        "throttling for a while",
        refusal(400, "Throttling.Api", until=2),
        (),
        "nothing",
        _PATIENT,
    ),
    Shape("throttling for ever", refusal(400, "Throttling.User"), (Reason.THROTTLED,)),
    Shape(
        "throttling without words",
        status(418, "Odd", x_acs_retry_after="50"),
        (Reason.THROTTLED,),
    ),
    Shape("plan that vanishes", vanished("plan"), _GONE, "route"),
    Shape("item that vanishes", vanished("item"), (), "route"),
    Shape("instance that vanishes", vanished("instance"), _GONE),
    Shape(
        "token that expires amid a poll",
        refusal(400, "InvalidSecurityToken.Expired", first=2),
        _KEY,
    ),
    Shape(
        "token that expires once",
        refusal(400, "InvalidSecurityToken.Expired", until=1),
        (),
        "nothing",
    ),
    Shape("key that is disabled", refusal(403, "Forbidden.AccessKeyDisabled"), _KEY),
    Shape("signature refused", refusal(400, "SignatureDoesNotMatch"), _KEY),
    Shape("permission withdrawn", refusal(403, "Forbidden.RAM"), (Reason.PERMISSION,)),
    Shape("nonce said to be used", refusal(400, "SignatureNonceUsed"), _BAD),
)
