"""How an answer goes wrong, as functions from a good answer to a bad one.

Every word of a refusal repeats what was signed, as the worst of gateways would.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fakes import checkpoint_row, page_of
from fault_model import Answer, Asked, Change

SIZE = 10
ROWS = 25
REQUESTS_OF_A_KIND = 3
NAMED = {
    "plan": "DisasterRecoveryPlan.NotFound",
    "item": "DisasterRecoveryItem.NotFound",
    "instance": "Instance.NotFound",
}


def _said(asked: Asked, code: str, *, is_gateway: bool) -> bytes:
    if is_gateway:
        return json.dumps({"Code": code, "Message": asked.secrets}).encode()
    said = {"success": False, "code": code, "message": asked.secrets}
    return json.dumps(said | {"dynamicMessage": asked.secrets}).encode()


def bodies(asked: Asked, code: str) -> tuple[bytes, ...]:
    """Return a refusal in JSON of gateway and service, XML, HTML, and without words."""
    return (
        _said(asked, code, is_gateway=True),
        _said(asked, code, is_gateway=False),
        f"<Error><Code>{code}</Code><M>{asked.secrets}</M></Error>".encode(),
        f"<html><body>{asked.secrets}</body></html>".encode(),
        b"",
    )


def status(number: int, code: str, **headers: str) -> Change:
    """Refuse everything with a status, in one kind of body after the other."""

    def change(asked: Asked, _answer: Answer) -> Answer:
        kinds = bodies(asked, code)
        kind = min(asked.sequence // REQUESTS_OF_A_KIND, len(kinds) - 1)
        spoken = {name.replace("_", "-"): value for name, value in headers.items()}
        return Answer(kinds[kind], number, {"x-message": asked.secrets} | spoken)

    return change


def refusal(number: int, code: str, *, first: int = 0, until: int = 10**9) -> Change:
    """Refuse with a code, from page `first` on, for the first requests of a fault."""

    def change(asked: Asked, answer: Answer) -> Answer:
        if asked.sequence >= until or (asked.page or 0) < first:
            return answer
        return Answer(_said(asked, code, is_gateway=number != 200), number)

    return change


def body(make: Callable[[Asked, bytes], bytes]) -> Change:
    """Put another body in the place of the good one, of whatever was asked."""
    return lambda asked, answer: Answer(make(asked, answer.body), 200, answer.headers)


def data(alter: Callable[[Any], Any], ending: str = "/checkpoints") -> Change:
    """Alter the `data` of the good answers to paths with an ending."""

    def change(asked: Asked, answer: Answer) -> Answer:
        if not asked.path.endswith(ending) or answer.status != 200:
            return answer
        envelope = json.loads(answer.body)
        envelope["data"] = alter(envelope["data"])
        return Answer(json.dumps(envelope).encode(), 200, answer.headers)

    return change


def first_row(alter: Callable[[Any], Any]) -> Change:
    """Alter the first row of each page."""
    return data(
        lambda page: page | {"list": [alter(page["list"][0]), *page["list"][1:]]}
    )


def as_strings(value: Any) -> Any:
    """Return a value with every number in it spelled as a string."""
    if isinstance(value, dict):
        return {name: as_strings(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_strings(each) for each in value]
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value


def pages(rows_of: Callable[[int], tuple[range, int]]) -> Change:
    """Answer a poll by page number with rows of these ids, and this total."""

    def change(asked: Asked, answer: Answer) -> Answer:
        if not asked.is_of_checkpoints or asked.page is None:
            return answer
        ids, total = rows_of(asked.page)
        rows = [checkpoint_row(n, f"GID_{n}") for n in ids]
        listed = page_of(rows, total=total, size=SIZE)
        return Answer(json.dumps(listed).encode(), 200, answer.headers)

    return change


def vanished(kind: str) -> Change:
    """Say of everything below a plan, an item or an instance that it is not there."""
    deepest = {"plan": "", "item": "/items/", "instance": "/checkpoints"}[kind]

    def change(asked: Asked, answer: Answer) -> Answer:
        if kind == "item" and asked.path.endswith("/items"):
            return Answer(json.dumps(page_of([], total=0)).encode())
        if deepest not in asked.path:
            return answer
        return Answer(_said(asked, NAMED[kind], is_gateway=False), 404)

    return change
