"""When each route is polled, and what becomes of a poll."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from core_cases import HERE, OTHER, REGION, ROUTE, not_found
from exposition_cases import snapshot_of
from scheduler_bench import INTERVAL, STARTS_PER_SECOND, WALL, SchedulerBench
from structlog.testing import capture_logs
from virtual_time import run_virtually, settled, virtually

from exporter.config.settings import NameFilter, Settings
from exporter.model.errors import (
    CloudError,
    InternalError,
    Origin,
    Reason,
    ThrottledError,
    UnavailableError,
)
from exporter.model.types import Route, Snapshot
from exporter.polling.routes import position

MANY = [Route("1", str(number), HERE, REGION) for number in range(100)]


async def starts_of(
    seconds: float, *routes: Route, poll_seconds: float = 1.0
) -> dict[Route, list[float]]:
    """Return when the polls of these routes started."""
    bench = SchedulerBench()
    bench.seconds = dict.fromkeys(routes, poll_seconds)
    await bench.run(seconds, *routes)
    return bench.starts


@pytest.mark.parametrize("start", [0.0, 31.0, 1_000.0, 86_399.0])
def test_polls_start_at_the_routes_own_place_in_the_interval(start: float) -> None:
    """Whenever the process started; the first one comes early."""
    starts = run_virtually(
        starts_of(10 * INTERVAL, *MANY[:5], poll_seconds=7.5), start=start
    )

    for route in MANY[:5]:
        first, second, *rest = starts[route]
        assert first <= start + position(route) * 5 / STARTS_PER_SECOND + 0.001
        assert INTERVAL / 2 <= second - first <= 1.5 * INTERVAL
        place = position(route) * INTERVAL
        assert all(at % INTERVAL == pytest.approx(place) for at in (second, *rest))
        assert len(rest) >= 7


@virtually
async def test_first_polls_come_as_fast_as_the_account_allows() -> None:
    """Nobody waits an interval for the first data, nor is the limit exceeded."""
    starts = await starts_of(INTERVAL / 2, *MANY)

    firsts = sorted(starts[route][0] for route in MANY)
    assert firsts[-1] <= len(MANY) / STARTS_PER_SECOND
    assert firsts[-1] - firsts[0] > 0.9 * len(MANY) / STARTS_PER_SECOND


@virtually
async def test_a_slow_poll_is_not_overtaken_and_skipped_polls_are_counted() -> None:
    """Polls that are due while one runs are skipped, and no other route waits."""
    bench = SchedulerBench()
    bench.seconds[ROUTE] = 2.5 * INTERVAL

    await bench.run(12 * INTERVAL, ROUTE)

    _, *starts = bench.starts[ROUTE]
    assert bench.most_at_once == 1
    assert [b - a for a, b in pairwise(starts)] == (
        pytest.approx([3 * INTERVAL] * (len(starts) - 1))
    )
    # Two a poll; the first poll began off the grid, and the last did not end.
    assert bench.skipped == 2 * (len(starts) - 1) + 2
    bench.seconds[ROUTE] = 1_000 * INTERVAL
    await bench.run(10 * INTERVAL, ROUTE, OTHER)
    assert len(bench.starts[OTHER]) >= 10


@virtually
async def test_a_route_that_discovery_drops_stops_at_once() -> None:
    """Its poll is cut and publishes nothing; the others keep their schedule."""
    bench = SchedulerBench()
    bench.seconds[ROUTE] = 20.0
    async with bench.running(ROUTE, OTHER):
        await asyncio.sleep(10)
        assert ROUTE in bench.under_way
        due_at = 10 + (bench.scheduler.next_in() or 0)
        assert due_at > 10

        bench.discovery.find(OTHER)
        await settled()
        assert ROUTE not in bench.under_way
        assert [status.route for status in bench.store.statuses()] == [OTHER]

        for _ in range(int(5 * INTERVAL)):
            bench.discovery.find(OTHER)
            await asyncio.sleep(1)

    assert len(bench.starts[ROUTE]) == 1
    assert bench.discovery.told
    first, second, *rest = bench.starts[OTHER]
    assert due_at == pytest.approx(second)
    assert second - first >= INTERVAL / 2
    assert [b - a for a, b in pairwise([second, *rest])] == (
        pytest.approx([INTERVAL] * len(rest))
    )
    assert len(rest) >= 3


@virtually
async def test_what_is_known_already_is_polled_while_discovery_takes_its_time() -> None:
    """After a reload nobody waits for the cloud to list the plans."""
    bench = SchedulerBench()
    bench.discovery.found = (ROUTE,)
    await bench.discovery.refresh()

    async def hang() -> bool:
        await asyncio.sleep(1_000)
        return True

    bench.discovery.refresh = hang  # type: ignore[method-assign]  # a slow cloud
    bench.scheduler.take_routes()
    await bench.run(3 * INTERVAL, ROUTE)

    assert bench.status().polls >= 2


@virtually
async def test_each_route_is_polled_once_a_few_at_a_time() -> None:
    """So it is for the command `poll`; `on_polled` hears of each."""
    bench = SchedulerBench()
    bench.discovery.found = tuple(MANY)
    polled: list[Route] = []

    assert await bench.scheduler.discover()
    assert not bench.ready.is_set()
    await bench.scheduler.poll_each(MANY, polled.append)

    assert sorted(polled) == sorted(MANY)
    assert bench.most_at_once == Settings().api.max_concurrency
    assert {status.polls for status in bench.store.statuses()} == {1}
    assert bench.ready.is_set()


@virtually
async def test_a_discovery_is_told() -> None:
    """One that found every plan moves its timestamp; without routes it is ready."""
    bench = SchedulerBench()
    scheduler = bench.scheduler
    bench.discovery.is_whole = bench.discovery.is_known = False
    assert not await scheduler.discover()
    assert bench.discovered_at == []
    assert bench.ready.is_set()

    bench.discovery.is_known, bench.discovery.found = True, (ROUTE,)
    with capture_logs() as logs:
        assert not await scheduler.discover()

    assert bench.discovered_at == [WALL]
    assert logs == [
        {"event": "routes_changed", "log_level": "info", "routes": 1, "before": 0}
    ]


@pytest.mark.parametrize("error", [None, not_found()])
@virtually
async def test_a_poll_is_published_with_its_outcome(error: CloudError | None) -> None:
    """Its end is by the wall clock, its duration by the loop's; discovery hears it."""
    bench = SchedulerBench()
    bench.seconds[ROUTE] = 2.5
    bench.errors = {} if error is None else {ROUTE: error}
    bench.store.set_routes([ROUTE])

    await bench.scheduler.poll(ROUTE)

    status, is_good = bench.status(), error is None
    assert (status.is_up, status.error, status.duration) == (is_good, error, 2.5)
    assert status.last_success_at == (WALL if is_good else None)
    assert bench.prepared == [status] * is_good, "rendered before it is shown"
    assert bench.discovery.told == [error]
    assert bench.ready.is_set()


@virtually
async def test_a_poll_is_told_what_it_may_keep() -> None:
    """Which groups and topics are wanted, and how many may have series."""
    bench = SchedulerBench()
    bench.store.set_routes([ROUTE])
    asked: dict[str, object] = {}

    async def poll(route: Route, **told: object) -> Snapshot:
        asked.update(told)
        return snapshot_of(route)

    bench.list_checkpoints = poll  # type: ignore[method-assign]  # to see its arguments
    groups, topics = NameFilter(include=("a",)), NameFilter(exclude=("x",))
    settings = Settings(groups=groups, topics=topics)
    await bench.scheduler_of(settings).poll(ROUTE)

    accepts = asked["accepts"]
    assert callable(accepts)
    assert {g + t for g in "ab" for t in "xy" if accepts(g, t)} == {"ay"}
    assert asked["series_budget"] == 1_000


@virtually
async def test_a_failure_is_logged_once_and_so_is_its_end() -> None:
    """An outage of an hour is two lines, and another reason one more."""
    bench = SchedulerBench()
    origin = Origin("List", "Throttling", 400, "6B2D")

    async def poll(error: CloudError | None) -> None:
        bench.errors = {} if error is None else {ROUTE: error}
        for _ in range(3):
            await bench.scheduler.poll(ROUTE)

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
    bench = SchedulerBench()
    bench.errors[ROUTE] = UnavailableError("refused")

    with capture_logs() as logs:
        async with bench.running(ROUTE):
            await asyncio.sleep(INTERVAL)
            bench.discovery.find()
            await settled()
            bench.errors.clear()
            bench.discovery.find(ROUTE)
            await asyncio.sleep(INTERVAL)

    events = [log["event"] for log in logs if log["event"] != "routes_changed"]
    assert events == ["poll_failed"]


@pytest.mark.parametrize(
    ("place", "bug"),
    [
        ("errors", KeyError("a bug")),
        # The pages of a poll are read by a group of tasks.
        ("errors", ExceptionGroup("both", [KeyError("a"), ValueError("b")])),
        # It would end the route's schedule without a word.
        ("errors", asyncio.CancelledError()),
        # While what was found is published.
        ("bugs", KeyError("a bug")),
    ],
)
@virtually
async def test_a_bug_is_internal_and_tried_again(
    place: str, bug: BaseException
) -> None:
    """It is logged once with its traceback, and costs no other route anything."""
    bench = SchedulerBench()
    getattr(bench, place)[ROUTE] = bug

    with capture_logs() as logs:
        await bench.run(5 * INTERVAL, ROUTE, OTHER)

    ours, other = bench.status(ROUTE), bench.status(OTHER)
    assert ours.failures[Reason.INTERNAL] == ours.polls >= 5
    assert (ours.is_up, len(bench.starts[ROUTE])) == (False, ours.polls)
    assert sum(other.failures.values()) == 0
    assert other.polls >= 5
    (told,) = [log for log in logs if log["event"] == "poll_failed"]
    assert told["reason"] == "internal"
    assert told["exc_info"] is bug or isinstance(bug, asyncio.CancelledError)


@virtually
async def test_a_cancelled_poll_is_no_failure() -> None:
    """Its route is polled no more."""
    bench = SchedulerBench()
    task = asyncio.create_task(bench.scheduler.poll(ROUTE))
    await asyncio.sleep(0.5)

    with capture_logs() as logs:
        task.cancel()
        await asyncio.wait([task])

    assert task.cancelled()
    assert (bench.discovery.told, logs) == ([], [])


@virtually
async def test_a_bug_in_discovery_ends_the_run() -> None:
    """A process that discovers nothing must not look well."""
    bench = SchedulerBench()

    async def crash() -> bool:
        raise InternalError(KeyError("a bug"))

    bench.discovery.refresh = crash  # type: ignore[method-assign]  # a bug
    with pytest.raises(ExceptionGroup):
        await bench.scheduler.run()
