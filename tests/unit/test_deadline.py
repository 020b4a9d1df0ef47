"""What a poll's end is called: why it was not done by then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from virtual_time import virtually

from exporter.cloud.deadline import Deadline
from exporter.model.errors import (
    CloudError,
    NotFoundError,
    RequestTimeoutError,
    ThrottledError,
    UnavailableError,
)


@virtually
async def test_what_is_done_in_time_is_left_alone() -> None:
    """The result comes through, and the time that is left is told."""
    deadline = Deadline(10)

    async with deadline.enforced():
        await asyncio.sleep(4)

    assert deadline.left() == 6
    assert not deadline.is_up()


@virtually
async def test_what_takes_too_long_is_cut_and_is_a_timeout() -> None:
    """The time counts from when the deadline was made."""
    deadline = Deadline(10)
    await asyncio.sleep(7)

    with pytest.raises(RequestTimeoutError):
        async with deadline.enforced():
            await asyncio.sleep(60)

    assert asyncio.get_running_loop().time() == 10
    assert deadline.is_up()
    assert deadline.left() == 0


async def ended(poll: Callable[[Deadline], Awaitable[None]]) -> CloudError:
    """Return the error that a poll of ten seconds ends with."""
    deadline = Deadline(10)
    with pytest.raises(CloudError) as caught:
        async with deadline.enforced():
            await poll(deadline)
    return caught.value


@virtually
async def test_a_cut_run_of_retries_is_called_by_its_last_error() -> None:
    """An operator who reads `timeout` would raise it, and help nothing."""
    first, second = object(), object()

    async def poll(deadline: Deadline) -> None:
        deadline.failed(first, ThrottledError("quota"))
        deadline.failed(second, ThrottledError("quota"))
        deadline.failed(first, UnavailableError("down"))
        await asyncio.sleep(60)

    assert isinstance(await ended(poll), UnavailableError)


@virtually
async def test_a_request_that_is_over_is_no_reason() -> None:
    """Only what is still being tried again when the time is up counts."""
    first, second = object(), object()

    async def poll(deadline: Deadline) -> None:
        deadline.failed(second, ThrottledError("quota"))
        deadline.failed(first, UnavailableError("down"))
        deadline.over(first)
        await asyncio.sleep(60)

    assert isinstance(await ended(poll), ThrottledError)


@virtually
async def test_a_request_that_the_time_cuts_is_not_forgotten() -> None:
    """Its own clean-up comes before the error is chosen."""
    request = object()

    async def poll(deadline: Deadline) -> None:
        deadline.failed(request, ThrottledError("quota"))
        try:
            await asyncio.sleep(60)
        finally:
            deadline.over(request)

    assert isinstance(await ended(poll), ThrottledError)


@virtually
async def test_an_error_inside_comes_through_as_it_is() -> None:
    """Whatever is being tried again elsewhere."""
    error = NotFoundError("gone")

    async def poll(deadline: Deadline) -> None:
        deadline.failed(object(), ThrottledError("quota"))
        raise error

    assert await ended(poll) is error


@virtually
async def test_a_cancelled_poll_is_cancelled_and_no_timeout() -> None:
    """A route that is dropped has not failed."""
    deadline = Deadline(10)

    async def poll() -> None:
        async with deadline.enforced():
            await asyncio.sleep(60)

    task = asyncio.create_task(poll())
    await asyncio.sleep(1)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
