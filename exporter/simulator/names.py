"""How the simulated cloud calls its things: ids, topics, groups.

It must not decide what exists; every name follows from a position alone.
"""

from __future__ import annotations

FIRST_PLAN = 1_300_000_016
FIRST_ITEM = 100_070_284
FIRST_CHECKPOINT = 10_000_001

TOPICS = (
    "orders",
    "payments",
    "refunds",
    "inventory",
    "shipments",
    "invoices",
    "accounts",
    "carts",
    "prices",
    "audit",
)
SERVICES = (
    "billing",
    "search",
    "mailer",
    "fraud",
    "ledger",
    "reports",
    "warehouse",
    "loyalty",
    "mobile",
    "archive",
)
PLANS = ("trade", "finance", "logistics", "members", "platform")


def _numbered(words: tuple[str, ...], index: int) -> str:
    round_, position = divmod(index, len(words))
    return words[position] if round_ == 0 else f"{words[position]}_{round_ + 1}"


def plan_name(index: int) -> str:
    """Name a plan.

    >>> plan_name(0), plan_name(6)
    ('dr_trade', 'dr_finance_2')
    """
    return f"dr_{_numbered(PLANS, index)}"


def topic(item_number: int) -> str:
    """Name the topic of an item on its source; numbers run through all plans.

    >>> topic(0), topic(11)
    ('orders', 'payments_2')
    """
    return _numbered(TOPICS, item_number)


def target_topic(item_number: int, *, is_two_way: bool) -> str:
    """Name the topic on the target: one mapping in three renames it.

    >>> target_topic(0, is_two_way=False), target_topic(2, is_two_way=False)
    ('orders', 'refunds_dr')
    """
    is_renamed = item_number % 3 == 2 and not is_two_way  # noqa: PLR2004 - one in three
    return topic(item_number) + ("_dr" if is_renamed else "")


def group(index: int) -> str:
    """Name a consumer group, which reads the topics of many items.

    >>> group(0), group(10)
    ('GID_billing', 'GID_billing_2')
    """
    return f"GID_{_numbered(SERVICES, index)}"


def instance_ids(plan_index: int) -> tuple[str, str]:
    """Name the first and the second instance of a plan.

    >>> instance_ids(0)
    ('rmq-cn-7e22ody0001', 'rmq-cn-nwy3i060001')
    """
    return f"rmq-cn-7e22ody{plan_index + 1:04d}", f"rmq-cn-nwy3i06{plan_index + 1:04d}"
