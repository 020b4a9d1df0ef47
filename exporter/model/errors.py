"""Why a poll or a discovery failed: one class for each thing an operator would do.

No error holds text that the cloud sent: it may repeat signed strings and tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import ClassVar, TypeVar

T = TypeVar("T")


class Reason(StrEnum):
    """The `reason` label of every failure metric; the set is closed."""

    THROTTLED = "throttled"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    CLOCK = "clock"
    NOT_FOUND = "not_found"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    INCOMPLETE = "incomplete"
    INTERNAL = "internal"


class NetworkFault(Enum):
    """Why the API's answer never came, a closed set: what to tell, and what to do."""

    DNS = "cannot resolve {}", "check api.region, api.network and DNS"
    REFUSED = "{} refuses connections", "check api.endpoint and the firewall"
    UNREACHABLE = "cannot reach {}", "check the firewall and the network's routes"
    CERTIFICATE = (
        "{} has a certificate that is not trusted",
        "set SSL_CERT_FILE to a file with its CA, or correct api.endpoint",
    )
    TLS = "cannot speak TLS with {}", "check api.endpoint, and any proxy in the way"
    PROXY = "cannot use the proxy {}", "check https_proxy and no_proxy"
    PAGE = (
        "{} answers with a web page instead of the API",
        "look for a proxy in the way: check https_proxy, no_proxy and api.endpoint",
    )
    TIMEOUT = (
        "{} does not answer",
        "check the firewall and any proxy; if it is only slow, raise api.timeout",
    )
    BROKEN = (
        "{} breaks connections",
        "wait; if it lasts, check the firewall and any proxy in the way",
    )

    def __init__(self, words: str, remedy: str) -> None:
        self.words = words
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Origin:
    """Which answer of the API an error came from; what it did not say is None.

    `parameter` is one that the API refuses. Where no answer came, `fault` says why, and
    `host` who should have answered. `wait_header` asks to wait `retry_after` seconds.
    """

    action: str | None = None
    code: str | None = None
    status: int | None = None
    request_id: str | None = None
    parameter: str | None = None
    fault: NetworkFault | None = None
    host: str = ""
    wait_header: str = ""
    retry_after: float | None = None

    @property
    def refuses_page_size(self) -> bool:
        """Tell whether the number of rows asked for is what the API refuses."""
        said = (self.code or "", self.parameter or "")
        return any(word.lower().endswith("pagesize") for word in said)

    @property
    def remedy(self) -> str:
        """Return what to do about a fault or a parameter, empty if it is neither."""
        if self.fault:
            return self.fault.remedy
        if self.refuses_page_size:
            return "set api.page_size to auto, or to less"
        name = self.parameter
        return f"correct what the configuration says of {name}" if name else ""

    def __str__(self) -> str:
        """Return what to tell the vendor's support; empty if nothing is known."""
        said = (
            self.fault.words.format(self.host) if self.fault else "",
            f"HTTP {self.status}" if self.status else "",
            self.code or "",
            f"parameter {self.parameter}" if self.parameter else "",
            f"request {self.request_id}" if self.request_id else "",
        )
        words = ", ".join(filter(None, said))
        return ": ".join(filter(None, (self.action, words)))


NOWHERE = Origin()
"""The origin of an error that came without an answer of the API."""


class CloudError(Exception):
    """Base of every error that fails a poll or a discovery; `reason` is its label.

    Its text says what happened, and `remedy` what to do about it.
    """

    reason: ClassVar[Reason]
    remedy: str
    is_transient: ClassVar[bool] = False
    bug: BaseException | None = None

    def __init__(self, message: str, *, origin: Origin = NOWHERE) -> None:
        super().__init__(message)
        self.origin = origin
        self.remedy = origin.remedy or self.remedy

    def is_news_after(self, before: CloudError | None) -> bool:
        """Tell whether to log this error after `before` was logged.

        Transient errors with one remedy mean the same. Every other text may ask for
        another repair.
        """
        if before is None or before.reason is not self.reason:
            return True
        is_same = self.is_transient or str(before) == str(self)
        return before.remedy != self.remedy or not is_same


class ThrottledError(CloudError):
    """The account's request quota is used up."""

    reason = Reason.THROTTLED
    remedy = "ask for a higher API quota, or poll less often"
    is_transient = True


class CredentialsError(CloudError):
    """There is no usable access key, or the API refused it."""

    reason = Reason.CREDENTIALS
    remedy = "fix the access key, its secret or its security token"


class NoAccessKeyError(CredentialsError):
    """Neither the configuration nor a step of the credential chain has a key."""

    remedy = (
        "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or"
        " api.access_key_secret_file, or run where a RAM role is"
    )


class ExpiredCredentialsError(CredentialsError):
    """The security token ran out; a fresh one may work at once."""


class PermissionDeniedError(CloudError):
    """The key is good, and may not call this action."""

    reason = Reason.PERMISSION
    remedy = "grant the RAM action that it needs"

    def __init__(self, message: str, *, origin: Origin = NOWHERE) -> None:
        super().__init__(message, origin=origin)
        if origin.action:
            self.remedy = f"grant the RAM action rocketmq:{origin.action}"


class ClockError(CloudError):
    """The API refused our timestamp."""

    reason = Reason.CLOCK
    remedy = "set this machine's clock; see rocketmq_dr_exporter_clock_skew_seconds"


class NotFoundError(CloudError):
    """The plan, item or instance does not exist upstream."""

    reason = Reason.NOT_FOUND
    remedy = "correct the id in the configuration, or drop it"


class UnavailableError(CloudError):
    """The API could not be reached, or answered with a server error."""

    reason = Reason.UNAVAILABLE
    remedy = "wait; if it lasts, look at the network and at the cloud's status page"
    is_transient = True


class RequestTimeoutError(CloudError):
    """An answer, or a whole poll, took longer than its setting allows."""

    reason = Reason.TIMEOUT
    remedy = "raise api.timeout or poll.timeout, or look at the network"
    is_transient = True


class MalformedError(CloudError):
    """The API answered what it never should."""

    reason = Reason.MALFORMED
    remedy = "look for a proxy in the way; else report it, the API may have changed"


class NonceUsedError(MalformedError):
    """The API has seen this nonce; a new one is drawn for each attempt."""


class IncompleteError(CloudError):
    """The pages of a list do not add up to the total that the API states."""

    reason = Reason.INCOMPLETE
    remedy = "wait; the list kept changing while it was read"


class InternalError(CloudError):
    """A bug of ours; `bug` is what was raised, with its traceback."""

    reason = Reason.INTERNAL
    remedy = "report it, with the traceback in the log"

    def __init__(self, bug: BaseException) -> None:
        super().__init__(f"unexpected {type(bug).__name__}")
        self.bug = bug


async def capture_error(work: Awaitable[T]) -> T | CloudError:
    """Return what work returns, or the error that it failed with.

    A bug becomes an `InternalError`. A cancellation is no failure and escapes.
    """
    task = asyncio.current_task()
    cancellations = task.cancelling() if task else 0
    result: T | CloudError
    try:
        result = await work
    except CloudError as error:
        result = error
    except (Exception, asyncio.CancelledError) as bug:  # noqa: BLE001 - bugs become data
        # A cancellation of what was awaited, not of this task, would end a schedule
        # silently.
        result = InternalError(bug)
    if task and task.cancelling() > cancellations:
        # Until Python 3.13 a task group that fails at the same moment swallows it.
        raise asyncio.CancelledError
    return result
