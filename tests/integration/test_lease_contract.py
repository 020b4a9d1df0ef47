"""What keeps a Lease, and our client to it: alike by the stand-in and a real API."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from cluster import Cluster, serving
from lease_account import new_account
from lease_api import PATH, Json, kubeconfig, lease_api

from exporter.app.kubernetes_lease import KubernetesLeases, kubernetes_leases
from exporter.app.lease import Lease, LeaseRefusedError, LeaseTakenError

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
MINE = Lease("me", 10, NOON, NOON.replace(microsecond=123456), 3)
UID = "0a1b2c3d-0000-4000-8000-000000000000"
RIGHT = "the Lease's own"
"""Stands for what only the server knows."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where a Lease is kept, and what can be done to it from outside."""

    kubeconfig: Path
    namespace: str
    lease: str
    forbid: Callable[[str], Awaitable[None]]
    ask: Callable[..., Awaitable[tuple[int, Json]]]

    def body(self, metadata: Json | None = None, **spec: object) -> Json:
        """Return a Lease as it is sent."""
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.lease} | (metadata or {}),
            "spec": {"holderIdentity": "me", "leaseDurationSeconds": 10} | spec,
        }

    async def post(self, lease: Json, query: str = "") -> int:
        """Ask for a Lease to be created; return the status."""
        return (await self.ask("POST", query, lease))[0]

    async def put(self, lease: Json, query: str = "") -> int:
        """Ask for the Lease to be updated; return the status."""
        return (await self.ask("PUT", f"/{self.lease}{query}", lease))[0]

    async def found(self) -> Json | None:
        """Return the Lease as it is kept, None where it is not there."""
        status, lease = await self.ask("GET", f"/{self.lease}")
        assert status in {200, 404}
        return lease if status == 200 else None

    async def delete(self) -> None:
        """Delete the Lease."""
        assert (await self.ask("DELETE", f"/{self.lease}"))[0] == 200


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(None, id="stand-in", marks=pytest.mark.real),
        pytest.param(serving, id="real", marks=pytest.mark.kubernetes),
    ],
)
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster | None]:
    """Run a cluster in the real one's turn; the stand-in needs none."""
    if request.param is None:
        yield None
        return
    with request.param(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
async def keeper(cluster: Cluster | None, tmp_path: Path) -> AsyncIterator[Keeper]:
    """Keep a Lease that nobody has written yet."""
    if cluster is not None:
        account = await new_account(cluster)
        context = ssl.create_default_context(cafile=cluster.authority)
        where = account.namespace, account.lease
        async with asking(cluster.admin, account.namespace, context) as ask:
            yield Keeper(account.kubeconfig, *where, account.forbid, ask)
        return
    async with lease_api() as api:

        async def forbid(verb: str) -> None:
            api.forbidden = {verb}

        file = kubeconfig(tmp_path, api.url)
        async with asking(file, "monitoring") as ask:
            yield Keeper(file, "monitoring", "dr", forbid, ask)


def address(file: Path) -> tuple[str, str]:
    """Return where a kubeconfig leads, and the token for it."""
    config = json.loads(file.read_text())
    (cluster,), (user,) = config["clusters"], config["users"]
    return cluster["cluster"]["server"], user["user"]["token"]


@asynccontextmanager
async def asking(
    file: Path, namespace: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Callable[..., Awaitable[tuple[int, Json]]]]:
    """Ask for Leases by HTTP and nothing else, as a kubeconfig says."""
    url, token = address(file)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def ask(
            method: str, path: str, lease: Json | None = None
        ) -> tuple[int, Json]:
            where = url + PATH.format(namespace=namespace) + path
            async with session.request(
                method, where, json=lease, ssl=tls or True
            ) as response:
                return response.status, await response.json()

        yield ask


@pytest.fixture
async def leases(keeper: Keeper) -> AsyncIterator[KubernetesLeases]:
    """Connect to it as an exporter does."""
    where = (keeper.namespace, keeper.lease, keeper.kubeconfig)
    async with kubernetes_leases(*where) as connected:
        yield connected


async def created(leases: KubernetesLeases) -> Lease:
    """Create the Lease, and return it as it is read back."""
    await leases.create(MINE)
    found = await leases.read()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({}, 201),
        ({"holderIdentity": None}, 201),
        ({"holderIdentity": ""}, 201),
        ({"renewTime": "2026-01-02T03:04:05.000000Z"}, 201),
        ({"renewTime": "2026-01-02T03:04:05.123456+02:00"}, 201),
        ({"renewTime": "2026-01-02T03:04:05Z"}, 400),
        ({"renewTime": "2026-01-02T03:04:05.123Z"}, 400),
        ({"leaseDurationSeconds": 0}, 422),
        ({"leaseTransitions": -1}, 422),
    ],
)
async def test_a_lease_is_looked_through_before_it_is_kept(
    keeper: Keeper, spec: Json, status: int
) -> None:
    """Times have six decimals, and a duration is one."""
    assert await keeper.post(keeper.body(**spec)) == status
    assert (await keeper.found() is not None) == (status == 201)


async def test_what_is_there_is_not_created_again(keeper: Keeper) -> None:
    """And what is created has no version yet."""
    assert await keeper.post(keeper.body({"resourceVersion": "5"})) == 500
    assert await keeper.found() is None

    assert await keeper.post(keeper.body({"uid": UID})) == 201

    before = await keeper.found()
    assert before is not None
    assert before["metadata"]["uid"] != UID
    assert await keeper.post(keeper.body(holderIdentity="another")) == 409
    assert await keeper.found() == before


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({"resourceVersion": RIGHT}, 200),
        ({"resourceVersion": RIGHT, "uid": RIGHT}, 200),
        ({"resourceVersion": RIGHT, "uid": UID}, 409),
        ({"resourceVersion": "5"}, 409),
        ({"resourceVersion": "5", "uid": RIGHT}, 409),
        ({}, 422),
        ({"uid": RIGHT}, 422),
        ({"resourceVersion": RIGHT, "name": "another"}, 400),
    ],
)
async def test_an_update_is_of_the_version_it_names(
    keeper: Keeper, metadata: Json, status: int
) -> None:
    """One that names none is refused, too."""
    await keeper.post(keeper.body())
    before = await keeper.found()
    assert before is not None
    own = before["metadata"]
    told = {key: own[key] if it == RIGHT else it for key, it in metadata.items()}

    assert await keeper.put(keeper.body(told, holderIdentity="you")) == status

    after = await keeper.found()
    assert after is not None
    if status != 200:
        assert after == before
        return
    assert after["spec"]["holderIdentity"] == "you"
    assert after["metadata"]["uid"] == own["uid"]
    assert after["metadata"]["resourceVersion"] != own["resourceVersion"]


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({}, 201),
        ({"resourceVersion": "5"}, 201),
        ({"uid": UID}, 409),
        ({"resourceVersion": "5", "uid": UID}, 409),
    ],
)
async def test_an_update_of_nothing_creates_it_unless_it_names_what_was(
    keeper: Keeper, metadata: Json, status: int
) -> None:
    """By UID: a version alone is taken for none."""
    assert await keeper.put(keeper.body(metadata)) == status
    assert (await keeper.found() is not None) == (status == 201)


async def test_what_is_asked_as_a_trial_is_answered_alike_and_not_kept(
    keeper: Keeper,
) -> None:
    """Whether it is there or not."""
    dry = "?dryRun=All"
    assert await keeper.post(keeper.body(), dry) == 201
    assert await keeper.put(keeper.body(), dry) == 201
    assert await keeper.put(keeper.body({"resourceVersion": "5"}), dry) == 201
    assert await keeper.found() is None
    await keeper.post(keeper.body())
    before = await keeper.found()
    assert before is not None
    version = {"resourceVersion": before["metadata"]["resourceVersion"]}

    assert await keeper.post(keeper.body(), dry) == 409
    assert await keeper.put(keeper.body(version, holderIdentity="you"), dry) == 200
    assert await keeper.put(keeper.body({"resourceVersion": "5"}), dry) == 409

    assert await keeper.found() == before


async def test_what_is_written_is_read_back(
    keeper: Keeper, leases: KubernetesLeases
) -> None:
    """Six decimals or none in the clock's reading: the API takes six alone."""
    assert await leases.read() is None
    await leases.create(MINE)

    found = await leases.read()

    assert found == replace(MINE, acquired_at=NOON.replace(microsecond=1))
    free = Lease("", 1, version=found.version)
    await leases.replace(free)
    assert await leases.read() == free
    kept = await keeper.found()
    assert kept is not None
    assert "holderIdentity" not in kept["spec"]


async def test_what_others_left_out_is_read_as_nothing(
    keeper: Keeper, leases: KubernetesLeases
) -> None:
    """All of it may be."""
    nothing = {"holderIdentity": None, "leaseDurationSeconds": None}
    await keeper.post(keeper.body(**nothing))

    assert await leases.read() == Lease("", 0)


async def test_what_others_wrote_on_it_stays(
    keeper: Keeper, leases: KubernetesLeases
) -> None:
    """Labels of a chart, say."""
    labels = {"team": "dr"}
    await keeper.post(keeper.body({"labels": labels}))
    found = await leases.read()
    assert found is not None

    await leases.replace(replace(found, holder="you"))

    kept = await keeper.found()
    assert kept is not None
    assert kept["spec"]["holderIdentity"] == "you"
    assert kept["metadata"]["labels"] == labels


async def test_a_rehearsal_changes_nothing(
    keeper: Keeper, leases: KubernetesLeases
) -> None:
    """The API only says whether it would have been allowed."""
    await leases.rehearse(MINE)
    assert await keeper.found() is None
    found = await created(leases)
    before = await keeper.found()

    await leases.rehearse(replace(found, holder="you"))

    assert await keeper.found() == before


async def test_a_rehearsal_bears_that_another_is_quicker(
    keeper: Keeper, leases: KubernetesLeases
) -> None:
    """As where both of a pair begin at once, and one creates it meanwhile."""
    assert await leases.read() is None
    await keeper.post(keeper.body(holderIdentity="another"))
    before = await keeper.found()

    await leases.rehearse(MINE)

    assert await keeper.found() == before


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("verb", ["create", "update"])
async def test_a_rehearsal_names_the_right_that_is_missing(
    keeper: Keeper, leases: KubernetesLeases, verb: str, *, is_there: bool
) -> None:
    """Who creates it has to renew it, and who follows may find it deleted."""
    if is_there:
        await leases.create(MINE)
    found = await leases.read()
    await keeper.forbid(verb)

    with pytest.raises(LeaseRefusedError, match=f"403 to {verb} of"):
        await leases.rehearse(found or MINE)


async def test_whoever_comes_second_is_told_so(
    keeper: Keeper, leases: KubernetesLeases
) -> None:
    """By existence and by version: what is replaced is not what was last read."""
    found = await created(leases)
    with pytest.raises(LeaseTakenError):
        await leases.create(MINE)
    await leases.replace(replace(found, transitions=4))
    after = await leases.read()

    with pytest.raises(LeaseTakenError):
        await leases.replace(found)

    assert await leases.read() == after


async def test_what_was_deleted_meanwhile_is_not_replaced(
    keeper: Keeper, leases: KubernetesLeases
) -> None:
    """Nor what was then created by another."""
    found = await created(leases)
    await keeper.delete()

    with pytest.raises(LeaseTakenError):
        await leases.replace(found)
    assert await keeper.found() is None

    await keeper.post(keeper.body(holderIdentity="another"))
    with pytest.raises(LeaseTakenError):
        await leases.replace(found)
    kept = await keeper.found()
    assert kept is not None
    assert kept["spec"]["holderIdentity"] == "another"


async def test_a_lease_that_was_deleted_is_created_anew(
    keeper: Keeper, leases: KubernetesLeases
) -> None:
    """By whoever knew the one before."""
    found = await created(leases)
    await keeper.delete()
    assert await leases.read() is None

    await leases.create(found)

    assert await leases.read() == found


async def test_a_namespace_that_is_none_is_told_of(
    cluster: Cluster | None, keeper: Keeper
) -> None:
    """Where the account may write there, which few may; reading finds nothing."""
    file = keeper.kubeconfig if cluster is None else cluster.admin
    async with kubernetes_leases("nowhere", "dr", file) as leases:
        assert await leases.read() is None
        for write in (leases.create, leases.rehearse):
            with pytest.raises(LeaseRefusedError, match="there is no such namespace"):
                await write(MINE)
