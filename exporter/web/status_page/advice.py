"""What is wrong beyond the routes, and what an operator would do about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.web.status_page import words
from exporter.web.status_page.facts import Facts


@dataclass(frozen=True, slots=True)
class Failure:
    """A look-up that failed: of what, why, and what to do."""

    subject: str
    reason: str
    advice: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Absence:
    """A configured id that the cloud does not know."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """Why no route is polled, and what to do: one step a line."""

    heading: str
    steps: Sequence[str]


def failures(facts: Facts, count: int) -> Sequence[Failure]:
    """Return `count` of the look-ups that failed."""
    return [
        Failure(
            subject=words.name(subject),
            reason=error.reason.value,
            advice=words.remedy(error.reason, error.origin),
            evidence=words.evidence(error.origin),
        )
        for subject, error in sorted(facts.failing.items())[:count]
    ]


def absences(facts: Facts, count: int) -> Sequence[Absence]:
    """Return `count` of what is configured and not found upstream."""
    missing = sorted(facts.inventory.missing)[:count]
    return [Absence(gone.kind, words.name(gone.id)) for gone in missing]


def nothing(facts: Facts) -> Nothing | None:
    """Return why no route is polled; None if one is."""
    if facts.statuses:
        return None
    return Nothing("Standing by", _STANDBY) if facts.stands_by else _idle(facts)


def _idle(facts: Facts) -> Nothing:
    """Return why a process that has to poll polls nothing."""
    if facts.failing:
        return Nothing("Looking for plans failed", _FAILED)
    if not facts.is_tried:
        return Nothing("Looking for plans", ("Wait: the first look takes seconds.",))
    if facts.inventory.plans:
        return Nothing("Plans, but no route to poll", _plans_without_routes(facts))
    if facts.settings.plans:
        return Nothing("No configured plan was found", _CONFIGURED)
    return Nothing(f"No running plan in {facts.settings.api.region}", _UNDISCOVERED)


_STANDBY = (
    "Another replica holds the Lease of “ha.lease” and polls: look at its page.",
    "This one takes over by itself when the other stops or is no longer heard of.",
)
_FAILED = (
    "Do what is said below; it is tried again by itself.",
    "“rocketmq-dr-exporter check --live” tries every call and says what is refused.",
)
_CONFIGURED = (
    "Compare “plans” in the configuration with the console: id and region of each.",
    "It is looked for again by itself; a reload looks at once.",
)
_NO_ITEMS = (
    "A route is a plan's item and its source instance: see that the plan has items, and"
    " that “items” and “source_instances” name some of them."
)
_UNDISCOVERED = (
    "Plans are looked for in “api.region”: see that it is the region of yours.",
    "Only plans that are RUNNING are discovered; name others under “plans”.",
    "The access key sees the plans of its own account alone.",
)


def _plans_without_routes(facts: Facts) -> Sequence[str]:
    shard = facts.settings.shard
    if shard.total == 1:
        return (_NO_ITEMS,)
    others = f"This process is shard {shard.index} of {shard.total}: others poll some."
    return (_NO_ITEMS, others)
