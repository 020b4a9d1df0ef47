"""Who leads by a Lease, in virtual time."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest
from lease_api import MICRO_TIME, TOKEN, ApiLine, Json, LeaseApi
from structlog.testing import capture_logs
from virtual_time import settled, virtually

from exporter.app.leader import Elector, LeaseClient, LeaseError
from exporter.config.load import ConfigurationError

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

DURATION = 10


@dataclass
class Candidate:
    """A process with an elector, and how the elector called it back."""

    line: ApiLine
    elector: Elector
    changes: list[bool]
    follows: list[float]
    worked: list[tuple[float, float]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run until it dies or stops."""
        with suppress(LeaseError, TimeoutError):
            await self.elector.attempt()
        self.task = asyncio.create_task(self.elector.run(self._work))
        await settled()

    async def die(self) -> None:
        """End without a word, as by SIGKILL."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def stop(self) -> None:
        """End as by SIGTERM."""
        await self.die()
        await self.elector.release()

    async def _work(self) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        try:
            await asyncio.Event().wait()
        finally:
            self.worked.append((began, now()))


def candidate(
    api: LeaseApi, identity: str, *, duration: int = DURATION, namespace: str = ""
) -> Candidate:
    """Return a candidate that does nothing yet."""
    line = ApiLine(api)
    client = LeaseClient(cast("ApiClient", line), namespace or "monitoring", "dr")
    changes: list[bool] = []
    follows: list[float] = []
    elector = Elector(
        client,
        identity,
        lease_duration=duration,
        on_change=changes.append,
        on_follow=lambda: follows.append(asyncio.get_running_loop().time()),
    )
    return Candidate(line, elector, changes, follows)


@asynccontextmanager
async def running(*candidates: Candidate) -> AsyncIterator[None]:
    """Start candidates one after the other, and end them."""
    try:
        for one in candidates:
            await one.start()
        yield
    finally:
        for one in candidates:
            await one.die()


def leaders(*candidates: Candidate) -> list[str]:
    """Return who leads."""
    return [one.elector.identity for one in candidates if one.elector.is_leader()]


@virtually
async def test_the_first_acquires_and_renews_the_lease_while_the_second_follows() -> (
    None
):
    """The record says since when, and changes in one field."""
    api = LeaseApi()
    a, b = candidate(api, "a"), candidate(api, "b")
    async with running(a, b):
        first = api.spec()
        await asyncio.sleep(100)
        later = api.spec()

        assert leaders(a, b) == ["a"]
    assert (a.changes, b.changes) == ([True], [False])
    assert (a.follows, b.follows[0]) == ([], 0)
    assert a.worked == [(0, 100)]
    assert first["leaseDurationSeconds"] == DURATION
    assert first["leaseTransitions"] == 0
    assert MICRO_TIME.fullmatch(first["acquireTime"])
    assert MICRO_TIME.fullmatch(later["renewTime"])
    assert later | {"renewTime": first["renewTime"]} == first


@virtually
async def test_a_standby_takes_over_within_the_lease_duration_and_a_retry() -> None:
    """By its own clock, wherever the two are in their retry periods."""
    for offset in range(20):
        api = LeaseApi()
        a, b = candidate(api, "a"), candidate(api, "b")
        async with running(a):
            await asyncio.sleep(offset / 10)
            async with running(b):
                await asyncio.sleep(30 + offset / 7)
                died = asyncio.get_running_loop().time()
                await a.die()
                await asyncio.sleep(12.1)

                assert b.elector.is_leader()
                assert api.spec()["leaseTransitions"] == 1
        assert DURATION - 2 <= b.worked[0][0] - died <= DURATION + 2


@virtually
async def test_a_leader_that_stops_releases_the_lease() -> None:
    """The standby acquires it at its next look, and need not wait until it expires."""
    api = LeaseApi()
    a, b = candidate(api, "a"), candidate(api, "b")
    async with running(a, b):
        await asyncio.sleep(33)
        await a.stop()

        assert api.holder() == ""
        await asyncio.sleep(2.1)
        assert leaders(a, b) == ["b"]
        await a.stop()
        assert api.holder() == "b", "it was not a's to release"
        # Nobody answers, and the process has to end.
        b.line.delay = 1000
        before = asyncio.get_running_loop().time()
        await b.stop()
        assert asyncio.get_running_loop().time() == before + 1


@virtually
@pytest.mark.parametrize("trouble", ["is_cut", "delay"])
async def test_a_leader_that_cannot_renew_steps_down_before_another_takes_over(
    trouble: str,
) -> None:
    """Requests fail, or are not answered."""
    api = LeaseApi()
    a, b = candidate(api, "a"), candidate(api, "b")
    async with running(a, b):
        await asyncio.sleep(30.5)
        setattr(a.line, trouble, 1000)
        await asyncio.sleep(20)

        assert leaders(a, b) == ["b"]
        assert a.changes == [True, False]
        (_, stopped), *_ = a.worked
        assert 35 < stopped <= 37
    assert b.worked[0][0] > stopped


@virtually
async def test_a_leader_that_was_cut_off_leads_again() -> None:
    """Its work starts again, and the log names the failure once."""
    a = candidate(LeaseApi(), "a")
    with capture_logs() as lines:
        async with running(a):
            await asyncio.sleep(10)
            a.line.is_cut = True
            await asyncio.sleep(50)
            a.line.is_cut = False
            await asyncio.sleep(2.1)

            assert a.elector.is_leader()
    assert a.changes == [True, False, True]
    assert [line["event"] for line in lines] == [
        *("leading", "lease_failed", "not_leading", "lease_recovered", "leading"),
    ]
    told = "the Kubernetes API cannot be reached: ClientConnectionError"
    assert lines[1]["error"] == told
    assert TOKEN not in str(lines)


@virtually
async def test_failures_that_pass_before_the_renew_deadline_cost_nothing() -> None:
    """A request that hangs, errors and a proxy's page."""
    a = candidate(LeaseApi(), "a")
    async with running(a):
        await asyncio.sleep(9.9)
        a.line.delay = 1000
        await asyncio.sleep(0.2)
        a.line.delay = 0
        await asyncio.sleep(20)
        for answers in ([500, 429], [b"<html>", b"[]"]):
            a.line.api.answers = list(answers)
            await asyncio.sleep(20)
    assert len(a.worked) == 1


@virtually
async def test_the_api_may_be_away_at_the_start() -> None:
    """However long the lease lasts, a process that is told to stop stops in seconds."""
    a = candidate(LeaseApi(), "a", duration=3600)
    a.line.delay = 1000

    with pytest.raises(TimeoutError):
        await a.elector.attempt()

    assert asyncio.get_running_loop().time() == 3
    a.line.delay = 0
    async with running(a):
        assert a.elector.is_leader()


@virtually
async def test_a_lease_of_a_dead_process_is_waited_for_by_our_own_clock() -> None:
    """Its times may be wrong; labels that others write on it are no renewal."""
    api = LeaseApi()
    gone = {"holderIdentity": "gone", "leaseDurationSeconds": 31, "leaseTransitions": 7}
    metadata: Json = {"name": "dr", "uid": "u", "resourceVersion": "1"}
    metadata["labels"] = {"team": "dr"}
    api.leases["dr"] = {"metadata": metadata, "spec": gone}
    b = candidate(api, "b")
    async with running(b):
        await asyncio.sleep(15)
        metadata["resourceVersion"] = "2"
        await asyncio.sleep(15.9)
        assert not b.elector.is_leader()

        await asyncio.sleep(2.1)

        assert b.elector.is_leader()
        assert api.spec()["leaseTransitions"] == 8
        assert api.leases["dr"]["metadata"]["labels"] == {"team": "dr"}


@virtually
async def test_of_several_that_see_it_free_one_acquires_it() -> None:
    """To come second is no failure."""
    for is_there in (False, True):
        api = LeaseApi()
        if is_there:
            async with running(x := candidate(api, "x")):
                await x.stop()
        candidates = [candidate(api, name) for name in "abc"]
        for one in candidates:
            one.line.delay = 0.1
        with capture_logs() as lines:
            async with asyncio.TaskGroup() as group:
                starting = [group.create_task(one.start()) for one in candidates]
                await asyncio.gather(*starting)
                await asyncio.sleep(30)
                assert len(leaders(*candidates)) == 1
                await asyncio.gather(*(one.die() for one in candidates))

        events = [line["event"] for line in lines]
        assert sorted(events) == ["following", "following", "leading"]


@virtually
async def test_a_leader_whose_lease_another_holds_steps_down_at_once() -> None:
    """After somebody deleted the Lease, for one: soon only one of the two leads."""
    api = LeaseApi()
    a, b = candidate(api, "a"), candidate(api, "b")
    async with running(a):
        await asyncio.sleep(0.5)
        async with running(b):
            await asyncio.sleep(31.6)
            api.leases.clear()
            await asyncio.sleep(2.1)

            assert leaders(a, b) == [api.holder()] == ["b"]
        await asyncio.sleep(DURATION + 2)
        assert leaders(a, b) == ["a"]


@virtually
async def test_a_lease_that_was_deleted_and_made_by_another_is_not_replaced() -> None:
    """Not even where it has the same version: it has another UID."""
    api = LeaseApi()
    a = candidate(api, "a")
    await a.elector.attempt()
    client = a.elector._lease
    lease = copy.deepcopy(await client.read())
    api.leases["dr"]["metadata"]["uid"] = "another"

    assert not await client.write(lease, lease["spec"])


@virtually
@pytest.mark.parametrize("verb", ["get", "create", "update"])
async def test_a_missing_right_is_named_at_the_start_if_it_is_needed_then(
    verb: str,
) -> None:
    """Who only follows needs none to write yet, and finds out later."""
    api = LeaseApi()
    if verb == "update":
        async with running(a := candidate(api, "a")):
            await a.stop()
    api.forbidden = {verb}
    b = candidate(api, "b")

    with pytest.raises(ConfigurationError) as caught:
        await b.elector.attempt()

    told = f"the Kubernetes API answered 403 to {verb} of the Lease dr in namespace"
    assert str(caught.value).startswith(
        f"ha.lease: {told} monitoring: allow this pod's service"
    )


@virtually
async def test_what_a_retry_cannot_change_is_a_refusal() -> None:
    """It ends the start, where the text is read; so does a namespace that is not."""
    for status in (400, 401, 405, 422):
        a = candidate(LeaseApi(answers=[status]), "a")
        with pytest.raises(ConfigurationError, match=f"answered {status} to get of"):
            await a.elector.attempt()
    a = candidate(LeaseApi(), "a", namespace="nowhere")
    with pytest.raises(ConfigurationError, match=r"404 to create .* nowhere"):
        await a.elector.attempt()


@virtually
async def test_an_error_of_the_work_ends_the_election() -> None:
    """A timeout of its own is no step down."""
    a = candidate(LeaseApi(), "a")
    await a.elector.attempt()

    async def too_slow() -> None:
        raise TimeoutError

    with pytest.raises(ExceptionGroup) as caught:
        await a.elector.run(too_slow)
    assert caught.group_contains(TimeoutError)
