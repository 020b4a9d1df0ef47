"""Discovery looks again in time, and sooner where something went wrong."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from virtual_time import settled, virtually

from exporter.config import PollSettings
from exporter.polling.nextlook import NextLook

POLL = PollSettings(
    interval=timedelta(minutes=1), discovery_interval=timedelta(minutes=10)
)


async def waited(look: NextLook, poll: PollSettings = POLL) -> float:
    """Return for how many seconds it waits."""
    clock = asyncio.get_running_loop().time
    began = clock()
    await look.due(poll)
    return clock() - began


@virtually
async def test_where_all_is_well_it_comes_at_its_interval() -> None:
    """A look asks once for each plan, and little changes."""
    assert await waited(NextLook()) == 600


@virtually
async def test_one_that_failed_is_repeated_after_an_interval_of_polls() -> None:
    """Not at once: what is out of reach would be asked without a pause."""
    look = NextLook()
    look.begin()
    look.hasten()

    assert await waited(look) == 60


@virtually
async def test_a_poll_that_misses_an_id_has_it_come_at_once() -> None:
    """But for the interval of polls, which has passed."""
    look = NextLook()
    waiting = asyncio.create_task(waited(look))
    await asyncio.sleep(200)
    await settled()
    look.hasten()

    assert await waiting == 200


@virtually
async def test_the_next_but_one_is_hastened_by_nothing_old() -> None:
    """A failure that is over costs one look."""
    look = NextLook()
    look.hasten()
    assert await waited(look) == 60

    look.begin()

    assert await waited(look) == 600


@virtually
async def test_it_is_never_later_than_its_interval() -> None:
    """Be that shorter than the interval of polls, too."""
    often = POLL.model_copy(update={"discovery_interval": timedelta(seconds=5)})
    look = NextLook()
    assert await waited(look, often) == 5

    look.hasten()

    assert await waited(look, often) == 5
