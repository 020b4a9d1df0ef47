"""Leader election against an HTTP server: connections, faults, and whole exporters."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import replicas
from certificates import Authority
from eventually import eventually
from kubernetes_asyncio.config import incluster_config
from lease_api import TOKEN, LeaseApi, kubeconfig, lease_api
from programs import run_exporter
from replicas import LAG, simulated_cloud

from exporter.app import leader
from exporter.app.leader import Elector, election
from exporter.config.load import ConfigurationError
from exporter.config.settings import HaSettings, Settings, ShardSettings


@pytest.fixture
async def api() -> AsyncIterator[LeaseApi]:
    """Serve the API."""
    async with lease_api() as serving:
        yield serving


def settings_of(file: Path | None, shard: ShardSettings | None = None) -> Settings:
    """Return settings with a Lease `dr`."""
    ha = {"lease": "dr", "namespace": "monitoring", "kubeconfig_file": file}
    return Settings(ha=HaSettings.model_validate(ha), shard=shard or ShardSettings())


def standing(settings: Settings) -> AbstractAsyncContextManager[Elector | None]:
    """Be a candidate, and ignore who leads."""
    return election(settings, on_change=lambda _: None, on_follow=lambda: None)


async def faults_of(settings: Settings) -> tuple[str, ...]:
    """Return why a candidate is refused."""
    with pytest.raises(ConfigurationError) as caught:
        async with standing(settings):
            raise AssertionError("it is a candidate")
    return caught.value.faults


async def test_each_shard_has_a_lease_of_its_own(api: LeaseApi, tmp_path: Path) -> None:
    """With one Lease for all, the other shards would wait. No name: no Lease."""
    file = kubeconfig(tmp_path, api.url)
    shards = [settings_of(file, ShardSettings(index=i, total=2)) for i in range(2)]
    async with standing(shards[0]), standing(shards[1]):
        assert sorted(api.leases) == ["dr-0", "dr-1"]
    async with standing(Settings()) as nobody:
        assert nobody is None


async def test_a_pod_finds_its_cluster_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address from the environment; authority, token and namespace from its files."""
    authority = Authority()
    authority.issue("kubernetes").write(tmp_path, "server")
    (tmp_path / "ca.crt").write_text(authority.cert)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    token, namespace = tmp_path / "token", tmp_path / "namespace"
    token.write_text(TOKEN)
    namespace.write_text("monitoring\n")
    monkeypatch.setattr(leader, "POD_NAMESPACE", namespace)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(
        incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt")
    )
    async with lease_api(tls) as api:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", api.url.rpartition(":")[2])
        async with standing(Settings(ha=HaSettings(lease="dr"))) as elector:
            assert elector is not None
            assert elector.is_leader()


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (
            Settings(ha=HaSettings(lease="dr")),
            "ha.namespace: required: no pod is here, or no token in it",
        ),
        (
            settings_of(None),
            "ha.lease: cannot reach the Kubernetes API as a pod does: Service host",
        ),
        (
            settings_of(Path("/etc/hostname")),
            "ha.lease: cannot reach the Kubernetes API by /etc/hostname: ",
        ),
    ],
)
async def test_without_a_cluster_a_line_says_what_is_missing(
    settings: Settings, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which setting, and what was looked for."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(leader, "POD_NAMESPACE", Path("/nonexistent/namespace"))

    (line,) = await faults_of(settings)

    assert line.startswith(fault)
    assert "\n" not in line


async def test_a_wrong_token_is_a_fault_that_does_not_repeat_it(
    api: LeaseApi, tmp_path: Path
) -> None:
    """As one that has expired."""
    settings = settings_of(kubeconfig(tmp_path, api.url, "canary-wrong-token"))

    (line,) = await faults_of(settings)

    assert "the Kubernetes API answered 401 to get of the Lease dr" in line
    assert "canary" not in line


async def test_without_a_right_on_the_lease_the_first_line_says_so(
    api: LeaseApi, tmp_path: Path
) -> None:
    """And the exit is 2: Kubernetes restarts it until somebody has read the line."""
    api.forbidden = {"create"}
    file = kubeconfig(tmp_path, api.url)
    env = replicas.environment(tmp_path, "http://127.0.0.1:1", file)

    result = await run_exporter("--web.listen-address=127.0.0.1:0", env=env)

    (line,) = result.err.splitlines()
    assert result.status == 2
    assert line.startswith("ha.lease: the Kubernetes API answered 403 to create of")
    assert "allow this pod's service account to get, create and update" in line


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_the_standby_polls_after_the_leader_has_died_or_stopped(
    api: LeaseApi, tmp_path: Path, number: signal.Signals
) -> None:
    """It asks for nothing and shows nothing before."""
    async with simulated_cloud() as cloud:
        file = kubeconfig(tmp_path, api.url)
        env = replicas.environment(tmp_path, cloud, file)
        async with replicas.pair(env) as (first, second):
            assert await second.samples(LAG) == []
            assert await second.samples("rocketmq_dr_up") == []
            async with second.client.get("/") as response:
                assert "Standing by" in await response.text()
            holder = api.holder()
            first.process.send_signal(number)
            status = await first.process.wait()
            if number == signal.SIGTERM:
                assert (status, api.holder() != holder) == (0, True)

            await eventually(second.is_polling, within=120)

            assert api.holder() not in {"", holder}


async def test_a_leader_that_loses_the_lease_shows_nothing_and_serves_on(
    api: LeaseApi, tmp_path: Path
) -> None:
    """Its series end, so that no two replicas show the same; later it polls again."""
    async with simulated_cloud() as cloud:
        env = replicas.environment(tmp_path, cloud, kubeconfig(tmp_path, api.url))
        async with replicas.replica(env) as only:
            await eventually(only.is_polling, within=120)
            api.leases["dr"]["spec"]["holderIdentity"] = "somebody-else"

            await eventually(only.is_standing_by, within=120)

            for family in (LAG, "rocketmq_dr_up", "rocketmq_dr_plan_info"):
                assert await only.samples(family) == []
            await eventually(only.is_polling, within=120)
            only.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(only.process.wait(), 120) == 0
            assert api.holder() == ""
