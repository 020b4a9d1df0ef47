"""Work that starts over when what it is done with is replaced."""

from __future__ import annotations

import asyncio

import pytest
from virtual_time import settled, virtually

from exporter.app.restarting import Restartable


@virtually
async def test_what_is_stopped_starts_over_with_what_replaced_it() -> None:
    """Nothing runs while it is stopped, and the caller sees the second result only."""
    work = Restartable()
    value, begun = "old", []

    async def use() -> str:
        begun.append(value)
        await asyncio.sleep(10)
        return begun[-1]

    task = asyncio.create_task(work.run(use))
    await settled()
    async with work.stopped():
        assert not work._under_way
        value = "new"
        await asyncio.sleep(100)
        assert begun == ["old"]

    assert await task == "new"
    assert begun == ["old", "new"]


@virtually
async def test_a_result_of_the_very_moment_it_is_stopped_does_not_count() -> None:
    """What ended before anybody could stop it was done with the old thing all the same.

    It swallows the cancellation, as a task group that fails meanwhile may.
    """
    work = Restartable()
    value = "old"

    async def use() -> str:
        used = value
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return used
        return used

    task = asyncio.create_task(work.run(use))
    await settled()
    async with work.stopped():
        value = "new"

    assert await task == "new"


@virtually
async def test_stopping_waits_until_the_last_one_has_cleaned_up() -> None:
    """What is replaced may be closed once the context is open."""
    work = Restartable()
    events = []

    async def use() -> None:
        try:
            await asyncio.sleep(50)
        finally:
            await asyncio.sleep(5)
            events.append("cleaned up")

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work.run(use)) for _ in range(3)]
        await settled()
        async with work.stopped():
            events.append("stopped")
            for task in tasks:
                task.cancel()

    assert events == [*["cleaned up"] * 3, "stopped"]


@virtually
async def test_errors_and_cancellations_of_its_own_are_the_callers() -> None:
    """A timeout of the work's own is no restart, nor is a cancelled task."""
    work = Restartable()

    async def too_slow() -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(10)

    with pytest.raises(TimeoutError):
        await work.run(too_slow)
    task = asyncio.create_task(work.run(asyncio.Event().wait))
    await settled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with work.stopped():
        pass
