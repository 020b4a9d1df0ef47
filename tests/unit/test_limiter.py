"""How fast the account is asked, whatever happens; no test here takes real time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import run_virtually, settled, virtually

from exporter.cloud.limiter import SLOWEST_PER_SECOND, Limiter


def most_in_a_window(times: list[float], seconds: float) -> int:
    """Return how many of the sorted times lie in the fullest window of that length."""
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


async def turns_taken(limiter: Limiter, arrivals: list[float]) -> list[float]:
    """Return when turns were given to those who came at these times."""
    times: list[float] = []

    async def take(at: float) -> None:
        await asyncio.sleep(at)
        times.append(await limiter.take_turn())

    async with asyncio.TaskGroup() as group:
        for at in arrivals:
            group.create_task(take(at))
    return times


@pytest.mark.parametrize("rate", [1, 2, 5, 50, 99, 100, 101, 150, 999])
def test_no_second_ever_sees_more_than_the_rate(rate: int) -> None:
    """Neither at the start, when turns were never asked for, nor later."""

    async def scenario() -> list[float]:
        limiter = Limiter(rate)
        return await turns_taken(limiter, [0.0] * min(1_000, 2 * rate + 5))

    times = run_virtually(scenario(), start=86_400.0)

    assert most_in_a_window(times, 1.0) <= rate
    # It is used up nearly whole, too.
    assert len(times) / (times[-1] - times[0]) >= 0.98 * rate


@given(
    st.integers(1, 300),
    st.lists(st.floats(0, 3, allow_subnormal=False), min_size=1, max_size=60),
)
def test_no_order_of_arrival_beats_the_rate(rate: int, arrivals: list[float]) -> None:
    """A quiet time saves up turns for a hundredth of a second at most."""
    times = run_virtually(turns_taken(Limiter(rate), arrivals))

    assert len(times) == len(arrivals)
    for seconds in (1.0, 2.0):
        assert most_in_a_window(sorted(times), seconds) <= rate * seconds


@virtually
async def test_who_asks_first_is_served_first() -> None:
    """No route starves."""
    limiter = Limiter(5)
    served: list[int] = []

    async def take(number: int) -> None:
        await limiter.take_turn()
        served.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(take(number))

    assert served == list(range(20))


@virtually
async def test_a_waiter_that_gives_up_takes_no_turn() -> None:
    """Those behind it wait neither for ever nor longer than without it."""
    limiter = Limiter(5)
    await limiter.take_turn()
    waiters = [asyncio.create_task(limiter.take_turn()) for _ in range(4)]
    await settled()

    waiters[0].cancel()
    waiters[2].cancel()
    turns = await asyncio.gather(*waiters, return_exceptions=True)

    times = [turn for turn in turns if isinstance(turn, float)]
    assert times == pytest.approx([1 / 4.9, 2 / 4.9])


@virtually
async def test_throttling_halves_the_rate_once_for_those_under_way() -> None:
    """Ten answers to one burst are one piece of news; the next burst's are another."""
    heard: list[float] = []
    limiter = Limiter(8, on_change=heard.append)
    batch = [await limiter.take_turn() for _ in range(3)]

    for turn in batch:
        limiter.throttled(turn)
    after_batch = limiter.rate
    limiter.throttled(await limiter.take_turn())

    assert (after_batch, limiter.rate) == (4, 2)
    assert heard == [8, 4, 2]


@virtually
async def test_a_halved_rate_holds_for_those_who_wait_already() -> None:
    """They were promised nothing."""
    limiter = Limiter(10)
    first = await limiter.take_turn()
    waiting = asyncio.create_task(limiter.take_turn())
    await settled()

    limiter.throttled(first)

    assert await waiting == pytest.approx(1 / 4.9, rel=0.01)


@virtually
async def test_the_rate_never_falls_to_nothing() -> None:
    """Else one long outage would never end; a setting below the floor stays."""
    fast, slow = Limiter(5), Limiter(0.01)

    for _ in range(12):
        fast.throttled(await fast.take_turn())
    slow.throttled(await slow.take_turn())

    assert fast.rate == SLOWEST_PER_SECOND
    assert slow.rate == 0.01
    for _ in range(60):
        fast.succeeded()
    assert fast.rate == 5


@virtually
async def test_success_wins_the_rate_back_and_no_more() -> None:
    """Twenty successes make up for one halving."""
    limiter = Limiter(5)
    limiter.throttled(await limiter.take_turn())

    rates = []
    for _ in range(25):
        limiter.succeeded()
        rates.append(limiter.rate)

    assert rates[0] == pytest.approx(2.5 + 2.5 / 20)
    assert rates[18] < 5
    assert rates[-1] == 5


@virtually
async def test_a_late_waiter_costs_a_fast_account_no_turn() -> None:
    """Timers are late by a millisecond, which is half of all turns at 500 a second."""
    limiter = Limiter(500)
    await limiter.take_turn()
    await asyncio.sleep(0.004)

    times = [await limiter.take_turn() for _ in range(3)]

    assert times == pytest.approx([0.004, 0.004, 3 / 490 - 0.001])
