"""Leases over real HTTP: what is asked, what is made of each answer, and who leads."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from certificates import Authority
from eventually import eventually
from kubernetes_asyncio.config import incluster_config as incluster
from lease_api import TOKEN, LeaseApi, kubeconfig, lease_api

from exporter.app import election
from exporter.app.election import candidate
from exporter.app.kubernetes_lease import KubernetesLeases, kubernetes_leases
from exporter.app.leadership import Elector
from exporter.app.lease import Lease, LeaseError, LeaseRefusedError
from exporter.config import (
    ConfigurationError,
    HaSettings,
    Settings,
    ShardSettings,
    load,
)


@pytest.fixture
async def api() -> AsyncIterator[LeaseApi]:
    """Serve the API."""
    async with lease_api() as serving:
        yield serving


@pytest.fixture
async def leases(api: LeaseApi, tmp_path: Path) -> AsyncIterator[KubernetesLeases]:
    """Connect to it."""
    file = kubeconfig(tmp_path, api.url)
    async with kubernetes_leases("monitoring", "dr", file) as connected:
        yield connected


@pytest.mark.parametrize("status", [0, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_no_refusal(
    api: LeaseApi, leases: KubernetesLeases, status: int
) -> None:
    """It is tried again; nothing of what was sent is in the text."""
    # Twice: what is only read is asked for again where a connection was lost.
    api.statuses = [status, status] if status == 0 else [status]

    with pytest.raises(LeaseError) as caught:
        await leases.read()

    assert type(caught.value) is LeaseError
    assert TOKEN not in str(caught.value)
    assert await leases.read() is None


@pytest.mark.parametrize(
    "body",
    [
        *(b"<html>", b"[]", b"null", b"1", b"\xff"),
        *(b'{"spec": 3}', b'{"metadata": {}}', b'{"metadata": {"labels": 3}}'),
        b'{"metadata": {"name": "dr"}, "spec": {"leaseDurationSeconds": "x"}}',
        b'{"metadata": {"name": "dr"}, "spec": {"leaseTransitions": 1e400}}',
        b'{"metadata": {"name": "dr"}, "spec": {"renewTime": 3}}',
    ],
)
async def test_an_answer_that_is_no_lease_is_a_failure_and_no_crash(
    api: LeaseApi, leases: KubernetesLeases, body: bytes
) -> None:
    """A proxy's page, with status 200: to a renewal as well, which it may not be."""
    mine = Lease("me", 10)
    asked = (
        leases.read,
        lambda: leases.create(mine),
        lambda: leases.replace(mine),
        lambda: leases.rehearse(mine),
    )
    for ask in asked:
        api.garbage = [body]

        with pytest.raises(LeaseError) as caught:
            await ask()

        assert type(caught.value) is LeaseError


@pytest.mark.parametrize("status", [400, 401, 403, 405, 422])
async def test_what_does_not_pass_is_a_refusal(
    api: LeaseApi, leases: KubernetesLeases, status: int
) -> None:
    """The text names what was asked, and no token that an answer repeats."""
    api.statuses = [status]

    with pytest.raises(LeaseRefusedError) as caught:
        await leases.read()

    told = str(caught.value)
    assert f"{status} to get of the Lease dr in namespace monitoring" in told
    assert TOKEN not in told


async def test_an_api_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    """It may come back."""
    file = kubeconfig(tmp_path, "http://127.0.0.1:1")
    async with kubernetes_leases("monitoring", "dr", file) as leases:
        with pytest.raises(LeaseError, match="cannot be reached"):
            await leases.read()


def settings_of(file: Path, **ha: object) -> Settings:
    """Return settings with a lease that is renewed every fifth of a second."""
    named = {
        "ha.lease": "dr",
        "ha.namespace": "monitoring",
        "ha.lease_duration": "1s",
        "ha.kubeconfig_file": str(file),
    }
    flags = named | {f"ha.{name}": value for name, value in ha.items()}
    return load(flags=flags, environ={}, file=None).settings


@asynccontextmanager
async def standing(settings: Settings) -> AsyncIterator[tuple[Elector, list[str]]]:
    """Stand for election; yield what was told, too."""
    told: list[str] = []
    async with candidate(
        settings,
        on_change=lambda is_leader: told.append("leads" if is_leader else "rests"),
        on_follow=lambda: told.append("follows"),
    ) as elector:
        assert elector is not None
        running = asyncio.create_task(elector.run())
        working = asyncio.create_task(_lead(elector))
        try:
            yield elector, told
        finally:
            for task in (running, working):
                task.cancel()
            await asyncio.gather(running, working, return_exceptions=True)


async def _lead(elector: Elector) -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    while True:
        await elector.while_leading(work)


async def test_of_three_one_leads_and_hands_over_when_it_stops(
    api: LeaseApi, tmp_path: Path
) -> None:
    """Through conflicts, 5xx and lost connections, and never two at a time."""
    settings = settings_of(kubeconfig(tmp_path, api.url), lease_duration="10s")
    async with AsyncExitStack() as others:
        first = await others.enter_async_context(AsyncExitStack())
        a, _ = await first.enter_async_context(standing(settings))
        b, told = await others.enter_async_context(standing(settings))
        c, _ = await others.enter_async_context(standing(settings))
        assert len({one.identity for one in (a, b, c)}) == 3

        api.statuses = [500, 0, 500]

        async def is_followed() -> bool:
            return "follows" in told

        await eventually(is_followed)
        assert [one.is_leader() for one in (a, b, c)] == [True, False, False]
        await first.aclose()

        async def is_handed_over() -> bool:
            leading = [one.is_leader() for one in (b, c)]
            assert leading.count(True) <= 1
            return any(leading)

        # Sooner than it could run out.
        await eventually(is_handed_over, within=8)
        assert api.holder("dr") in {b.identity, c.identity}
        assert api.leases["monitoring", "dr"]["spec"]["leaseTransitions"] == 1
    assert api.holder("dr") == ""


async def test_a_leader_that_hears_nothing_rests_though_its_writes_arrive(
    api: LeaseApi, tmp_path: Path
) -> None:
    """And leads again once it hears."""
    settings = settings_of(kubeconfig(tmp_path, api.url))
    async with standing(settings) as (elector, told):
        api.deaf = {"update"}

        async def rests() -> bool:
            return "rests" in told

        await eventually(rests)
        assert not elector.is_leader()
        assert api.holder("dr") == elector.identity
        api.deaf = set()

        async def leads_again() -> bool:
            return elector.is_leader()

        await eventually(leads_again)


async def test_a_right_that_is_taken_away_later_is_waited_for(
    api: LeaseApi, tmp_path: Path
) -> None:
    """Ending would not bring it back, and the other may still have it."""
    settings = settings_of(kubeconfig(tmp_path, api.url))
    async with standing(settings) as (elector, told):
        api.forbidden = {"get", "update"}

        async def rests() -> bool:
            return "rests" in told

        await eventually(rests)
        api.forbidden = set()

        async def leads_again() -> bool:
            return elector.is_leader()

        await eventually(leads_again)


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("verb", ["get", "create", "update"])
async def test_a_right_that_is_missing_at_the_start_ends_it(
    api: LeaseApi, tmp_path: Path, verb: str, *, is_there: bool
) -> None:
    """The line says which, and what to grant."""
    settings = settings_of(kubeconfig(tmp_path, api.url), lease_duration="10s")
    if is_there:
        async with candidate(settings, on_change=_ignore, on_follow=_nothing):
            pass
    api.forbidden = {verb}

    with pytest.raises(ConfigurationError) as caught:
        async with candidate(settings, on_change=_ignore, on_follow=_nothing):
            raise AssertionError("it stands")

    (line,) = caught.value.faults
    assert line.startswith(
        f"ha.lease: the Kubernetes API answered 403 to {verb} of the Lease dr"
    )
    assert "allow this pod's service account to get, create and update" in line


async def test_each_shard_has_a_lease_of_its_own(api: LeaseApi, tmp_path: Path) -> None:
    """On one for all, all but one shard would wait for ever."""
    settings = settings_of(kubeconfig(tmp_path, api.url), lease_duration="10s")
    shards = [
        settings.model_copy(update={"shard": ShardSettings(index=index, total=2)})
        for index in range(2)
    ]
    async with standing(shards[0]) as (a, _), standing(shards[1]) as (b, _):
        assert a.is_leader()
        assert b.is_leader()
        assert sorted(api.leases) == [("monitoring", "dr-0"), ("monitoring", "dr-1")]


async def test_without_a_lease_nobody_stands_and_nothing_is_imported() -> None:
    """The package is an extra."""
    settings = Settings()

    async with candidate(settings, on_change=_ignore, on_follow=_nothing) as nobody:
        assert nobody is None


@pytest.fixture
def _no_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be no pod, wherever this runs."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(election, "POD_NAMESPACE", Path("/nonexistent/namespace"))


@pytest.mark.usefixtures("_no_pod")
@pytest.mark.parametrize(
    ("ha", "fault"),
    [
        ({}, "ha.namespace: required: no pod is here, or no token in it"),
        (
            {"namespace": "x"},
            "ha.lease: cannot reach the Kubernetes API as a pod does: Service host",
        ),
        (
            {"namespace": "x", "kubeconfig_file": Path("/nonexistent/kubeconfig")},
            "ha.lease: cannot reach the Kubernetes API by /nonexistent/kubeconfig: ",
        ),
        (
            {"namespace": "x", "kubeconfig_file": Path("/etc/hostname")},
            "ha.lease: cannot reach the Kubernetes API by /etc/hostname: ",
        ),
    ],
)
async def test_outside_of_a_cluster_a_line_says_what_is_missing(
    ha: dict[str, object], fault: str
) -> None:
    """Which setting, and what was looked for."""
    settings = Settings(ha=HaSettings.model_validate({"lease": "dr"} | ha))

    with pytest.raises(ConfigurationError) as caught:
        async with candidate(settings, on_change=_ignore, on_follow=_nothing):
            raise AssertionError("it stands")

    (line,) = caught.value.faults
    assert line.startswith(fault)
    assert "\n" not in line


async def test_a_pod_finds_its_cluster_by_itself_and_rereads_its_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address from the environment, authority, token and namespace from its files.

    The token at once, and by no clock: one that is stepped back kept it beyond its end.
    """
    authority = Authority()
    authority.issue("kubernetes").write(tmp_path, "server")
    (tmp_path / "ca.crt").write_text(authority.cert)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    token = tmp_path / "token"
    token.write_text(TOKEN)
    (tmp_path / "namespace").write_text("monitoring\n")
    monkeypatch.setattr(election, "POD_NAMESPACE", tmp_path / "namespace")
    monkeypatch.setattr(incluster, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    async with lease_api(tls) as api:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", api.url.rpartition(":")[2])
        settings = Settings(ha=HaSettings(lease="dr"))
        async with standing(settings) as (elector, _):
            assert elector.is_leader()
            assert api.holder("dr") == elector.identity
            for text in ("", "another"):
                token.write_text(text)
                with pytest.raises(LeaseError):
                    await elector._leases.read()
            token.unlink()
            with pytest.raises(LeaseError):
                await elector._leases.read()
            token.write_text(TOKEN)
            assert await elector._leases.read() is not None


def _ignore(_is_leader: bool) -> None:  # noqa: FBT001 - a callback
    pass


def _nothing() -> None:
    pass
