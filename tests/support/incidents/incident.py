"""What an incident is: who is polled how, what befalls them, and who must be woken.

Data alone; `incidents.stage` has it happen and `incidents.verdict` judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from incidents.stage import Stage


MINUTE = 60.0
PREFIX = "RocketMQDR"

Action = Callable[["Stage"], Coroutine[Any, Any, None]]

# What the simulated cloud calls its first things.
PLAN, OTHER_PLAN = "1300000016", "1300000017"
ITEM, OTHER_ITEM = "100070284", "100070285"
SOURCE = "rmq-cn-7e22ody0001"
GROUP, OTHER_GROUP = "GID_billing", "GID_search"


@dataclass(frozen=True)
class Fires:
    """An alert that must begin to fire once, between two moments, in minutes.

    `until` is the latest time at which it has ended, None if it must last. `labels` are
    those that matter; so many alerts have them as `count` says.
    """

    alert: str
    after: float
    by: float
    until: float | None
    count: int
    labels: Mapping[str, str]


def fires(
    alert: str,
    after: float,
    by: float,
    *,
    until: float | None = None,
    count: int = 1,
    **labels: str,
) -> Fires:
    """Declare an alert, without the prefix of its name."""
    return Fires(f"{PREFIX}{alert}", after, by, until, count, labels)


ticket = partial(fires, severity="warning")
page = partial(fires, severity="critical")


def alerts(names: str) -> set[str]:
    """Return the alerts of a list without prefixes."""
    return {f"{PREFIX}{name}" for name in names.split()}


@dataclass(frozen=True)
class Incident:
    """What happens, told by the minute, and every alert that must come of it.

    Any alert that is not declared must be silent; `looks_like` names those that one
    might have expected. `inhibited` are those that Alertmanager holds back at
    `judged_at`, a page with a "!"; if that is None, while most fire. Where nothing may,
    `fires` is empty. `namespaces` and `jobs` are of those replicas that are no replicas
    of each other but exporters of different teams; `own_settings` are those of one
    replica alone. All times are in minutes.
    """

    name: str
    lasts: float
    timeline: Mapping[float, Action] = field(default_factory=dict)
    fires: Sequence[Fires] = ()
    looks_like: str = ""
    inhibited: str = ""
    judged_at: float | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    plans: int = 2
    items: int = 1
    groups: int = 3
    replicas: Sequence[str] = ("a",)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    jobs: Mapping[str, str] = field(default_factory=dict)
    own_settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    scrape_every: float = 0.5
    evaluate_every: float = 1.0


# For incidents of many hours: what moves by the minute moves by four.
SLOWLY = {"poll.interval": "4m", "poll.stale_after": "20m"}
slow = partial(Incident, settings=SLOWLY, scrape_every=4, evaluate_every=4)
