"""Who leads by a lease, on virtual time: never two, and soon another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from lease_model import Keeper, Line
from structlog.testing import capture_logs
from virtual_time import settled, virtually

from exporter.app.leadership import Elector, steady
from exporter.app.lease import NOBODY, Lease, LeaseError, LeaseRefusedError

DURATION = 10


@dataclass
class Candidate:
    """An elector that runs, and what it was told and did."""

    elector: Elector
    line: Line
    changes: list[bool]
    follows: int = 0
    worked: list[tuple[float, float]] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def work(self) -> None:
        """Work until cancelled, and note when."""
        now = asyncio.get_running_loop().time
        began = now()
        try:
            await asyncio.Event().wait()
        finally:
            self.worked.append((began, now()))

    async def lead(self) -> None:
        """Work whenever it leads."""
        while True:
            await self.elector.while_leading(self.work)

    async def die(self) -> None:
        """End without a word, as by SIGKILL."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def stop(self) -> None:
        """End as by SIGTERM."""
        await self.die()
        await self.elector.resign()


@dataclass
class SleepyClock:
    """A clock that went on while timers did not."""

    slept: float = 0.0

    def seconds(self) -> float:
        """Return its seconds."""
        return asyncio.get_running_loop().time() + self.slept


def candidate(keeper: Keeper, name: str, *, duration: int = DURATION) -> Candidate:
    """Return a candidate that does nothing yet."""
    line = Line(keeper)
    changes: list[bool] = []

    def follow() -> None:
        made.follows += 1

    elector = Elector(
        line,
        name,
        duration=duration,
        clock=asyncio.get_running_loop().time,
        on_change=changes.append,
        on_follow=follow,
    )
    made = Candidate(elector, line, changes)
    return made


@asynccontextmanager
async def running(*candidates: Candidate) -> AsyncIterator[None]:
    """Run candidates that start one after the other, and end those that are left."""
    try:
        for one in candidates:
            await one.elector.start()
            one.tasks = [
                asyncio.create_task(one.elector.run()),
                asyncio.create_task(one.lead()),
            ]
            await settled()
        yield
    finally:
        for one in candidates:
            await one.die()


def leaders(*candidates: Candidate) -> list[str]:
    """Return who believes to lead."""
    return [one.elector.identity for one in candidates if one.elector.is_leader()]


@virtually
async def test_the_first_leads_and_keeps_leading_while_the_second_follows() -> None:
    """The record says who, since when, and never changes hands."""
    keeper = Keeper()
    a, b = candidate(keeper, "a"), candidate(keeper, "b")
    async with running(a, b):
        await asyncio.sleep(100)

        assert leaders(a, b) == ["a"]
        assert a.changes == [True]
        assert b.changes == []
        assert b.follows > 0
        assert a.follows == 0
        assert keeper.lease is not None
        assert keeper.lease.transitions == 0
        assert keeper.lease.duration == DURATION
        acquired, renewed = keeper.lease.acquired_at, keeper.lease.renewed_at
        assert acquired is not None
        assert renewed is not None
        assert acquired < renewed
    assert a.worked == [(0, 100)]


@virtually
async def test_the_log_says_who_leads_once_at_each_change() -> None:
    """Not every two seconds."""
    keeper = Keeper()
    a, b, c = (candidate(keeper, name) for name in "abc")
    with capture_logs() as lines:
        async with running(a, b, c):
            await asyncio.sleep(20)
            await c.die()
            await a.stop()
            await asyncio.sleep(20)

    told = [(x["event"], x.get("identity", x.get("leader"))) for x in lines]
    assert told == [
        ("leading", "a"),
        ("following", "a"),
        ("following", "a"),
        ("leading", "b"),
    ]


@virtually
async def test_a_standby_works_within_the_duration_and_a_retry_of_a_death() -> None:
    """Under 15 seconds by default, wherever in their periods the two are."""
    for offset in range(20):
        keeper = Keeper()
        a, b = candidate(keeper, "a"), candidate(keeper, "b")
        async with running(a):
            await asyncio.sleep(offset / 10)
            async with running(b):
                await asyncio.sleep(30 + offset / 7)
                died = asyncio.get_running_loop().time()
                await a.die()

                await asyncio.sleep(12.1)

                assert b.elector.is_leader()
                assert keeper.lease is not None
                assert keeper.lease.transitions == 1
        assert DURATION - 2 <= b.worked[0][0] - died <= DURATION + 2


@virtually
async def test_a_leader_that_stops_hands_over_at_once() -> None:
    """It gives the lease back, and the standby has to wait for no one."""
    keeper = Keeper()
    a, b = candidate(keeper, "a"), candidate(keeper, "b")
    async with running(a, b):
        await asyncio.sleep(33)
        await a.stop()

        assert keeper.lease is not None
        assert (keeper.lease.holder, keeper.lease.duration) == (NOBODY, 1)
        await asyncio.sleep(2)

        assert leaders(a, b) == ["b"]
        assert keeper.lease.holder == "b"
    assert a.worked[0][1] == 33
    assert b.worked[0][0] <= 35


@virtually
async def test_a_leader_that_is_cut_off_stops_before_another_may_start() -> None:
    """Its work is cancelled on time, though nothing was heard."""
    keeper = Keeper()
    a, b = candidate(keeper, "a"), candidate(keeper, "b")
    async with running(a, b):
        await asyncio.sleep(30.5)
        a.line.is_cut = True

        await asyncio.sleep(20)

        assert leaders(a, b) == ["b"]
        assert a.changes == [True, False]
        (_, stopped), *_ = a.worked
        assert 35 < stopped <= 37.5
    assert b.worked[0][0] >= stopped + 1


@virtually
async def test_a_leader_whose_answers_hang_stops_in_time_too() -> None:
    """No answer is no renewal, however long it is waited for."""
    keeper = Keeper()
    a, b = candidate(keeper, "a"), candidate(keeper, "b")
    async with running(a, b):
        await asyncio.sleep(30)
        a.line.before = 1000

        await asyncio.sleep(20)

        assert leaders(a, b) == ["b"]
        assert a.worked[0][1] <= 37
        a.line.before = 0
        await b.die()
        await asyncio.sleep(15)
        assert a.elector.is_leader()


@virtually
async def test_a_renewal_counts_from_before_it_was_sent() -> None:
    """Others may have seen it long before its answer came: here nine seconds."""
    keeper = Keeper()
    a, b = candidate(keeper, "a"), candidate(keeper, "b")
    # As where the process stood still: it takes the answer first, then looks at clocks.
    a.elector._attempt_within = 100
    async with running(a, b):
        await asyncio.sleep(30)
        a.line.after = 9
        for _ in range(100):
            await asyncio.sleep(0.25)
            assert len(leaders(a, b)) <= 1


@virtually
async def test_a_lease_that_is_won_again_while_the_work_is_cleaned_up_begins_anew() -> (
    None
):
    """What was cancelled stays cancelled."""
    a = candidate(Keeper(), "a")
    now = asyncio.get_running_loop().time
    began = []

    async def slow_to_end() -> None:
        began.append(now())
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(5)

    async def lead() -> None:
        while True:
            await a.elector.while_leading(slow_to_end)

    await a.elector.start()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in (a.elector.run(), lead())]
        await settled()
        a.line.is_cut = True
        await asyncio.sleep(7.5)
        a.line.is_cut = False
        await asyncio.sleep(10)
        assert began == [0, 12]
        for task in tasks:
            task.cancel()


@virtually
async def test_a_term_that_a_timer_has_ended_is_over_by_a_slower_clock_too() -> None:
    """What the clock leaves of it is too short for a timer, and none is begun."""
    elector = Elector(
        Line(Keeper()),
        "a",
        duration=DURATION,
        clock=lambda: 1e5 + 0.9 * asyncio.get_running_loop().time(),
    )
    begun = []

    async def work() -> None:
        begun.append(asyncio.get_running_loop().time())
        assert len(begun) < 9
        await asyncio.Event().wait()

    async def lead() -> None:
        while True:
            await elector.while_leading(work)

    await elector.start()
    leading = asyncio.create_task(lead())
    await asyncio.sleep(2 * DURATION)
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)

    assert begun == [0]


@virtually
async def test_the_leader_that_was_cut_off_alone_leads_again() -> None:
    """Nobody else wanted it; the work begins anew."""
    a = candidate(Keeper(), "a")
    async with running(a):
        await asyncio.sleep(10)
        a.line.is_cut = True
        await asyncio.sleep(50)
        assert not a.elector.is_leader()

        a.line.is_cut = False
        await asyncio.sleep(2.1)

        assert a.elector.is_leader()
    assert a.changes == [True, False, True, False]


@virtually
async def test_a_failure_or_two_cost_the_leader_nothing() -> None:
    """It has tried again before the time is up."""
    a = candidate(Keeper(), "a")
    async with running(a):
        await asyncio.sleep(10)
        a.line.is_cut = True
        await asyncio.sleep(4)
        a.line.is_cut = False
        await asyncio.sleep(50)
    assert a.worked == [(0, 64)]


@virtually
async def test_a_request_that_hangs_costs_the_leader_nothing() -> None:
    """It is given up while there is time for another."""
    a = candidate(Keeper(), "a")
    async with running(a):
        await asyncio.sleep(9.9)
        a.line.before = 1000
        await asyncio.sleep(0.2)
        a.line.before = 0
        await asyncio.sleep(50)
    assert a.worked == [(0, 60.1)]


@virtually
async def test_a_dead_record_of_long_ago_is_waited_out_by_our_own_clock() -> None:
    """What its times say is another machine's word: it may be years off either way."""
    keeper = Keeper(Lease("gone", 31, None, None, 7, "v"))
    b = candidate(keeper, "b")
    async with running(b):
        await asyncio.sleep(30.9)
        assert not b.elector.is_leader()
        assert b.follows == 0, "nobody was seen to renew it"

        await asyncio.sleep(0.2)

        assert b.elector.is_leader()
        assert keeper.lease is not None
        assert keeper.lease.transitions == 8


@virtually
async def test_a_record_that_others_write_upon_is_not_renewed_by_that() -> None:
    """A label is no sign of life, be it written again and again."""
    dead = Lease("gone", DURATION, version="v")
    keeper = Keeper(dead)
    b = candidate(keeper, "b")
    async with running(b):
        for second in range(DURATION):
            assert not b.elector.is_leader()
            keeper.lease = replace(dead, version=f"label {second}")
            await asyncio.sleep(1)
        await asyncio.sleep(0.1)

        assert b.elector.is_leader()


@virtually
async def test_a_record_without_a_duration_is_believed_for_our_own() -> None:
    """Somebody wrote it by hand, perhaps."""
    b = candidate(Keeper(Lease("odd", 0, version="v")), "b")
    async with running(b):
        await asyncio.sleep(DURATION - 0.1)
        assert not b.elector.is_leader()
        await asyncio.sleep(0.2)
        assert b.elector.is_leader()


@virtually
async def test_whoever_takes_the_record_away_is_obeyed_at_once() -> None:
    """An administrator may write it; two leaders would be worse than none."""
    keeper = Keeper()
    a = candidate(keeper, "a")
    async with running(a):
        await asyncio.sleep(31)
        assert keeper.lease is not None
        keeper.lease = replace(keeper.lease, holder="admin", version="by hand")
        # Not in step with the look at the clock, which would do as much.
        a.line.before = 0.1

        await asyncio.sleep(1.2)
        assert not a.elector.is_leader()
        assert a.changes == [True, False]
        await asyncio.sleep(11)
        assert a.elector.is_leader()


@virtually
async def test_a_leader_whose_record_is_emptied_fills_it_and_works_on() -> None:
    """It is nobody else's."""
    keeper = Keeper()
    a = candidate(keeper, "a")
    async with running(a):
        await asyncio.sleep(31)
        assert keeper.lease is not None
        keeper.lease = replace(keeper.lease, holder=NOBODY, version="by hand")
        await asyncio.sleep(9)

        assert keeper.lease.holder == "a"
    assert a.worked == [(0, 40)]


@virtually
async def test_a_record_that_is_deleted_is_its_leader_s_for_as_long_as_it_lasted() -> (
    None
):
    """`kubectl delete lease` makes no second leader, be the first ever so slow."""
    for offset in range(20):
        keeper = Keeper()
        a, b = candidate(keeper, "a"), candidate(keeper, "b")
        async with running(a):
            await asyncio.sleep(offset / 10)
            async with running(b):
                await asyncio.sleep(30 + offset / 7)
                keeper.lease = None
                for _ in range(20):
                    assert leaders(a, b) == ["a"]
                    await asyncio.sleep(0.25)
                a.line.is_cut = True
                await asyncio.sleep(0.1)
                keeper.lease = None
                for _ in range(60):
                    await asyncio.sleep(0.25)
                    assert len(leaders(a, b)) <= 1

                assert leaders(a, b) == ["b"]


@virtually
async def test_who_was_away_believes_in_a_leader_that_it_never_saw() -> None:
    """What it saw last ran out long ago, but not what has been deleted since."""
    keeper = Keeper()
    a, b = candidate(keeper, "a"), candidate(keeper, "b")
    with capture_logs() as lines:
        async with running(a, b):
            b.line.is_cut = True
            await asyncio.sleep(60.5)
            keeper.lease = None
            b.line.is_cut = False
            for _ in range(200):
                await asyncio.sleep(0.1)
                assert leaders(a, b) == ["a"]

    assert [line["event"] for line in lines].count("lease_deleted") == 1
    assert "deleted" not in [line.get("leader") for line in lines]


@virtually
async def test_a_leader_whose_machine_slept_stops_when_it_wakes() -> None:
    """Before it is told who leads now: timers did not go on, and nobody answers yet."""
    keeper = Keeper()
    now = asyncio.get_running_loop().time
    for moment in range(20):
        a, clock = candidate(keeper, "a"), SleepyClock()
        a.elector._clock = clock.seconds
        async with running(a):
            await asyncio.sleep(10 + moment / 4)
            a.line.is_cut = True
            clock.slept = 3600
            woke = now()

            await asyncio.sleep(1)

            (_, stopped), *_ = a.worked
            assert stopped - woke <= 0.5
        keeper.lease = None


@virtually
async def test_of_two_that_see_it_free_at_the_same_time_one_wins() -> None:
    """The other's version is another's by then."""
    keeper = Keeper(Lease(NOBODY, 1, version="v"))
    candidates = [candidate(keeper, name) for name in "abc"]
    for one in candidates:
        one.line.before = one.line.after = 0.1
    with capture_logs() as lines:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.elector.run()) for one in candidates]
            await asyncio.sleep(1)
            for task in tasks:
                task.cancel()

    assert len(leaders(*candidates)) == 1
    assert keeper.writes == 1
    assert lines == [], "to lose is no failure"


@virtually
async def test_an_answer_that_got_lost_makes_no_leader_but_the_next_one_does() -> None:
    """The record was written for us; we learn it by reading."""
    keeper = Keeper()
    a = candidate(keeper, "a")
    a.line.loses = 2
    async with running(a):
        assert not a.elector.is_leader()
        await asyncio.sleep(4.1)
        assert a.elector.is_leader()


@virtually
async def test_who_may_not_write_is_told_at_the_start_though_it_would_only_follow() -> (
    None
):
    """Not when the leader dies, at night."""
    b = candidate(Keeper(Lease("a", 10, version="v")), "b")

    async def refuse(lease: Lease) -> None:
        raise LeaseRefusedError("grant update")

    b.line.rehearse = refuse  # type: ignore[method-assign]  # the keeper's right

    with pytest.raises(LeaseRefusedError, match="grant update"):
        await b.elector.start()


@virtually
async def test_a_keeper_that_is_away_at_the_start_is_waited_for() -> None:
    """And whoever waits is told of it once, and of its end."""
    a = candidate(Keeper(), "a")
    a.line.is_cut = True
    with capture_logs() as lines:
        async with running(a):
            await asyncio.sleep(100)
            a.line.is_cut = False
            await asyncio.sleep(3)
            assert a.elector.is_leader()

    assert [line["event"] for line in lines] == [
        "lease_failed",
        "lease_recovered",
        "leading",
    ]
    assert lines[0]["error"] == "cut off"


@virtually
async def test_a_keeper_that_does_not_answer_holds_no_start_up() -> None:
    """Be the lease ever so long: who is told to stop meanwhile has seconds."""
    a = candidate(Keeper(), "a", duration=3600)
    a.line.before = 1000

    await a.elector.start()

    assert asyncio.get_running_loop().time() == 3


@virtually
async def test_a_resignation_is_tried_again_after_a_late_renewal_and_not_for_ever() -> (
    None
):
    """A process that stops has seconds, not minutes."""
    keeper = Keeper()
    a = candidate(keeper, "a")
    async with running(a):
        await a.die()
        replacing = a.line.replace
        late = [True]

        async def renewed_first(lease: Lease) -> None:
            if late.pop() if late else False:
                assert keeper.lease is not None
                keeper.lease = replace(keeper.lease, version="late")
            await replacing(lease)

        a.line.replace = renewed_first  # type: ignore[method-assign]  # a late one
        await a.elector.resign()

        assert keeper.lease is not None
        assert keeper.lease.holder == NOBODY
        assert not a.elector.is_leader()
        for a.line.before, a.line.is_cut in ((1000, False), (0, True)):
            began = asyncio.get_running_loop().time()
            await a.elector.resign()
            assert asyncio.get_running_loop().time() - began == 1


@virtually
async def test_what_was_written_without_an_answer_is_given_back_too() -> None:
    """It was ours on record, though we never led."""
    keeper = Keeper()
    a = candidate(keeper, "a")
    creating = a.line.create

    async def unheard(lease: Lease) -> None:
        await creating(lease)
        raise LeaseError("the answer was lost")

    a.line.create = unheard  # type: ignore[method-assign]  # a bad line
    await a.elector.start()
    assert not a.elector.is_leader()

    await a.elector.resign()

    assert keeper.lease is not None
    assert keeper.lease.holder == NOBODY


@virtually
async def test_who_no_longer_holds_the_lease_gives_none_back() -> None:
    """A standby that stops must not end the leader's term."""
    keeper = Keeper()
    a, b = candidate(keeper, "a"), candidate(keeper, "b")
    async with running(a, b):
        a.line.is_cut = True
        await asyncio.sleep(15)
        a.line.is_cut = False
        await asyncio.sleep(5.3)
        before = keeper.lease

        await a.stop()

        assert keeper.lease == before
        assert leaders(a, b) == ["b"]


@virtually
async def test_who_never_took_the_lease_stops_without_a_question() -> None:
    """Nobody might answer it, and whoever says stop waits."""
    keeper = Keeper()
    a, b = candidate(keeper, "a"), candidate(keeper, "b")
    async with running(a, b):
        before = asyncio.get_running_loop().time()
        b.line.before = 1000

        await b.stop()

        assert asyncio.get_running_loop().time() == before


@virtually
async def test_errors_of_the_work_are_the_caller_s() -> None:
    """A timeout of the work's own is no end of the term."""
    a = candidate(Keeper(), "a")
    await a.elector.start()

    async def too_slow() -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(3)

    with pytest.raises(TimeoutError):
        await a.elector.while_leading(too_slow)
    assert a.changes == [True, False]


def test_the_steady_clock_is_no_wall_clock() -> None:
    """It is the one that goes on while the machine sleeps."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    told = steady()

    assert before <= told <= time.clock_gettime(time.CLOCK_BOOTTIME)
