"""The Helm chart's values: what each does, and how it is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from manifests import (
    CHART,
    EXAMPLES,
    FULL_NAME,
    VERSIONS,
    Manifest,
    container,
    documents,
    faults,
    helm,
    of_kind,
    only,
    pods,
    rights,
    templated,
    variables,
    workloads,
)
from pod_settings import told

from exporter.config.settings import Settings

pytestmark = [pytest.mark.go]


def pod_of(case: str, *given: str) -> Manifest:
    """Return the first exporter's pod of an example with further values."""
    sets = [f"--set={each}" for each in given]
    return next(pods(workloads(templated(case, *sets))))


def pod_annotations(case: str, *given: str) -> dict[str, str]:
    """Return the annotations of the pod of an example with further values."""
    (workload,) = workloads(templated(case, *(f"--set={each}" for each in given)))
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["annotations"]
    return found


@pytest.mark.parametrize("case", EXAMPLES)
def test_helm_lint_finds_nothing(case: str) -> None:
    """`--strict` fails for warnings too; each example passes the schema."""
    values = CHART / "ci" / f"{case}-values.yaml"

    result = helm("lint", "--strict", str(CHART), f"--values={values}")

    assert result.returncode == 0, result.stdout + result.stderr


def test_by_default_it_is_one_with_everything_else_off() -> None:
    """Nothing that not every cluster has, and no resources that nobody measured."""
    made = templated("default")

    assert sorted(each["kind"] for each in made) == [
        *("ConfigMap", "Deployment", "Pod", "Service", "ServiceAccount")
    ]
    assert "resources" not in container(pod_of("default"))


def test_everything_that_can_be_given_arrives() -> None:
    """Each value of the full example is found in what it makes."""
    made = templated("full")
    (pod,) = pods(workloads(made))
    found = container(pod)

    digest = "sha256:" + "0123456789abcdef" * 4
    assert found["image"] == f"registry.example.com/tools/rocketmq-dr-exporter@{digest}"
    assert found["args"] == ["serve", "--log.level=debug"]
    assert found["envFrom"] == [{"configMapRef": {"name": "my-environment"}}]
    assert found["resources"]["limits"] == {"memory": "512Mi"}
    assert {"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"} in (
        found["env"]
    )
    assert found["imagePullPolicy"] == "Always"
    assert found["livenessProbe"]["periodSeconds"] == 20
    assert {each["name"] for each in found["volumeMounts"]} >= {"ca", "config"}
    assert pod["serviceAccountName"] == "dr"
    for key in ("imagePullSecrets", "nodeSelector", "tolerations", "affinity"):
        assert pod[key]
    assert pod["topologySpreadConstraints"][0]["maxSkew"] == 1
    assert pod["priorityClassName"] == "high"
    assert pod["terminationGracePeriodSeconds"] == 15
    assert "dr-exporter-extra" in {each["metadata"]["name"] for each in made}
    policy = only("NetworkPolicy", made)["spec"]
    assert len(policy["ingress"]) == len(policy["egress"]) - 1 == 2
    assert only("Pod", made)["spec"]["containers"][0]["image"].endswith("python:3.11")
    service = only("Service", made)
    assert (service["spec"]["type"], service["spec"]["ports"][0]["port"]) == (
        *("NodePort", 9999),
    )
    assert service["metadata"]["annotations"] == {"example.com/note": "hello"}
    monitor = only("ServiceMonitor", made)
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["tools"]}
    assert monitor["metadata"]["namespace"] == "monitoring"
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert set(endpoint) >= {"relabelings", "metricRelabelings"}


def test_rules_can_be_left_out_labelled_and_added() -> None:
    """Without an alert, with a label on each, beside a group of one's own."""
    ours = only("PrometheusRule", templated("observed"))["spec"]["groups"]
    *made, mine = only("PrometheusRule", templated("full"))["spec"]["groups"]
    wanted = [
        {**rule, "labels": {**rule["labels"], "team": "sre"}}
        if "alert" in rule
        else rule
        for group in ours
        for rule in group["rules"]
        if rule.get("alert") != "RocketMQDRClockSkew"
    ]

    assert mine["name"] == "mine"
    assert [rule for group in made for rule in group["rules"]] == wanted
    group = next(x for x in ours if all("alert" in rule for rule in x["rules"]))
    alerts = ",".join(rule["alert"] for rule in group["rules"])
    given = f"--set=prometheusRule.disabled={{{alerts}}}"
    left = only("PrometheusRule", templated("observed", given))["spec"]["groups"]
    assert left == [each for each in ours if each != group]


def test_the_keys_of_the_secret_are_those_that_were_named() -> None:
    """A pod keeps the key it began with: its id is a variable, which cannot follow."""
    (workload,) = workloads(templated("existing-secret"))
    pod = workload["spec"]["template"]["spec"]
    (secret,) = (each["secret"] for each in pod["volumes"] if "secret" in each)
    mounted = [
        each for each in container(pod)["volumeMounts"] if each["name"] == "credentials"
    ]

    reference = variables(workload)["ROCKETMQ_DR_API__ACCESS_KEY_ID"]["secretKeyRef"]
    assert reference == {"name": "my-key", "key": "id"}
    assert secret["secretName"] == "my-key"
    assert [item["key"] for item in secret["items"]] == ["secret", "token"]
    assert [x["subPath"] for x in mounted] == ["access-key-secret", "security-token"]


def test_a_role_is_an_annotation_beside_the_others() -> None:
    """What ack-pod-identity-webhook looks for; and there is no key."""
    account = only("ServiceAccount", templated("rrsa"))

    assert account["metadata"]["annotations"] == {
        "example.com/owner": "sre",
        "pod-identity.alibabacloud.com/role-name": "rocketmq-dr-exporter",
    }
    (workload,) = workloads(templated("rrsa"))
    assert "ROCKETMQ_DR_API__ACCESS_KEY_ID" not in variables(workload)


def test_there_are_as_many_of_each_as_are_asked_for(tmp_path: Path) -> None:
    """Shards, those who stand by, the lease's duration; and no replicas is a pause."""
    two = templated("sharded", "--set=shards=2")
    shard = told(only("StatefulSet", two), two, tmp_path, pod_index=1).shard
    assert (shard.index, shard.total) == (1, 2)
    leases = [f"{FULL_NAME}-0", f"{FULL_NAME}-1"]
    pairs = templated("ha-sharded", "--set=shards=2")
    assert rights(pairs) == {"create": None, "get": leases, "update": leases}
    three = "--set=ha.replicas=3"
    assert only("Deployment", templated("ha", three))["spec"]["replicas"] == 3
    assert len(workloads(templated("ha-sharded", three))) == 3
    longer = templated("ha", "--set=ha.leaseDuration=1m30s")
    settings = told(only("Deployment", longer), longer, tmp_path)
    assert settings.ha.lease_duration.total_seconds() == 90
    for case in ("default", "sharded", "ha", "ha-sharded"):
        found = workloads(templated(case, "--set=replicaCount=0"))
        assert {each["spec"]["replicas"] for each in found} == {0}


def test_tls_and_passwords_change_how_it_is_asked(tmp_path: Path) -> None:
    """Prometheus uses https and the path; probes only connect, in each case."""
    made = templated("web")
    workload = only("Deployment", made)
    (endpoint,) = only("ServiceMonitor", made)["spec"]["endpoints"]

    web = told(workload, made, tmp_path).web
    assert web.config_file == tmp_path / "etc/rocketmq-dr-exporter-web/web-config.yml"
    assert endpoint["scheme"] == "https"
    assert endpoint["path"] == web.telemetry_path == "/dr-metrics"
    assert set(endpoint) >= {"tlsConfig", "basicAuth"}
    for given in ("web.scheme=https", "web.existingSecret=mine"):
        found = container(pod_of("default", given, "livenessProbe.periodSeconds=60"))
        assert "tcpSocket" in found["livenessProbe"]
        assert found["livenessProbe"]["periodSeconds"] == 60
        assert "tcpSocket" in found["readinessProbe"]
    for asked in ("grpc.port=1", "httpGet.port=1", "exec.command={a}"):
        given = f"livenessProbe.{asked},web.scheme=https"
        probe = container(pod_of("default", given))["livenessProbe"]
        # What a probe of one's own asks is not asked in two ways.
        assert set(probe) == {
            *(asked.partition(".")[0], "initialDelaySeconds", "timeoutSeconds")
        }


def test_big_whole_numbers_stay_as_they_are(tmp_path: Path) -> None:
    """Helm has them as fractions, and would write 1e+06."""
    config = {
        "metrics": {"max_checkpoints": 2_000_000},
        "plans": [{"id": 2**53 - 1, "items": [1300000016]}],
    }
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({"config": config}))
    made = templated("default", f"--values={file}")

    settings = told(only("Deployment", made), made, tmp_path)

    assert settings.metrics.max_checkpoints == 2_000_000
    (plan,) = settings.plans
    assert (plan.id, plan.items) == (str(2**53 - 1), ("1300000016",))
    file.write_text("simulator: {plans: 1000000}\nterminationGracePeriodSeconds: 1e6")
    (pod,) = pods(workloads(templated("simulated", f"--values={file}")))
    assert "--plans=1000000" in container(pod)["args"]
    assert pod["terminationGracePeriodSeconds"] == 1_000_000


def test_settings_without_a_value_are_the_exporter_s_defaults(tmp_path: Path) -> None:
    """Neither `web:` nor `telemetry_path:` without more changes where metrics are."""
    for given in ("web", "web.telemetry_path", "plans", "api.region"):
        more = f"--set=simulator.enabled=false,config.{given}=null"
        made = templated("observed", more)
        (endpoint,) = only("ServiceMonitor", made)["spec"]["endpoints"]

        settings = told(only("Deployment", made), made, tmp_path)
        assert settings == Settings()
        assert endpoint["path"] == "/metrics"


def test_a_change_of_configuration_or_key_triggers_a_rollout() -> None:
    """And nothing else does; what the chart does not make has no part in it."""
    before = pod_annotations("default")
    assert before == pod_annotations("default", "service.port=1")
    assert before != pod_annotations("default", "config.poll.interval=30s")
    before = pod_annotations("inline-secret")
    for name in ("accessKeyId", "accessKeySecret"):
        assert before != pod_annotations("inline-secret", f"credentials.{name}=another")
    assert "checksum/credentials" not in pod_annotations("existing-secret")
    assert "checksum/config" not in pod_annotations("default", "existingConfigMap=mine")
    assert "checksum/config" not in pod_annotations("simulated")
    name = "kubectl\\.kubernetes\\.io/default-container"
    given = pod_annotations("default", f"podAnnotations.{name}=proxy")
    assert given["kubectl.kubernetes.io/default-container"] == "proxy"


def test_what_the_user_brings_takes_the_place_of_the_chart_s() -> None:
    """Image, ConfigMap, service account, role, further manifests."""
    given = ("image.registry=a.example/b", "image.repository=c", "image.tag=d")
    assert container(pod_of("default", *given))["image"] == "a.example/b/c:d"
    assert of_kind("ConfigMap", templated("default", "--set=existingConfigMap=m")) == []
    (volume,) = pod_of("default", "existingConfigMap=m")["volumes"]
    assert volume["configMap"] == {"name": "m"}
    without = "serviceAccount.create=false"
    assert of_kind("ServiceAccount", templated("default", f"--set={without}")) == []
    assert pod_of("default", without)["serviceAccountName"] == "default"
    named = pod_of("default", without, "serviceAccount.name=mine")
    assert named["serviceAccountName"] == "mine"
    made = templated("ha", "--set=rbac.create=false")
    assert of_kind("Role", made) == of_kind("RoleBinding", made) == []
    text = "{{ if .Release.IsInstall }}{kind: A, metadata: {name: a}}{{ end }}"
    more = f"extraManifests={json.dumps([text, {'kind': 'B'}])}"
    made = templated("default", "--set-json", more)
    assert only("A", made)["metadata"] == {"name": "a"}
    assert only("B", made) == {"kind": "B"}


def test_a_key_arrives_whatever_is_in_it() -> None:
    """Quotes, braces and lines mean nothing to Helm or YAML."""
    odd = "a\"b'c\\d{{ .Values }}\n#e: é\t%s"
    given = ("--set-json", f"credentials.accessKeySecret={json.dumps(odd)}")

    made = templated("inline-secret", *given)

    assert only("Secret", made)["stringData"]["access-key-secret"] == odd


@pytest.mark.parametrize("case", ["default", "web", "existing-secret", "rrsa", "full"])
def test_the_policy_lets_out_to_the_node_s_role_where_no_key_is(case: str) -> None:
    """Whoever has a key or a role of their own has no business with the node's."""
    given = "--set=networkPolicy.enabled=true,networkPolicy.extraEgress=null"
    made = templated(case, given)
    policy = only("NetworkPolicy", made)["spec"]

    metadata = {
        "to": [{"ipBlock": {"cidr": "100.100.100.200/32"}}],
        "ports": [{"port": 80, "protocol": "TCP"}],
    }
    assert policy["egress"][2:] == ([metadata] if case in {"default", "web"} else [])
    # The connection test is let in, and no other part of a chart around this one.
    tests = policy["ingress"][0]["from"][1]["podSelector"]["matchLabels"]
    assert tests.items() <= only("Pod", made)["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("dr", FULL_NAME),
        ("rocketmq-dr-exporter-" + "r" * 32, "rocketmq-dr-exporter-" + "r" * 29),
        ("r" * 53, "r" * 50),
        (
            "rocketmq-dr-exporter-" + "r" * 28 + "-rr",
            "rocketmq-dr-exporter-" + "r" * 28,
        ),
    ],
)
def test_names_stay_short_enough_for_what_is_appended(release: str, name: str) -> None:
    """What a StatefulSet appends ends up in labels, of at most 63 characters."""
    assert len(f"{name}-a-0123456789") <= 63
    values = CHART / "ci" / "ha-sharded-values.yaml"
    result = helm("template", release, str(CHART), f"--values={values}")
    assert result.returncode == 0, result.stderr
    names = {x["metadata"]["name"] for x in workloads(documents(result.stdout))}
    assert names == {f"{name}-a", f"{name}-b"}


@pytest.mark.parametrize("case", ["existing-secret", "inline-secret", "observed"])
def test_names_that_look_like_numbers_stay_text(case: str) -> None:
    """Release, namespace and whatever has a name: YAML would make 1000 of 1e3."""
    names = {
        "nameOverride": "0123",
        "fullnameOverride": "456",
        "serviceAccount.name": "on",
        "priorityClassName": "1e3",
        "tests.image": "7",
        "image.repository": "8",
    }
    if case == "existing-secret":
        keys = ("existingSecret", "accessKeyIdKey", "accessKeySecretKey")
        names |= {f"credentials.{key}": "0x1f" for key in keys}
        names |= {"existingConfigMap": "1_0", "web.existingSecret": "null"}
    if case == "inline-secret":
        names |= {"credentials.accessKeyIdKey": "no", "credentials.accessKeyId": "9"}
    values = CHART / "ci" / f"{case}-values.yaml"

    result = helm(
        *("template", "123", str(CHART), "--namespace=456", f"--values={values}"),
        *("--set-string", ",".join(f"{key}={name}" for key, name in names.items())),
    )

    assert result.returncode == 0, result.stderr
    made = tuple(documents(result.stdout))
    assert faults(made, VERSIONS[-1]) == []
    for each in of_kind("ServiceMonitor", made):
        assert each["spec"]["namespaceSelector"] == {"matchNames": ["456"]}
    for each in of_kind("Secret", made):
        assert each["stringData"] == {"no": "9", "access-key-secret": "example"}


def test_labels_of_one_s_own_stand_once_and_change_no_selector() -> None:
    """What is for one kind goes before what is for all."""
    ours = "commonLabels.app\\.kubernetes\\.io/part-of=ours,commonLabels.team=all"
    name = "app\\.kubernetes\\.io/name=mine"
    given = (f"podLabels.team=pod,{ours}", f"commonLabels.{name},podLabels.{name}")
    made = templated("observed", *(f"--set={each}" for each in given))

    (workload,) = workloads(made)
    service = only("Service", made)
    labels = workload["spec"]["template"]["metadata"]["labels"]
    selector = service["spec"]["selector"]
    assert service["metadata"]["labels"]["team"] == "all"
    assert (labels["team"], labels["app.kubernetes.io/part-of"]) == ("pod", "ours")
    assert selector.items() <= labels.items()
    assert selector.items() <= service["metadata"]["labels"].items()
    assert not selector.items() <= only("Pod", made)["metadata"]["labels"].items()
