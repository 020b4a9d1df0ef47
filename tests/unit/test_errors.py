"""Work that fails costs itself alone, and a cancellation is no failure."""

from __future__ import annotations

import asyncio

import pytest
from virtual_time import virtually

from exporter.model.errors import (
    CredentialsError,
    InternalError,
    NetworkFault,
    Origin,
    RequestTimeoutError,
    UnavailableError,
    capture_error,
)


async def raising(error: BaseException) -> int:
    """Fail after a moment."""
    await asyncio.sleep(1)
    raise error


async def swallowing() -> int:
    """Turn a cancellation into a failure, as a task group may do."""
    try:
        return await raising(AssertionError("it is cancelled before"))
    except asyncio.CancelledError:
        raise UnavailableError("the page beside it failed") from None


@virtually
async def test_what_work_returns_is_returned() -> None:
    """The good case is left alone."""
    assert await capture_error(asyncio.sleep(1, 42)) == 42


@virtually
async def test_a_known_error_is_returned_as_it_is() -> None:
    """It says by itself what an operator would do."""
    error = UnavailableError("down")

    assert await capture_error(raising(error)) is error


@pytest.mark.parametrize("bug", [KeyError("x"), asyncio.CancelledError()])
@virtually
async def test_a_bug_is_internal_and_keeps_its_traceback(bug: BaseException) -> None:
    """So is a cancellation that nobody asked for: it would end a schedule unseen."""
    error = await capture_error(raising(bug))

    assert isinstance(error, InternalError)
    assert error.bug is bug or isinstance(bug, asyncio.CancelledError)


@pytest.mark.parametrize("is_swallowed", [False, True])
@virtually
async def test_a_cancellation_from_outside_escapes(*, is_swallowed: bool) -> None:
    """Even where the work made something else of it."""
    work = swallowing() if is_swallowed else raising(AssertionError())
    task = asyncio.create_task(capture_error(work))
    await asyncio.sleep(0.5)

    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()


def test_only_what_asks_for_another_remedy_is_news() -> None:
    """A transient failure looks different every time, and says the same."""
    down = UnavailableError("refused")
    refused = CredentialsError("SignatureDoesNotMatch")

    assert down.is_news_after(None)
    assert not UnavailableError("reset").is_news_after(down)
    assert RequestTimeoutError("late").is_news_after(down)
    dns = UnavailableError("x", origin=Origin(fault=NetworkFault.DNS))
    assert dns.is_news_after(down)
    assert not dns.is_news_after(dns)
    assert CredentialsError("the file is gone").is_news_after(refused)
    assert not CredentialsError("SignatureDoesNotMatch").is_news_after(refused)
