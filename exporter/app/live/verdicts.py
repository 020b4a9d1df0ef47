"""What `check --live` says of one thing that it tried: how it went, and what to do.

Pure. It tries nothing, and no word of it can hold a key's value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from exporter.model.durations import brief_duration
from exporter.model.errors import ClockError, CloudError, Reason

# The API refuses a clock that is 15 minutes off; every age is wrong long before.
CLOCK_TOLERANCE_SECONDS = 60.0
# The API tells the time in whole seconds, and its answer travels.
CLOCK_PRECISION_SECONDS = 2.0

_PROVIDERS: Mapping[str, str] = {
    "static": "the configuration (api.access_key_id)",
    "env": "the environment (ALIBABA_CLOUD_ACCESS_KEY_ID)",
    "oidc_role_arn": "an OIDC token, exchanged for a role",
    "cli_profile": "the profile of the Alibaba Cloud CLI",
    "profile": "the profile in a credentials file",
    "ecs_ram_role": "the RAM role of this instance",
    "credential_uri": "the credentials URI",
}
# What the code of an answer calls the thing that is not there.
_NOUNS = (("Plan", "plan"), ("Instance", "instance"), ("Item", "item"))


class Outcome(StrEnum):
    """How a check went; the words that its line begins with."""

    OK = "ok"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one check went, of what, and what there is to say of it."""

    outcome: Outcome
    subject: str
    detail: str

    def line(self) -> str:
        """Return the line for people, without what a terminal would obey.

        >>> Verdict(Outcome.OK, "clock of cn-hangzhou", "3s ahead").line()
        'ok      clock of cn-hangzhou: 3s ahead'
        """
        text = f"{self.outcome:<7} {self.subject}: {self.detail}"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def named(ids: Mapping[str, str]) -> str:
    """Return ids by the kind of what they name, in words.

    >>> named({"plan": "1300000016", "item": "100070284"})
    'plan 1300000016, item 100070284'
    """
    return ", ".join(f"{kind} {name}" for kind, name in ids.items())


def key_found(provider: str, *, is_temporary: bool) -> str:
    """Return which credential was found; `provider` is what `Credentials` names.

    >>> key_found("cli_profile/sts", is_temporary=True)
    'an access key with a security token from the profile of the Alibaba Cloud CLI (provider cli_profile/sts)'
    """  # noqa: E501 - a doctest's output cannot be wrapped
    token = " with a security token" if is_temporary else ""
    place = _PROVIDERS.get(provider.partition("/")[0], "the credential chain")
    return f"an access key{token} from {place} (provider {provider})"


def failure(action: str, error: CloudError, ids: Mapping[str, str]) -> str:
    """Return what went wrong with a call about these ids, and what to do about it."""
    said = str(error).removeprefix(f"{action} ")
    if error.reason is Reason.PERMISSION:
        return f"{said}; grant the RAM action rocketmq:{action}"
    if error.reason is Reason.NOT_FOUND and ids:
        kind = _missing_kind(error.origin.code or "", ids)
        said = f"{kind} {ids[kind]} does not exist ({said})"
    return f"{said}; {error.remedy}"


def _missing_kind(code: str, ids: Mapping[str, str]) -> str:
    """Return which of the ids is not there: the last of the path, if nothing says."""
    for noun, kind in _NOUNS:
        if noun in code and kind in ids:
            return kind
    return [kind for kind in ids if kind != "instance"][-1]


def clock(region: str, skew_seconds: float | None) -> Verdict:
    """Return the verdict on our clock minus the API's, None where no answer told it.

    >>> clock("cn-hangzhou", -1200.0).detail.partition(";")[0]
    "this clock is 20m behind the API's"
    >>> clock("cn-hangzhou", 0.4).detail
    "this clock is within 2s of the API's"
    """
    subject = f"{region} clock"
    if skew_seconds is None:
        return Verdict(Outcome.SKIPPED, subject, "no answer of the API told the time")
    off = abs(skew_seconds)
    if off <= CLOCK_PRECISION_SECONDS:
        within = brief_duration(CLOCK_PRECISION_SECONDS)
        near = f"this clock is within {within} of the API's"
        return Verdict(Outcome.OK, subject, near)
    side = "ahead of" if skew_seconds > 0 else "behind"
    said = f"this clock is {brief_duration(round(off))} {side} the API's"
    if off <= CLOCK_TOLERANCE_SECONDS:
        return Verdict(Outcome.OK, subject, said)
    return Verdict(Outcome.FAILED, subject, f"{said}; {ClockError.remedy}")
