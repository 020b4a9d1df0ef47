"""How calls reach the API: within the account's limits, and tried again if need be.

It knows no action's answer; the caller brings the decoder.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol, TypeVar

from exporter.cloud.answers import Decode
from exporter.cloud.credentials import CredentialSource
from exporter.cloud.deadline import Deadline
from exporter.cloud.exchange import Call, Exchange
from exporter.cloud.limiter import Limiter
from exporter.model.errors import (
    CloudError,
    CredentialsError,
    ExpiredCredentialsError,
    NonceUsedError,
    Reason,
    ThrottledError,
)

T = TypeVar("T")

ATTEMPTS = 6
BACKOFF_SECONDS = 0.25
# The next attempt mends them or none does: a refused key is fetched anew, and each
# attempt draws a nonce of its own.
MENDED_AT_ONCE = (ExpiredCredentialsError, NonceUsedError)


def is_transient(error: CloudError) -> bool:
    """Tell whether a later attempt may succeed, with nobody doing anything."""
    return error.is_transient


def is_throttled(error: CloudError) -> bool:
    """Tell whether an error says nothing of the call, but that it came too soon."""
    return isinstance(error, ThrottledError)


class ApiObserver(Protocol):
    """Whoever counts what is asked of the API, and how it goes."""

    def api_request(self, action: str, seconds: float, reason: Reason | None) -> None:
        """Take note of one attempt; `reason` is None when it did not fail."""

    def api_retry(self, action: str) -> None:
        """Take note that an attempt will be followed by another."""

    def api_throttled(self, action: str) -> None:
        """Take note that the account was told to slow down."""


class Transport:
    """Sends calls within the account's rate and number of requests in flight.

    `is_retried` says after which errors another attempt is made.
    """

    def __init__(
        self,
        exchange: Exchange,
        credentials: CredentialSource,
        limiter: Limiter,
        observer: ApiObserver,
        *,
        max_concurrency: int,
        is_retried: Callable[[CloudError], bool] = is_transient,
    ) -> None:
        self._exchange = exchange
        self._credentials = credentials
        self._limiter = limiter
        self._observer = observer
        self._is_retried = is_retried
        self._slots = asyncio.Semaphore(max_concurrency)
        self._random = random.Random()  # noqa: S311 - jitter is no secret

    async def get(
        self,
        call: Call,
        decode: Decode[T],
        deadline: Deadline,
    ) -> T:
        """Return the data of a good answer, which may take several attempts.

        Raises:
            CloudError: the last attempt's, once more of them are no use.
        """
        request = object()
        try:
            return await self._try(call, decode, deadline, request)
        finally:
            deadline.over(request)

    async def _try(
        self, call: Call, decode: Decode[T], deadline: Deadline, request: object
    ) -> T:
        met: set[type[CloudError]] = set()
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(call, decode, deadline)
            except CloudError as error:
                is_mended = isinstance(error, MENDED_AT_ONCE) and type(error) not in met
                met.add(type(error))
                delay = 0.0 if is_mended else self._backoff(attempt, error)
                is_worth_it = is_mended or self._is_retried(error)
                if not is_worth_it or attempt >= ATTEMPTS or delay >= deadline.left():
                    raise
                deadline.failed(request, error)
            self._observer.api_retry(call.action)
            await asyncio.sleep(delay)

    def _backoff(self, attempt: int, error: CloudError) -> float:
        jitter = self._random.uniform(0, BACKOFF_SECONDS * 2**attempt)
        # What the API asks for is the least; the jitter parts those it told the same.
        return jitter if error.retry_after is None else error.retry_after + jitter

    async def _attempt(self, call: Call, decode: Decode[T], deadline: Deadline) -> T:
        clock = asyncio.get_running_loop().time
        async with self._slots:
            # Before the turn: turns given out while a key is fetched would all be
            # used at once when it is there.
            credentials = await self._credentials.get()
            turn = await self._limiter.take_turn()
            started = clock()
            reason: Reason | None = Reason.INTERNAL
            try:
                data = await self._exchange.send(call, credentials, decode)
                reason = None
            except asyncio.CancelledError:
                reason = Reason.TIMEOUT if deadline.is_up() else None
                raise
            except CloudError as error:
                reason = error.reason
                if isinstance(error, ThrottledError):
                    self._limiter.throttled(turn)
                    self._observer.api_throttled(call.action)
                if isinstance(error, CredentialsError):
                    self._credentials.reject(credentials)
                raise
            finally:
                self._observer.api_request(call.action, clock() - started, reason)
            self._limiter.succeeded()
            return data
