"""The clock that tests of pacing and patience rely on."""

from __future__ import annotations

import asyncio

import pytest
from virtual_time import finished_at, run_virtually, virtually


@virtually
async def test_an_hour_passes_at_once_and_to_the_second() -> None:
    """Timers fire in their order, and the clock reads what each was set to."""
    times = await asyncio.gather(
        *(finished_at(asyncio.sleep(delay)) for delay in (3_600.0, 0.1, 90.0))
    )

    assert times == [3_600.0, 0.1, 90.0]


@virtually
async def test_a_timeout_fires_on_the_virtual_clock() -> None:
    """asyncio.timeout is a timer like any other."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await asyncio.sleep(10)

    assert asyncio.get_running_loop().time() == 5


def test_the_clock_can_start_anywhere() -> None:
    """A start far from zero shows code that takes 0 for "never"."""

    async def now() -> float:
        return asyncio.get_running_loop().time()

    assert run_virtually(now(), start=86_400.0) == 86_400.0


def test_a_deadlock_is_an_error_and_no_hang() -> None:
    """Waiting for what nobody will do ends the test."""

    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="no timer"):
        run_virtually(wait_for_ever())
