"""The Lease in a real Kubernetes API: our rights on it, and pairs that go by it."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import replicas
from cluster import Cluster, serving
from eventually import eventually
from lease_account import ACCOUNT, Account, new_account
from lease_api import MICRO_TIME, kubeconfig
from programs import real, run_exporter, started
from replicas import LAG, LEADER, Replica, simulated_cloud

from exporter.app.kubernetes_lease import KubernetesLeases, kubernetes_leases
from exporter.app.leadership import Elector
from exporter.app.lease import Lease, LeaseTakenError

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run a cluster for all of these."""
    with serving(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
async def account(cluster: Cluster) -> Account:
    """Return the service account of a new pair."""
    return await new_account(cluster)


@asynccontextmanager
async def pair(account: Account) -> AsyncIterator[tuple[Replica, Replica]]:
    """Run a leader and a standby."""
    async with (
        simulated_cloud() as (cloud, _),
        replicas.pair(account.settings(cloud)) as (leader, standby),
    ):
        yield leader, standby


@asynccontextmanager
async def several(
    account: Account, count: int
) -> AsyncIterator[list[KubernetesLeases]]:
    """Connect several times, as so many processes would."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                kubernetes_leases(account.namespace, account.lease, account.kubeconfig)
            )
            for _ in range(count)
        ]


async def test_the_standby_polls_within_fifteen_seconds_of_a_leader_s_death(
    account: Account,
) -> None:
    """Exactly one of them polls before, and one after."""
    async with pair(account) as (leader, standby):
        first = account.holder()
        assert await standby.samples(LAG) == []

        leader.process.send_signal(signal.SIGKILL)
        died = time.monotonic()
        await eventually(standby.is_polling)

        gap = time.monotonic() - died
        assert 5 < gap < 15
        assert account.holder() not in {"", first}
        assert account.spec()["leaseTransitions"] == 1


async def test_a_leader_that_is_told_to_stop_hands_over_in_seconds(
    account: Account,
) -> None:
    """The Lease is nobody's in between, and in the end."""
    async with pair(account) as (leader, standby):
        leader.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        await eventually(standby.is_polling)

        assert time.monotonic() - told < 5
        assert await asyncio.wait_for(leader.process.wait(), 5) == 0
        standby.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(standby.process.wait(), 5) == 0
        assert account.holder() == ""


async def test_the_lease_reads_as_client_go_writes_it(account: Account) -> None:
    """All five fields, times to the microsecond, and renewals that move one alone."""
    async with simulated_cloud() as (cloud, _):
        async with replicas.replica(account.settings(cloud)) as leader:
            await eventually(leader.is_polling)
            before = account.spec()

            async def later() -> dict[str, Any]:
                now = account.spec()
                return now if now["renewTime"] != before["renewTime"] else {}

            after = await eventually(later)
            assert after | {"renewTime": before["renewTime"]} == before
            assert set(before) == {
                *("acquireTime", "holderIdentity", "leaseDurationSeconds"),
                *("leaseTransitions", "renewTime"),
            }
            assert before["leaseDurationSeconds"] == 10
            assert before["leaseTransitions"] == 0
            assert re.fullmatch(r".+_[0-9a-f]{8}", before["holderIdentity"])
            for name in ("acquireTime", "renewTime"):
                assert MICRO_TIME.fullmatch(before[name])
        free = account.spec()

    assert "holderIdentity" not in free
    assert free["leaseDurationSeconds"] == 1


async def test_it_takes_turns_with_an_election_of_client_go(account: Account) -> None:
    """Either follows the other, and takes at once what the other gives back."""
    where = (str(account.kubeconfig), account.namespace, account.lease)
    async with (
        simulated_cloud() as (cloud, _),
        replicas.replica(account.settings(cloud)) as first,
    ):
        await eventually(first.is_polling)
        async with started(real("elector"), *where, "client-go") as theirs:
            assert await line(theirs) == account.holder()

            first.process.send_signal(signal.SIGTERM)
            assert await line(theirs) == "client-go"

            async with replicas.replica(account.settings(cloud)) as second:
                await eventually(second.is_standing_by)
                theirs.send_signal(signal.SIGTERM)
                told = time.monotonic()
                await eventually(second.is_polling)
                assert time.monotonic() - told < 5
                assert account.spec()["leaseTransitions"] == 2


async def line(process: asyncio.subprocess.Process) -> str:
    """Return the next line that a program prints."""
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode().strip()


async def test_nobody_polls_while_the_api_hangs_and_one_when_it_answers(
    account: Account,
) -> None:
    """The leader gives up within its term, and serves on."""
    async with pair(account) as (leader, standby):
        with account.cluster.hanging():
            stopped = time.monotonic()

            async def nobody() -> bool:
                told = [await one.samples(LEADER) for one in (leader, standby)]
                return told == [[0], [0]]

            await eventually(nobody)
            assert time.monotonic() - stopped < 8
            assert await leader.samples(LAG) == []

        async def one_polls() -> bool:
            polling = [await one.is_polling() for one in (leader, standby)]
            assert polling.count(True) <= 1
            return any(polling)

        await eventually(one_polls)


async def test_a_lease_that_is_deleted_stays_its_holder_s(account: Account) -> None:
    """The standby sees that it is gone, and leaves it to the leader to write anew."""
    async with pair(account) as (leader, standby):
        holder = account.holder()
        leader.process.send_signal(signal.SIGSTOP)
        try:
            account.delete("lease", account.lease)
            await until_logged(standby.process, "lease_deleted")
            assert not account.has_lease()
        finally:
            leader.process.send_signal(signal.SIGCONT)

        async def is_there() -> bool:
            return account.has_lease()

        await eventually(is_there)
        assert account.holder() == holder
        assert await leader.is_polling()
        assert await standby.is_standing_by()


async def until_logged(process: asyncio.subprocess.Process, event: str) -> None:
    """Wait until a program logs something."""
    assert process.stderr is not None
    async with asyncio.timeout(20):
        async for line in process.stderr:
            if event in line.decode():
                return
    raise AssertionError(f"it ended without {event}")


async def test_one_of_many_creates_it(account: Account) -> None:
    """Of those who race for one that is not there; the rest are told it is taken."""
    async with several(account, 8) as racing:
        ended = await asyncio.gather(
            *(
                one.create(Lease(str(i), 10, NOON, NOON))
                for i, one in enumerate(racing)
            ),
            return_exceptions=True,
        )
        won = [i for i, end in enumerate(ended) if end is None]
        lost = [end for end in ended if isinstance(end, LeaseTakenError)]

        assert (len(won), len(lost)) == (1, 7)
        assert account.holder() == str(won[0])


async def test_one_of_many_replaces_it(account: Account) -> None:
    """Of those who saw the same record; a rehearsal changes nothing for them."""
    async with several(account, 8) as racing:
        await racing[0].create(Lease("dead", 10, NOON, NOON))
        seen = [await one.read() for one in racing]
        assert all(lease == seen[0] for lease in seen)
        mine = [
            replace(lease, holder=str(i), renewed_at=datetime.now(UTC))
            for i, lease in enumerate(seen)
            if lease is not None
        ]
        for one, lease in zip(racing, mine, strict=True):
            await one.rehearse(lease)
        assert account.holder() == "dead"

        ended = await asyncio.gather(
            *(one.replace(lease) for one, lease in zip(racing, mine, strict=True)),
            return_exceptions=True,
        )

        assert [end for end in ended if end is None] == [None]
        assert sum(isinstance(end, LeaseTakenError) for end in ended) == 7


async def test_electors_that_begin_at_once_have_one_leader(account: Account) -> None:
    """Whoever creates it; the others follow."""
    async with several(account, 5) as racing, asyncio.TaskGroup() as group:
        electors = [Elector(x, str(i), duration=10) for i, x in enumerate(racing)]
        await asyncio.gather(*(elector.start() for elector in electors))
        tasks = [group.create_task(elector.run()) for elector in electors]

        async def leaders() -> list[Elector]:
            leading = [each for each in electors if each.is_leader()]
            assert len(leading) <= 1
            return leading

        (leader,) = await eventually(leaders)
        assert account.holder() == leader.identity
        for task in tasks:
            task.cancel()


@pytest.mark.parametrize("verb", ["get", "create", "update"])
async def test_without_a_right_on_the_lease_the_first_line_says_so(
    account: Account, verb: str
) -> None:
    """Each of the three is needed; a standby misses the last before it has to lead."""
    if verb == "update":
        async with several(account, 1) as (leases,):
            await leases.create(Lease("another", 10, NOON, NOON))
    await account.forbid(verb)

    result = await run_exporter(
        "--web.listen-address=127.0.0.1:0", env=account.settings()
    )

    (line,) = result.err.splitlines()
    assert result.status == 2
    told = f"ha.lease: the Kubernetes API answered 403 to {verb} of the Lease"
    assert line.startswith(
        f"{told} {account.lease} in namespace {account.namespace}: allow"
    )


async def test_without_its_role_binding_the_first_line_says_so(
    account: Account,
) -> None:
    """A service account alone may do nothing."""
    account.delete("rolebinding", ACCOUNT)
    await account.until_allowed()

    result = await run_exporter(
        "--web.listen-address=127.0.0.1:0", env=account.settings()
    )

    (line,) = result.err.splitlines()
    assert result.status == 2
    assert line.startswith("ha.lease: the Kubernetes API answered 403 to get of the")


async def test_a_token_that_is_none_is_told_of(account: Account) -> None:
    """As one that has run out."""
    cluster = account.cluster
    kubeconfig(account.kubeconfig.parent, cluster.url, "x.y.z", cluster.authority)

    result = await run_exporter(
        "--web.listen-address=127.0.0.1:0", env=account.settings()
    )

    (line,) = result.err.splitlines()
    assert result.status == 2
    assert line.startswith("ha.lease: the Kubernetes API answered 401 to get of the")
