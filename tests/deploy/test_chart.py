"""The Helm chart: what each of its values does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from alerting import RULE_FILES
from manifests import (
    CHART,
    FULL_NAME,
    VERSIONS,
    Manifest,
    container,
    example,
    faults,
    of_kind,
    only,
    pods,
    rendered,
    rights,
    settings_of,
    templated,
    variables,
    workloads,
)

from exporter.config.settings import Settings

RUNBOOKS = "https://github.com/rocketmq-dr/rocketmq-dr-exporter/blob/main/docs/runbooks"

NAME = "rocketmq-dr-exporter"
FULL = yaml.safe_load((CHART / "ci" / "full-values.yaml").read_text())
ROUTES = "alertmanager-config/alertmanager-config.yaml"

pytestmark = [pytest.mark.go]


def pod(case: str, *given: str) -> Manifest:
    """Return the first exporter's pod of an example with further values."""
    return pods(templated(case, *given))[0]


def pod_annotations(case: str, *given: str) -> dict[str, str]:
    """Return the annotations of the pod of an example with further values."""
    (workload,) = workloads(templated(case, *given))
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["annotations"]
    return found


def test_by_default_it_is_one_exporter_and_everything_else_is_off() -> None:
    """It asks for nothing that some clusters lack."""
    kinds = sorted(each["kind"] for each in templated("default"))

    assert kinds == ["ConfigMap", "Deployment", "Pod", "Service", "ServiceAccount"]


def test_every_value_of_a_pod_is_in_what_the_full_example_makes() -> None:
    """Each value of the example is found once at least."""
    names = {"affinity", "dnsConfig", "hostAliases", "imagePullSecrets"}
    names |= {"initContainers", "nodeSelector", "priorityClassName", "tolerations"}
    names |= {"terminationGracePeriodSeconds", "topologySpreadConstraints"}
    spec = pod("full")
    found = container(spec)
    whole = {
        "image": f"registry.example.com/tools/{NAME}@{FULL['image']['digest']}",
        "imagePullPolicy": "Always",
        "args": ["serve", "--log.level=debug"],
        "envFrom": FULL["extraEnvFrom"],
        "resources": FULL["resources"],
    }

    assert {name: spec[name] for name in names} == {name: FULL[name] for name in names}
    assert spec["serviceAccountName"] == "dr"
    assert spec["containers"] == [found, *FULL["extraContainers"]]
    assert whole.items() <= found.items()
    assert FULL["extraEnv"][0] in found["env"]
    assert {"name": "HTTPS_PROXY", "value": FULL["proxy"]["https"]} in found["env"]
    assert {"name": "NO_PROXY", "value": FULL["proxy"]["noProxy"]} in found["env"]
    assert FULL["extraVolumeMounts"][0] in found["volumeMounts"]
    assert found["livenessProbe"]["periodSeconds"] == 20
    asked = found["livenessProbe"]["httpGet"]
    assert found["startupProbe"] == {"failureThreshold": 30, "httpGet": asked}


def test_every_other_value_of_the_full_example_is_in_what_it_makes() -> None:
    """Objects have common labels and annotations beside their own, and a namespace."""
    made = templated("full")
    ours = [x for x in made if not x["metadata"]["name"].endswith("-extra")]

    assert len(ours) == len(made) - 1
    for each in ours:
        assert each["metadata"]["annotations"]["example.com/contact"] == "sre"
        assert each["metadata"]["namespace"] == "monitoring"
    assert "example.com/contact" not in pod_annotations("full")
    workload, service = only("Deployment", made), only("Service", made)
    assert workload["spec"]["revisionHistoryLimit"] == 3
    for each, own in ((workload, FULL), (service, FULL["service"])):
        assert own["annotations"].items() <= each["metadata"]["annotations"].items()
    assert service["spec"]["type"] == "NodePort"
    assert service["spec"]["ports"][0]["port"] == 9999
    policy = only("NetworkPolicy", made)["spec"]
    assert policy["ingress"][-1] == FULL["networkPolicy"]["extraIngress"][0]
    proxy = {"ports": [{"port": 3128, "protocol": "TCP"}]}
    assert policy["egress"][-2:] == [proxy, *FULL["networkPolicy"]["extraEgress"]]
    assert container(only("Pod", made)["spec"])["image"] == FULL["tests"]["image"]
    for name in ("ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"):
        labels = only(name, made)["metadata"]["labels"]
        assert labels["release"] == "kube-prometheus-stack"
    routes = yaml.safe_load((CHART / "files" / ROUTES).read_text())["spec"]
    receivers = {"receivers": FULL["alertmanagerConfig"]["receivers"]}
    assert only("AlertmanagerConfig", made)["spec"] == routes | receivers
    monitor = only("ServiceMonitor", made)["spec"]
    assert monitor["namespaceSelector"] == {"matchNames": ["monitoring"]}
    given = FULL["serviceMonitor"]
    names = given.keys() - {"enabled", "namespace", "additionalLabels"}
    whole = monitor | monitor["endpoints"][0]
    assert {name: whole[name] for name in names} == {
        name: given[name] for name in names
    }


def test_rules_can_be_left_out_labelled_and_added() -> None:
    """Without an alert, with a label on each, with links and rules of the user's."""
    ours = only("PrometheusRule", templated("observed"))["spec"]["groups"]
    *made, mine = only("PrometheusRule", templated("full"))["spec"]["groups"]
    files = (file.read_text(encoding="utf-8") for file in RULE_FILES)
    given = FULL["prometheusRule"]
    texts = [
        text.replace(RUNBOOKS, given["runbookUrl"]).replace(
            "https://grafana.example.com", given["dashboardUrl"]
        )
        for text in files
    ]
    numbers = {"rocketmq_dr:critical_objectives": {"expr": "5"}}
    wanted = [
        {**rule, "labels": {**rule["labels"], "team": "sre"}}
        if "alert" in rule
        else rule | numbers.get(rule["record"], {})
        for text in texts
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if rule.get("alert") != "RocketMQDRCopyDelayed"
    ]

    assert mine["name"] == "mine"
    assert [rule for group in made for rule in group["rules"]] == wanted
    group = next(x for x in ours if all("alert" in rule for rule in x["rules"]))
    alerts = ",".join(rule["alert"] for rule in group["rules"])
    without = templated("observed", f"prometheusRule.disabled={{{alerts}}}")
    left = only("PrometheusRule", without)["spec"]["groups"]
    assert left == [each for each in ours if each != group]


def test_the_keys_of_the_secret_can_be_named() -> None:
    """The pod has these and no other, in a folder that changes with the Secret."""
    (secret,) = (
        x["secret"] for x in pod("existing-secret")["volumes"] if "secret" in x
    )

    assert secret["secretName"] == "my-key"
    assert [item["key"] for item in secret["items"]] == ["id", "secret", "token"]


def test_a_role_is_an_annotation_and_there_is_no_key() -> None:
    """What ack-pod-identity-webhook looks for, beside the user's own."""
    account = only("ServiceAccount", templated("rrsa"))

    assert account["metadata"]["annotations"] == {
        "example.com/owner": "sre",
        "pod-identity.alibabacloud.com/role-name": "rocketmq-dr-exporter",
    }
    (workload,) = workloads(templated("rrsa"))
    assert "ROCKETMQ_DR_API__ACCESS_KEY_ID_FILE" not in variables(workload)


def test_shards_replicas_and_the_lease_s_duration_can_be_set(tmp_path: Path) -> None:
    """And no replicas is a pause."""
    two = templated("sharded", "shards=2")
    shard = settings_of(only("StatefulSet", two), two, tmp_path, pod_index=1).shard
    assert (shard.index, shard.total) == (1, 2)
    leases = [f"{FULL_NAME}-0", f"{FULL_NAME}-1"]
    assert rights(templated("ha-sharded", "shards=2"))["update"] == leases
    three = templated("ha", "ha.replicas=3", "ha.leaseDuration=1m30s")
    deployment = only("Deployment", three)
    assert deployment["spec"]["replicas"] == 3
    settings = settings_of(deployment, three, tmp_path)
    assert settings.ha.lease_duration.total_seconds() == 90
    for case in ("default", "sharded", "ha", "ha-sharded"):
        found = workloads(templated(case, "replicaCount=0"))
        assert {each["spec"]["replicas"] for each in found} == {0}


def test_tls_and_passwords_change_scrapes_and_probes(tmp_path: Path) -> None:
    """Prometheus uses https and the path; probes only connect."""
    made = templated("web")
    (endpoint,) = only("ServiceMonitor", made)["spec"]["endpoints"]
    web = settings_of(only("Deployment", made), made, tmp_path).web

    assert web.config_file == tmp_path / "etc/rocketmq-dr-exporter-web/web-config.yml"
    assert endpoint["scheme"] == "https"
    assert endpoint["path"] == web.telemetry_path == "/dr-metrics"
    assert set(endpoint) >= {"tlsConfig", "basicAuth"}
    for given in ("web.scheme=https", "web.existingSecret=mine"):
        found = container(pod("default", given, "livenessProbe.periodSeconds=60"))
        assert "tcpSocket" in found["livenessProbe"]
        assert found["livenessProbe"]["periodSeconds"] == 60
        assert "tcpSocket" in found["readinessProbe"]
    # A probe that the user gives replaces the chart's.
    own = container(pod("default", "livenessProbe.grpc.port=1", "web.scheme=https"))
    assert {"tcpSocket", "httpGet"}.isdisjoint(own["livenessProbe"])


def test_large_whole_numbers_stay_as_they_are(tmp_path: Path) -> None:
    """Helm reads them as fractions, and would write 1e+06."""
    plan = {"id": 2**53 - 1, "items": [1300000016]}
    config = {"metrics": {"max_checkpoints": 2_000_000}, "plans": [plan]}
    option = f"--set-json=config={json.dumps(config)}"
    made = templated("default", options=(option,))

    settings = settings_of(only("Deployment", made), made, tmp_path)

    assert settings.metrics.max_checkpoints == 2_000_000
    (found,) = settings.plans
    assert (found.id, found.items) == (str(2**53 - 1), ("1300000016",))
    large = ("simulator.plans=1000000", "terminationGracePeriodSeconds=1000000")
    spec = pod("simulated", *large)
    assert "--plans=1000000" in container(spec)["args"]
    assert spec["terminationGracePeriodSeconds"] == 1_000_000


@pytest.mark.parametrize(
    "setting", ["web", "web.telemetry_path", "plans", "api.region"]
)
def test_a_setting_without_a_value_has_the_exporter_s_default(
    setting: str, tmp_path: Path
) -> None:
    """Prometheus asks for the default path, too."""
    made = templated("observed", "simulator.enabled=false", f"config.{setting}=null")
    (endpoint,) = only("ServiceMonitor", made)["spec"]["endpoints"]

    assert settings_of(only("Deployment", made), made, tmp_path) == Settings()
    assert endpoint["path"] == "/metrics"


def test_only_a_change_of_configuration_triggers_a_rollout() -> None:
    """Not what the chart does not make, nor a key, which is read again."""
    before = pod_annotations("default")
    assert before == pod_annotations("default", "service.port=1")
    assert before != pod_annotations("default", "config.poll.interval=30s")
    assert "checksum/config" not in pod_annotations("default", "existingConfigMap=mine")
    assert "checksum/config" not in pod_annotations("simulated")
    assert pod_annotations("default", "podAnnotations.mine=a")["mine"] == "a"


def test_what_the_user_brings_replaces_the_chart_s() -> None:
    """Image, ConfigMap, service account, role, further manifests."""
    image = ("image.registry=a.example/b", "image.repository=c", "image.tag=d")
    (subject,) = only("RoleBinding", templated("ha", "namespaceOverride=a"))["subjects"]
    assert subject["namespace"] == "a"
    assert container(pod("default", *image))["image"] == "a.example/b/c:d"
    assert of_kind("ConfigMap", templated("default", "existingConfigMap=m")) == []
    (volume,) = pod("default", "existingConfigMap=m")["volumes"]
    assert volume["configMap"] == {"name": "m"}
    without = "serviceAccount.create=false"
    assert of_kind("ServiceAccount", templated("default", without)) == []
    assert pod("default", without)["serviceAccountName"] == "default"
    named = pod("default", without, "serviceAccount.name=mine")
    assert named["serviceAccountName"] == "mine"
    made = templated("ha", "rbac.create=false")
    assert of_kind("Role", made) == of_kind("RoleBinding", made) == []
    text = "{{ if .Release.IsInstall }}{kind: A, metadata: {name: a}}{{ end }}"
    more = f"--set-json=extraManifests={json.dumps([text, {'kind': 'B'}])}"
    made = templated("default", options=(more,))
    assert only("A", made)["metadata"] == {"name": "a"}
    assert only("B", made) == {"kind": "B"}


def test_every_character_of_a_key_arrives() -> None:
    """Quotes, braces and lines mean nothing to Helm or YAML."""
    odd = "a\"b'c\\d{{ .Values }}\n#e: é\t%s"
    given = f"--set-json=credentials.accessKeySecret={json.dumps(odd)}"

    made = templated("inline-secret", options=(given,))

    assert only("Secret", made)["stringData"]["access-key-secret"] == odd


@pytest.mark.parametrize("case", ["default", "web", "existing-secret", "rrsa", "full"])
def test_the_policy_allows_the_node_s_role_only_where_no_key_is_given(
    case: str,
) -> None:
    """An exporter with a key or a role of its own does not ask for the node's."""
    on = (
        "networkPolicy.enabled=true",
        "networkPolicy.extraEgress=null",
        "proxy.https=",
    )
    made = templated(case, *on)
    policy = only("NetworkPolicy", made)["spec"]

    proxy = only("NetworkPolicy", templated(case, *on, "proxy.https=http://10.0.0.1"))
    assert {"ports": [{"port": 80, "protocol": "TCP"}]} in proxy["spec"]["egress"]
    metadata = {
        "to": [{"ipBlock": {"cidr": "100.100.100.200/32"}}],
        "ports": [{"port": 80, "protocol": "TCP"}],
    }
    assert policy["egress"][2:] == ([metadata] if case in {"default", "web"} else [])
    # The connection test may ask, and no other part of a chart around this one.
    tests = policy["ingress"][0]["from"][1]["podSelector"]["matchLabels"]
    assert tests.items() <= only("Pod", made)["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("dr", FULL_NAME),
        ("rocketmq-dr-exporter-" + "r" * 32, "rocketmq-dr-exporter-" + "r" * 29),
        ("rocketmq-dr-exporter-" + 28 * "r" + "-r", "rocketmq-dr-exporter-" + 28 * "r"),
    ],
)
def test_names_leave_room_for_what_kubernetes_appends(release: str, name: str) -> None:
    """What a StatefulSet appends ends up in labels, of at most 63 characters."""
    assert len(f"{name}-0123456789") <= 63
    (made,) = workloads(rendered(release, str(CHART), example("sharded")))
    assert made["metadata"]["name"] == name


@pytest.mark.parametrize("case", ["existing-secret", "inline-secret", "observed"])
def test_names_that_look_like_numbers_stay_text(case: str) -> None:
    """YAML would make 1000 of a name such as 1e3."""
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
    given = ",".join(f"{key}={name}" for key, name in names.items())

    where = ("123", str(CHART), "--namespace=456", example(case))
    made = rendered(*where, "--set-string", given)

    assert faults(made, VERSIONS[-1]) == []
    for each in of_kind("ServiceMonitor", made):
        assert each["spec"]["namespaceSelector"] == {"matchNames": ["456"]}
    for each in of_kind("Secret", made):
        assert each["stringData"] == {"no": "9", "access-key-secret": "example"}


def test_the_user_s_labels_appear_once_and_change_no_selector() -> None:
    """Labels of one kind win over the common labels."""
    ours = "commonLabels.app\\.kubernetes\\.io/part-of=ours"
    name = "app\\.kubernetes\\.io/name=mine"
    team = ("podLabels.team=pod", "commonLabels.team=all")
    made = templated(
        "observed", ours, *team, f"commonLabels.{name}", f"podLabels.{name}"
    )

    (workload,) = workloads(made)
    service = only("Service", made)
    labels = workload["spec"]["template"]["metadata"]["labels"]
    selector = service["spec"]["selector"]
    assert service["metadata"]["labels"]["team"] == "all"
    assert (labels["team"], labels["app.kubernetes.io/part-of"]) == ("pod", "ours")
    assert selector.items() <= labels.items()
    assert selector.items() <= service["metadata"]["labels"].items()
    assert not selector.items() <= only("Pod", made)["metadata"]["labels"].items()
