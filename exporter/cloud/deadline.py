"""By when a poll must have ended, and why it had not when the time was up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from exporter.model.errors import CloudError, RequestTimeoutError


class Deadline:
    """The end of one poll, and the requests of it that are being tried again.

    `seconds` from now, on the loop's clock. It is enforced once.
    """

    def __init__(self, seconds: float) -> None:
        self._at = asyncio.get_running_loop().time() + seconds
        self._timeout = asyncio.timeout_at(self._at)
        self._retried: dict[object, CloudError] = {}

    def left(self) -> float:
        """Return how many seconds are left; below 0 when the time is up."""
        return self._at - asyncio.get_running_loop().time()

    def is_up(self) -> bool:
        """Tell whether the time is what cuts the poll."""
        return self._timeout.expired()

    def failed(self, request: object, error: CloudError) -> None:
        """Remember why a request is being tried again."""
        self._retried.pop(request, None)
        self._retried[request] = error

    def over(self, request: object) -> None:
        """Forget the request, unless it is over because the time is up."""
        if not self.is_up():
            self._retried.pop(request, None)

    @asynccontextmanager
    async def enforced(self) -> AsyncIterator[None]:
        """Cut what runs inside when the time is up.

        Raises:
            CloudError: the last one of a run of retries that was cut, else a timeout.
        """
        try:
            async with self._timeout:
                yield
        except TimeoutError:
            latest = next(reversed(self._retried.values()), None)
            raise latest or RequestTimeoutError("the time for it all is up") from None
