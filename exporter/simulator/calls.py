"""What a request asks for: its action, its ids and its page.

It must not know what the answer is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.simulator.refusals import ServiceError

SMALLEST_PAGE, LARGEST_PAGE = 10, 100


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the service: which action, on what, when."""

    action: str
    plan_id: str
    item_id: str
    query: Mapping[str, str]
    now: float


_PATHS = (
    ("ListDisasterRecoveryPlans", re.compile(r"/disaster_recovery")),
    ("GetDisasterRecoveryPlan", re.compile(r"/disaster_recovery/([0-9]{1,18})")),
    (
        "ListDisasterRecoveryItems",
        re.compile(r"/disaster_recovery/([0-9]{1,18})/items"),
    ),
    (
        "GetDisasterRecoveryItem",
        re.compile(r"/disaster_recovery/([0-9]{1,18})/items/([0-9]{1,18})"),
    ),
    (
        "ListDisasterRecoveryCheckpoints",
        re.compile(r"/disaster_recovery/([0-9]{1,18})/items/([0-9]{1,18})/checkpoints"),
    ),
)


def route(path: str) -> tuple[str, str, str] | None:
    """Find the action, plan id and item id of a path; ids it has not are empty.

    >>> route("/disaster_recovery/1300000016/items")
    ('ListDisasterRecoveryItems', '1300000016', '')
    """
    for action, pattern in _PATHS:
        found = pattern.fullmatch(path)
        if found is not None:
            plan_id, item_id = (*found.groups(), "", "")[:2]
            return action, plan_id, item_id
    return None


def page_of(query: Mapping[str, str]) -> tuple[int, int]:
    """Read page number and size; a size out of bounds is moved into them, silently.

    >>> page_of({"pageNumber": "3", "pageSize": "1000"}), page_of({"pageSize": "1"})
    ((3, 100), (1, 10))

    Raises:
        ServiceError: one of them is no number, or the page is before the first.
    """
    try:
        number, size = (
            int(query.get("pageNumber", "1")),
            int(query.get("pageSize", "10")),
        )
    except ValueError:
        raise ServiceError(
            400, "InvalidParameter", "The page is not a number."
        ) from None
    if number < 1:
        raise ServiceError(
            400, "InvalidParameter.pageNumber", "Pages are counted from 1."
        )
    return number, max(SMALLEST_PAGE, min(size, LARGEST_PAGE))


def asked_page(query: Mapping[str, str]) -> int | None:
    """Read the page number a request asks for; None when it names none.

    >>> asked_page({"pageNumber": "2"}), asked_page({"pageNumber": "two"})
    (2, None)
    """
    number = query.get("pageNumber", "")
    return int(number) if re.fullmatch("[0-9]{1,9}", number) else None
