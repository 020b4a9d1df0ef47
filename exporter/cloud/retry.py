"""How calls reach the API: within the account's limits, and tried again if need be."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import structlog

from exporter.cloud.credentials import CredentialSource
from exporter.cloud.http import Call, Exchange
from exporter.cloud.limiter import Limiter
from exporter.cloud.wire import Decode, Page
from exporter.model.errors import (
    CloudError,
    CredentialsError,
    ExpiredCredentialsError,
    MalformedError,
    NonceUsedError,
    Reason,
    RequestTimeoutError,
    ThrottledError,
)

T = TypeVar("T")

log = structlog.get_logger(__name__)

ATTEMPTS = 6
BACKOFF_SECONDS = 0.25
# Rows asked for by `api.page_size: auto`: what is refused is lowered.
AUTO_PAGE_SIZES = (1000, 100, 10)
# A second attempt cures them or none does: a refused key is fetched again, and each
# attempt draws a nonce of its own.
CURED_AT_ONCE = (ExpiredCredentialsError, NonceUsedError)


class ApiObserver:
    """Is told what is asked of the API, and how it goes; by itself it does nothing."""

    def api_request(self, action: str, seconds: float, reason: Reason | None) -> None:
        """Note one attempt; `reason` is None when it did not fail."""

    def api_retry(self, action: str) -> None:
        """Note that another attempt follows a failed one."""

    def api_failure(self, error: CloudError) -> None:
        """Note why an attempt failed."""

    def page(self, action: str, asked: int, page: Page[Any]) -> None:
        """Note a page of a list, and how many rows it was asked for."""

    def rate_limit(self, per_second: float) -> None:
        """Note how many requests per second are allowed from now on."""

    def clock_skew(self, seconds: float) -> None:
        """Note our clock minus the API's."""


class Deadline:
    """When a poll must have ended, `seconds` from now on the loop's clock.

    `latest` is the error that the present run of retries last met.
    """

    def __init__(self, seconds: float) -> None:
        self._at = asyncio.get_running_loop().time() + seconds
        self._timeout = asyncio.timeout_at(self._at)
        self.latest: CloudError | None = None

    def left(self) -> float:
        """Return how many seconds are left; below 0 when the time is up."""
        return self._at - asyncio.get_running_loop().time()

    def is_up(self) -> bool:
        """Tell whether the time is what cuts the poll."""
        return self._timeout.expired()

    @asynccontextmanager
    async def enforced(self) -> AsyncIterator[None]:
        """Cut what runs inside when the time is up.

        Raises:
            CloudError: `latest` if there is one, else a timeout.
        """
        try:
            async with self._timeout:
                yield
        except TimeoutError:
            late = RequestTimeoutError("poll.timeout is exceeded")
            raise self.latest or late from None


class PageSize:
    """How many rows one list of a region is asked for: the first that is not refused.

    Until one is accepted, one request is made at a time: a refusal costs no more.
    """

    def __init__(self, sizes: Sequence[int], action: str, endpoint: str) -> None:
        self._sizes = sizes
        self._told = {"action": action, "endpoint": endpoint}
        self._is_accepted = False
        self._turn = asyncio.Lock()

    async def ask(self, attempt: Callable[[int], Awaitable[T]]) -> T:
        """Return what an attempt returns that asks for so many rows."""
        async with self._turn:
            if not self._is_accepted:
                return await self._lowering(attempt)
        return await self._lowering(attempt)

    async def _lowering(self, attempt: Callable[[int], Awaitable[T]]) -> T:
        while True:
            rows, *smaller = self._sizes
            try:
                answer = await attempt(rows)
            except MalformedError as error:
                if not error.origin.refuses_page_size or not smaller:
                    raise
                if self._sizes[0] == rows:
                    self._sizes = smaller
                    told = {"rows": rows, "asks_for": smaller[0], **self._told}
                    log.info("page_size_refused", **told)
            else:
                self._is_accepted = True
                return answer


@dataclass
class Transport:
    """Sends calls within the account's rate, each request in flight in a slot.

    A `probe` tries again only what was throttled: it tells what it met, at once.
    """

    exchange: Exchange
    credentials: CredentialSource
    limiter: Limiter
    observer: ApiObserver
    slots: asyncio.Semaphore
    probe: bool = False
    page_sizes: Sequence[int] = AUTO_PAGE_SIZES
    jitter: random.Random = field(default_factory=random.Random)
    _page_size: dict[tuple[str, str], PageSize] = field(default_factory=dict)

    async def get(self, call: Call, decode: Decode[T], deadline: Deadline) -> T:
        """Return the data of a good answer, which may take several attempts.

        Raises:
            CloudError: the last attempt's, once more of them are no use.
        """
        latest: CloudError | None = None
        attempt = 0
        while True:
            attempt += 1
            try:
                data = await self._sized(call, decode, deadline)
            except CloudError as error:
                delay = self._delay(attempt, error)
                if delay is None or delay >= deadline.left():
                    raise
                deadline.latest = latest = error
                self.observer.api_retry(call.action)
            else:
                if deadline.latest is latest:
                    deadline.latest = None
                return data
            await asyncio.sleep(delay)

    async def _sized(self, call: Call, decode: Decode[T], deadline: Deadline) -> T:
        """Make an attempt; one at a page asks for as many rows as are accepted."""
        if "pageNumber" not in call.query:
            return await self._attempt(call, decode, deadline)
        list_ = call.action, call.endpoint
        if list_ not in self._page_size:
            self._page_size[list_] = PageSize(self.page_sizes, *list_)

        async def attempt(rows: int) -> T:
            query = {**call.query, "pageSize": str(rows)}
            page = await self._attempt(replace(call, query=query), decode, deadline)
            if isinstance(page, Page):
                self.observer.page(call.action, rows, page)
            return page

        return await self._page_size[list_].ask(attempt)

    def _delay(self, attempt: int, error: CloudError) -> float | None:
        """Return how long to wait before the next attempt, None to make no more."""
        if attempt == 1 and isinstance(error, CURED_AT_ONCE):
            return 0.0
        is_throttled = isinstance(error, ThrottledError)
        is_retried = is_throttled if self.probe else error.is_transient
        if not is_retried or attempt >= ATTEMPTS:
            return None
        # What the API asks for is the least; the jitter parts those it told the same.
        jitter = self.jitter.uniform(0, BACKOFF_SECONDS * 2**attempt)
        return (error.origin.retry_after or 0.0) + jitter

    async def _attempt(self, call: Call, decode: Decode[T], deadline: Deadline) -> T:
        clock = asyncio.get_running_loop().time
        async with self.slots:
            # Before the turn: turns given out while a key is fetched would all be
            # used at once when it is there.
            credentials = await self.credentials.get()
            turn = await self.limiter.take_turn()
            started = clock()
            reason: Reason | None = Reason.INTERNAL
            try:
                data = await self.exchange.send(call, credentials, decode)
                reason = None
            except asyncio.CancelledError:
                reason = Reason.TIMEOUT if deadline.is_up() else None
                raise
            except CloudError as error:
                reason = error.reason
                self.observer.api_failure(error)
                if isinstance(error, ThrottledError):
                    self.limiter.throttled(turn)
                if isinstance(error, CredentialsError):
                    self.credentials.reject(credentials)
                raise
            finally:
                self.observer.api_request(call.action, clock() - started, reason)
            self.limiter.succeeded()
            return data
