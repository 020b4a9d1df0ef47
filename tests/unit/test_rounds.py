"""When `poll --watch` looks, polls and shows, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import chain, repeat

import pytest
from virtual_time import virtually

from exporter.app.rounds import keep_polling


class Rounds:
    """What is polled: notes the time of all that happens, and ends after a while."""

    def __init__(
        self,
        *,
        poll_seconds: float = 2.0,
        looks: Iterable[bool] = (),
        polls: Iterable[bool] = (),
    ) -> None:
        self.looked: list[float] = []
        self.polled: list[float] = []
        self.shown: list[tuple[float, bool]] = []
        self._poll_seconds = poll_seconds
        self._looks = chain(looks, repeat(1))
        self._polls = chain(polls, repeat(1))

    async def run(self, *, interval: float, look_every: float, until: float) -> None:
        """Keep polling until this time."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(until):
                await keep_polling(
                    self._look,
                    self._poll,
                    self._show,
                    interval=interval,
                    look_every=look_every,
                )

    async def _look(self) -> bool:
        self.looked.append(now())
        return bool(next(self._looks))

    async def _poll(self) -> bool:
        self.polled.append(now())
        await asyncio.sleep(self._poll_seconds)
        return bool(next(self._polls))

    def _show(self, is_whole: bool) -> None:  # noqa: FBT001 - a callback
        self.shown.append((now(), is_whole))


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


@virtually
async def test_rounds_begin_an_interval_apart() -> None:
    """From start to start, however long the polls take; each is shown as it ends."""
    rounds = Rounds(poll_seconds=2)

    await rounds.run(interval=30, look_every=600, until=95)

    assert rounds.polled == [0, 30, 60, 90]
    assert rounds.shown == [(2, True), (32, True), (62, True), (92, True)]


@virtually
async def test_a_round_that_takes_longer_is_never_overlapped() -> None:
    """The next follows at once, and none is made up for."""
    rounds = Rounds(poll_seconds=45)

    await rounds.run(interval=30, look_every=600, until=140)

    assert rounds.polled == [0, 45, 90, 135]


@virtually
async def test_routes_are_looked_for_less_often() -> None:
    """As often as the exporter does, and with a round."""
    rounds = Rounds()

    await rounds.run(interval=30, look_every=100, until=250)

    assert rounds.looked == [0, 120, 240]


@virtually
async def test_a_look_that_failed_is_tried_with_the_next_round() -> None:
    """What is known is polled all the same, and the round counts as failed."""
    rounds = Rounds(looks=[False, False, True, True])

    await rounds.run(interval=30, look_every=600, until=119)

    assert rounds.looked == [0, 30, 60]
    assert [is_whole for _, is_whole in rounds.shown] == [False, False, True, True]


@virtually
async def test_a_poll_that_failed_costs_no_look() -> None:
    """The next round is whole again; the failed one was told as it was."""
    rounds = Rounds(polls=[True, False, True])

    await rounds.run(interval=30, look_every=600, until=89)

    assert rounds.looked == [0]
    assert [is_whole for _, is_whole in rounds.shown] == [True, False, True]
