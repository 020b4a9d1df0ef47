"""The Helm chart: keys and roles, shards, pairs, the simulated cloud, TLS."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from manifests import (
    EXAMPLES,
    FULL_NAME,
    Manifest,
    container,
    mentions,
    of_kind,
    only,
    pods,
    rights,
    templated,
    variables,
    workloads,
)
from pod_settings import SECRET, told

from exporter.app.leader import lease_name
from exporter.config import Settings

pytestmark = [pytest.mark.go]


def selectors(manifests: tuple[Manifest, ...]) -> list[dict[str, str]]:
    """Return the labels by which workloads find their pods."""
    return [each["spec"]["selector"]["matchLabels"] for each in workloads(manifests)]


def test_no_secret_is_in_it_unless_one_is_given() -> None:
    """A Secret by name stays where it is."""
    for case in set(EXAMPLES) - {"inline-secret"}:
        assert of_kind("Secret", templated(case)) == []
    made = templated("inline-secret")
    assert mentions(r"\bexample\b", made) == ["Secret"]
    assert only("Secret", made)["stringData"] == {
        "access-key-id": "LTAI-example",
        "access-key-secret": "example",
    }


@pytest.mark.parametrize("case", ["existing-secret", "inline-secret", "ha-sharded"])
def test_the_access_key_reaches_the_exporter(case: str, tmp_path: Path) -> None:
    """Its id by a variable, its secret and token by files."""
    for workload in workloads(templated(case)):
        api = told(workload, templated(case), tmp_path).settings.api

        assert api.access_key_id == SECRET
        assert api.access_key_secret_file is not None
        assert api.access_key_secret_file.read_text() == SECRET
        assert (api.security_token_file is not None) == (case == "existing-secret")


def test_the_keys_of_the_secret_are_those_that_were_named() -> None:
    """A Secret that exists already may call them what it likes."""
    (workload,) = workloads(templated("existing-secret"))

    reference = variables(workload)["ROCKETMQ_DR_API__ACCESS_KEY_ID"]["secretKeyRef"]
    volumes = workload["spec"]["template"]["spec"]["volumes"]
    (secret,) = (each["secret"] for each in volumes if "secret" in each)

    assert reference == {"name": "my-key", "key": "id"}
    assert secret["secretName"] == "my-key"
    # Readable for the group that the pod's files have.
    assert secret["defaultMode"] == 0o440
    assert [item["key"] for item in secret["items"]] == ["secret", "token"]


def test_a_pod_keeps_the_key_it_began_with() -> None:
    """As its id does, which is a variable: a new secret would not fit an old id."""
    found = container(next(pods(workloads(templated("existing-secret")))))

    mounted = [each for each in found["volumeMounts"] if each["name"] == "credentials"]
    assert [each["subPath"] for each in mounted] == [
        *("access-key-secret", "security-token")
    ]
    assert all(each["mountPath"].endswith(each["subPath"]) for each in mounted)


def test_a_role_is_an_annotation_beside_the_others() -> None:
    """What ack-pod-identity-webhook looks for; and there is no key."""
    made = templated("rrsa")

    assert only("ServiceAccount", made)["metadata"]["annotations"] == {
        "example.com/owner": "sre",
        "pod-identity.alibabacloud.com/role-name": "rocketmq-dr-exporter",
    }
    assert mentions("access-key", made) == []
    other = "serviceAccount.annotations.pod-identity\\.alibabacloud\\.com/role-name=b"
    again = templated("rrsa", "--set", other)
    assert only("ServiceAccount", again) == only("ServiceAccount", made)


def test_the_simulated_cloud_needs_nothing() -> None:
    """No configuration, no variable, no file."""
    made = templated("simulated")
    (pod,) = pods(workloads(made))

    assert of_kind("ConfigMap", made) == []
    assert container(pod)["args"] == [
        *("demo", "--scenario=stalled", "--plans=5", "--log.level=debug")
    ]
    assert "env" not in container(pod)
    assert "volumes" not in pod


def test_shards_take_their_index_from_their_ordinal(tmp_path: Path) -> None:
    """Each of four polls its own share."""
    made = templated("sharded")
    workload = only("StatefulSet", made)

    assert workload["spec"]["replicas"] == 4
    assert workload["spec"]["podManagementPolicy"] == "Parallel"
    assert workload["spec"]["serviceName"] == only("Service", made)["metadata"]["name"]
    for index in range(4):
        shard = told(workload, made, tmp_path, pod_index=index).settings.shard
        assert (shard.index, shard.total) == (index, 4)


def test_two_are_shards_already(tmp_path: Path) -> None:
    """The least number that is shared."""
    made = templated("sharded", "--set", "shards=2")

    shard = told(only("StatefulSet", made), made, tmp_path, pod_index=1).settings.shard
    assert (shard.index, shard.total) == (1, 2)


def test_a_pair_shares_a_lease_that_it_may_use(tmp_path: Path) -> None:
    """Its name, its duration, a token, and a role."""
    made = templated("ha")
    workload = only("Deployment", made)
    pod = workload["spec"]["template"]["spec"]

    assert workload["spec"]["replicas"] == 2
    assert workload["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert pod["automountServiceAccountToken"] is True
    settings = told(workload, made, tmp_path).settings
    assert settings.ha.lease == FULL_NAME
    assert settings.ha.lease_duration.total_seconds() == 15
    longer = templated("ha", "--set", "ha.leaseDuration=1m30s")
    settings = told(only("Deployment", longer), longer, tmp_path).settings
    assert settings.ha.lease_duration.total_seconds() == 90
    assert rights(made) == {"create": None, "get": [FULL_NAME], "update": [FULL_NAME]}
    binding = only("RoleBinding", made)
    assert binding["roleRef"]["name"] == only("Role", made)["metadata"]["name"]
    account = {"kind": "ServiceAccount", "name": FULL_NAME, "namespace": "tools"}
    assert binding["subjects"] == [account]
    assert pod["serviceAccountName"] == FULL_NAME


def test_pairs_of_shards_are_two_sets_of_one_lease_name(tmp_path: Path) -> None:
    """An ordinal is one pod's, so the second replicas are a set of their own."""
    made = templated("ha-sharded")
    sets = of_kind("StatefulSet", made)

    assert [each["metadata"]["name"] for each in sets] == [
        f"{FULL_NAME}-a",
        f"{FULL_NAME}-b",
    ]
    leases = [f"{FULL_NAME}-{shard}" for shard in range(3)]
    assert rights(made) == {"create": None, "get": leases, "update": leases}
    assert [each["rocketmq-dr/replica"] for each in selectors(made)] == ["a", "b"]
    for each in sets:
        labels = each["spec"]["template"]["metadata"]["labels"]
        settings = told(each, made, tmp_path, pod_index=2).settings
        assert lease_name(settings) == leases[2]
        assert (settings.shard.index, settings.shard.total) == (2, 3)
        assert settings.ha.lease == FULL_NAME
        assert labels["team"] == "sre"


def test_the_two_of_each_shard_keep_to_different_nodes() -> None:
    """Spread with all others, a pair could meet on one node, and end with it."""
    for each in of_kind("StatefulSet", templated("ha-sharded")):
        labels = each["spec"]["template"]["metadata"]["labels"]
        (spread,) = each["spec"]["template"]["spec"]["topologySpreadConstraints"]
        selected = spread["labelSelector"]["matchLabels"]

        assert spread["topologyKey"] == "kubernetes.io/hostname"
        # Where there is one node, or one is away, the second still has its place.
        assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
        # Which Kubernetes gives to the pods of a StatefulSet, beside the two sets'.
        assert spread["matchLabelKeys"] == ["apps.kubernetes.io/pod-index"]
        assert selected.items() <= labels.items()
        assert "rocketmq-dr/replica" not in selected
    (pair,) = pods(workloads(templated("ha")))
    assert "matchLabelKeys" not in pair["topologySpreadConstraints"][0]
    (single,) = pods(workloads(templated("sharded")))
    assert "topologySpreadConstraints" not in single


def test_there_are_as_many_of_each_as_are_asked_for() -> None:
    """A third stands by as well."""
    three = ("--set", "ha.replicas=3")

    assert only("Deployment", templated("ha", *three))["spec"]["replicas"] == 3
    assert [
        each["rocketmq-dr/replica"]
        for each in selectors(templated("ha-sharded", *three))
    ] == ["a", "b", "c"]


def test_two_pairs_have_two_leases() -> None:
    """The least number of shards that have each their own."""
    leases = [f"{FULL_NAME}-0", f"{FULL_NAME}-1"]
    made = templated("ha-sharded", "--set", "shards=2")

    assert rights(made) == {"create": None, "get": leases, "update": leases}


@pytest.mark.parametrize("case", ["default", "sharded", "ha", "ha-sharded"])
def test_no_replicas_is_a_pause(case: str) -> None:
    """A count of 0 stops all of them."""
    found = workloads(templated(case, "--set", "replicaCount=0"))

    assert {each["spec"]["replicas"] for each in found} == {0}


def test_tls_and_passwords_change_how_it_is_asked(tmp_path: Path) -> None:
    """Probes connect and ask nothing; Prometheus uses https and the path."""
    made = templated("web")
    workload = only("Deployment", made)
    found = container(workload["spec"]["template"]["spec"])
    (endpoint,) = only("ServiceMonitor", made)["spec"]["endpoints"]

    assert found["livenessProbe"]["tcpSocket"] == {"port": "http"}
    assert found["readinessProbe"]["tcpSocket"] == {"port": "http"}
    assert not [name for name in found if "httpGet" in found[name]]
    (volume,) = (
        each
        for each in workload["spec"]["template"]["spec"]["volumes"]
        if each["name"] == "web"
    )
    (mounted,) = (each for each in found["volumeMounts"] if each["name"] == "web")
    assert mounted["readOnly"] is True
    # A key for TLS, readable for the group that the pod's files have.
    assert volume["secret"] == {"secretName": "my-web-config", "defaultMode": 0o440}
    web = told(workload, made, tmp_path).settings.web
    assert web.config_file == tmp_path / "etc/rocketmq-dr-exporter-web/web-config.yml"
    assert endpoint["scheme"] == "https"
    assert endpoint["path"] == web.telemetry_path == "/dr-metrics"
    assert set(endpoint) >= {"tlsConfig", "basicAuth"}


def test_tls_by_a_flag_changes_the_probes_too() -> None:
    """Plain HTTP would be answered by nobody, and the pod be ended over and over."""
    https = ("--set", "web.scheme=https", "--set", "livenessProbe.periodSeconds=60")
    found = container(next(pods(workloads(templated("default", *https)))))

    assert "tcpSocket" in found["livenessProbe"]
    assert found["livenessProbe"]["periodSeconds"] == 60
    assert "tcpSocket" in found["readinessProbe"]


def test_passwords_without_tls_change_the_probes_too() -> None:
    """They would be answered with 401."""
    found = container(
        next(pods(workloads(templated("default", "--set", "web.existingSecret=mine"))))
    )

    assert "tcpSocket" in found["livenessProbe"]
    assert "tcpSocket" in found["readinessProbe"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "asked", ["grpc.port=1", "tcpSocket.port=1", "httpGet.port=1", "exec.command={a}"]
)
def test_a_probe_of_one_s_own_stays_as_it_is(asked: str, scheme: str) -> None:
    """What it asks is not asked in two ways, which Kubernetes refuses."""
    given = f"livenessProbe.{asked},web.scheme={scheme}"
    found = container(next(pods(workloads(templated("default", "--set", given)))))

    assert set(found["livenessProbe"]) == {
        *(asked.partition(".")[0], "initialDelaySeconds", "timeoutSeconds")
    }
    if asked.startswith("httpGet"):
        assert found["livenessProbe"]["httpGet"] == {"port": 1}


def test_big_whole_numbers_stay_as_they_are(tmp_path: Path) -> None:
    """Helm has them as fractions, and would write 1e+06."""
    config = {
        "metrics": {"max_checkpoints": 2_000_000},
        "plans": [{"id": 2**53 - 1, "items": [1300000016]}],
    }
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"config": config}))
    made = templated("default", "--values", str(values))

    settings = told(only("Deployment", made), made, tmp_path).settings

    assert settings.metrics.max_checkpoints == 2_000_000
    (plan,) = settings.plans
    assert (plan.id, plan.items) == (str(2**53 - 1), ("1300000016",))
    values.write_text("simulator: {plans: 1000000}\nterminationGracePeriodSeconds: 1e6")
    (pod,) = pods(workloads(templated("simulated", f"--values={values}")))
    assert "--plans=1000000" in container(pod)["args"]
    assert pod["terminationGracePeriodSeconds"] == 1_000_000


def test_settings_without_a_value_are_the_exporter_s_defaults(tmp_path: Path) -> None:
    """Neither `web:` nor `telemetry_path:` without more changes where metrics are."""
    for given in ("web", "web.telemetry_path", "plans", "poll", "api.region"):
        made = templated(
            "observed", "--set", f"simulator.enabled=false,config.{given}=null"
        )
        workload = only("Deployment", made)
        (endpoint,) = only("ServiceMonitor", made)["spec"]["endpoints"]

        assert told(workload, made, tmp_path).settings == Settings()
        assert endpoint["path"] == "/metrics"
