"""What the bar says of polls."""

from __future__ import annotations

import io

from core_cases import OTHER, ROUTE
from rich.console import Console

from exporter.app.progress import ProgressBar


def bar() -> ProgressBar:
    """Return a bar of two routes, none polled yet."""
    bar = ProgressBar(Console(file=io.StringIO(), width=100))
    bar.looking()
    bar.polling(2)
    return bar


def completed(bar: ProgressBar) -> float:
    """Return how many of the routes it is filled by."""
    (task,) = bar.progress.tasks
    assert task.total == 2
    return round(task.completed, 3)


def told(bar: ProgressBar) -> str:
    """Return what it says."""
    said: str = bar.progress.tasks[0].fields["said"]
    return said


def test_it_fills_page_by_page() -> None:
    """A single long route moves it too."""
    it = bar()

    filled = [completed(it)]
    for number in (1, 2, 3):
        it.page(ROUTE, number, 100, 400)
        filled.append(completed(it))

    assert filled == [0, 0.25, 0.5, 0.75]
    assert told(it) == "0 of 2 routes, 300 checkpoints"


def test_a_poll_that_ends_fills_its_share() -> None:
    """Well or badly: it is over."""
    it = bar()
    it.page(ROUTE, 1, 1_500, 3_000)
    it.polled(ROUTE)
    it.polled(OTHER)

    assert completed(it) == 2
    assert told(it) == "2 of 2 routes, 1,500 checkpoints"


def test_a_list_that_is_read_again_begins_anew() -> None:
    """What was read in vain is not counted twice."""
    it = bar()
    it.page(ROUTE, 1, 100, 200)
    it.page(ROUTE, 2, 100, 200)
    it.page(ROUTE, 1, 100, 200)

    assert completed(it) == 0.5
    assert told(it) == "0 of 2 routes, 100 checkpoints"


def test_nothing_overfills_it() -> None:
    """Neither an empty list nor a total that is too low."""
    it = bar()
    it.page(ROUTE, 1, 0, 0)
    it.page(OTHER, 1, 500, 100)

    assert completed(it) == 0.99
    assert told(it).startswith("0 of 2")


def test_another_round_begins_empty() -> None:
    """With the routes that there are then."""
    it = bar()
    it.page(ROUTE, 1, 10, 10)
    it.polled(ROUTE)
    it.looking()
    it.polling(2)

    assert completed(it) == 0
    assert told(it) == "0 of 2 routes, 0 checkpoints"


async def test_it_is_not_drawn_where_no_terminal_is() -> None:
    """Not even if colors are forced."""
    out = io.StringIO()
    it = ProgressBar(Console(file=out, force_terminal=True))

    with it.drawn():
        it.polling(1)
        it.progress.refresh()
        assert not it.progress.live.is_started

    assert out.getvalue() == ""
