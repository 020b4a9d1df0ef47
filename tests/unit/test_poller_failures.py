"""How a poll's failure becomes data, and what is told of it."""

from __future__ import annotations

import asyncio

import pytest
from core_cases import OTHER, ROUTE, not_found
from poller_bench import INTERVAL, WALL, PollerBench, error_of
from structlog.testing import capture_logs
from virtual_time import virtually

from exporter.model.errors import (
    InternalError,
    Origin,
    Reason,
    ThrottledError,
    UnavailableError,
)
from exporter.model.types import Route, Snapshot
from exporter.polling.store import Outcome


@virtually
async def test_a_good_poll_is_published_with_its_times() -> None:
    """Its end by the wall clock, its duration by the loop's."""
    bench = PollerBench()
    bench.seconds[ROUTE] = 2.5

    await bench.poller.poll_once(ROUTE)

    (outcome,) = bench.outcomes
    assert isinstance(outcome.result, Snapshot)
    assert (outcome.route, outcome.error) == (ROUTE, None)
    assert (outcome.ended_at, outcome.duration) == (WALL, 2.5)


@virtually
async def test_a_failed_poll_is_published_with_its_reason() -> None:
    """So is the error, which may tell discovery something."""
    bench = PollerBench()
    bench.seconds[ROUTE] = 2.5
    error = bench.errors[ROUTE] = not_found()

    await bench.poller.poll_once(ROUTE)

    (outcome,) = bench.outcomes
    assert outcome == Outcome(ROUTE, WALL, 2.5, Reason.NOT_FOUND, error)


@virtually
async def test_a_failure_is_logged_once_and_so_is_its_end() -> None:
    """An outage of an hour is two lines, and another reason one more."""
    bench = PollerBench()
    origin = Origin("List", "Throttling", 400, "6B2D")

    async def poll(error: Exception | None) -> None:
        bench.errors.clear()
        if error is not None:
            bench.errors[ROUTE] = error
        for _ in range(3):
            await bench.poller.poll_once(ROUTE)

    with capture_logs() as logs:
        await poll(UnavailableError("refused"))
        await poll(ThrottledError("slow down", origin=origin))
        await poll(None)

    ids = {"plan_id": "1", "item_id": "10", "source_instance_id": "rmq-here"}
    assert logs[1] == {
        **ids,
        "event": "poll_failed",
        "log_level": "warning",
        "reason": "throttled",
        "error": "slow down",
        "remedy": ThrottledError.remedy,
        "request_id": "6B2D",
        "exc_info": None,
    }
    assert logs[2] == {**ids, "event": "poll_recovered", "log_level": "info"}
    assert [log.get("reason") for log in logs] == ["unavailable", "throttled", None]


@virtually
async def test_a_dropped_route_has_nothing_to_recover_from() -> None:
    """When it comes back, its failure is told again."""
    bench = PollerBench()
    bench.errors[ROUTE] = UnavailableError("refused")

    with capture_logs() as logs:
        await bench.run(INTERVAL)
        bench.errors.clear()
        await bench.run(INTERVAL)

    assert [log["event"] for log in logs] == ["poll_failed"]


@virtually
async def test_a_bug_is_internal_and_tried_again() -> None:
    """It is logged once with its traceback, and costs no other route anything."""
    bench = PollerBench()
    bug = bench.errors[ROUTE] = KeyError("a bug")

    with capture_logs() as logs:
        await bench.run(5 * INTERVAL, [ROUTE, OTHER])

    ours = [outcome for outcome in bench.outcomes if outcome.route == ROUTE]
    assert len(ours) >= 5
    assert {outcome.result for outcome in ours} == {Reason.INTERNAL}
    assert error_of(ours[0]).bug is bug
    assert bench.results().count("ok") >= 5
    assert [(log["reason"], log["exc_info"]) for log in logs] == [("internal", bug)]


@virtually
async def test_bugs_that_come_together_are_a_bug() -> None:
    """The pages of a poll are read by a group of tasks."""
    bench = PollerBench()
    bench.errors[ROUTE] = ExceptionGroup("both", [KeyError("a"), ValueError("b")])

    await bench.poller.poll_once(ROUTE)

    assert bench.results() == ["internal"]


@virtually
async def test_a_result_that_cannot_be_published_costs_its_route_alone() -> None:
    """The failure is published in its place, and the next poll is tried."""
    bench = PollerBench()

    async def crash(outcome: Outcome) -> None:
        if outcome.route == ROUTE and isinstance(outcome.result, Snapshot):
            raise KeyError("a bug")

    bench.on_publish = crash
    with capture_logs() as logs:
        await bench.run(5 * INTERVAL, [ROUTE, OTHER])

    ours = [outcome.result for outcome in bench.outcomes if outcome.route == ROUTE]
    assert ours == [Reason.INTERNAL] * len(bench.starts[ROUTE])
    assert bench.results().count("ok") == len(bench.starts[OTHER]) >= 5
    assert [log["event"] for log in logs] == ["poll_failed"]


@pytest.mark.parametrize("error", [None, UnavailableError("refused")])
@virtually
async def test_nothing_that_publishing_does_ends_the_polling(
    error: Exception | None,
) -> None:
    """Not even a failure can be published: the bug is told, and polls go on."""
    bench = PollerBench()
    bug = KeyError("a bug")
    if error is not None:
        bench.errors[ROUTE] = error

    async def crash(outcome: Outcome) -> None:
        if outcome.route == ROUTE:
            raise bug

    bench.on_publish = crash
    with capture_logs() as logs:
        await bench.run(5 * INTERVAL, [ROUTE, OTHER])

    assert len(bench.starts[ROUTE]) >= 5
    assert len(bench.starts[OTHER]) >= 5
    assert [(log["reason"], log["exc_info"]) for log in logs] == [("internal", bug)]


@virtually
async def test_a_cancelled_poll_is_no_failure() -> None:
    """Whoever stops the program is not told of a bug."""
    bench = PollerBench()
    task = asyncio.create_task(bench.poller.poll_once(ROUTE))
    await asyncio.sleep(0.5)

    with capture_logs() as logs:
        task.cancel()
        await asyncio.wait([task])

    assert task.cancelled()
    assert (bench.outcomes, logs) == ([], [])


@virtually
async def test_a_cancellation_that_a_poll_swallows_ends_the_schedule_all_the_same() -> (
    None
):
    """A route that was dropped must not be polled on because its poll failed then."""

    async def poll(_route: Route) -> Snapshot:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise UnavailableError("as a task group may have it") from None
        raise AssertionError("it is cancelled before")

    bench = PollerBench()
    bench.poller._poll = poll
    task = asyncio.create_task(bench.poller.poll_once(ROUTE))
    await asyncio.sleep(0.5)

    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()


@virtually
async def test_a_poll_that_cancels_itself_is_a_bug() -> None:
    """Left alone it would end the route's schedule without a word."""
    bench = PollerBench()
    bench.errors[ROUTE] = asyncio.CancelledError()

    await bench.run(5 * INTERVAL)

    assert len(bench.starts[ROUTE]) >= 5
    assert set(bench.results()) == {"internal"}
    assert isinstance(error_of(bench.outcomes[0]), InternalError)
