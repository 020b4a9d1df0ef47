"""The Helm chart: names, labels and namespaces."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from manifests import (
    CHART,
    EXAMPLES,
    FULL_NAME,
    VERSIONS,
    documents,
    faults,
    helm,
    of_kind,
    only,
    templated,
    workloads,
)

pytestmark = [pytest.mark.go]


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("dr", FULL_NAME),
        ("rocketmq-dr-exporter", "rocketmq-dr-exporter"),
        ("rocketmq-dr-exporter-" + "r" * 32, "rocketmq-dr-exporter-" + "r" * 29),
        ("r" * 53, "r" * 50),
        ("r" * 49, "r" * 49),
        (
            "rocketmq-dr-exporter-" + "r" * 28 + "-rr",
            "rocketmq-dr-exporter-" + "r" * 28,
        ),
        ("my-rocketmq-dr-exporter", "my-rocketmq-dr-exporter"),
    ],
)
def test_names_stay_short_enough_for_what_is_appended(release: str, name: str) -> None:
    """The longest release name that Helm allows still makes valid names."""
    # What a StatefulSet appends ends up in labels, of at most 63 characters; a shard
    # appends its index to the Lease.
    assert len(f"{name}-a-0123456789") <= 63
    assert helm_names("ha-sharded", release) == {f"{name}-a", f"{name}-b"}


def helm_names(case: str, release: str) -> set[str]:
    """Return what the workloads of a release are called."""
    values = str(CHART / "ci" / f"{case}-values.yaml")
    result = helm("template", release, str(CHART), "--values", values)
    assert result.returncode == 0, result.stderr
    return {each["metadata"]["name"] for each in workloads(documents(result.stdout))}


def test_a_name_of_one_s_own_is_kept_short_too() -> None:
    """Whoever gives a long one sees its beginning."""
    (workload,) = workloads(
        templated("default", "--set", f"fullnameOverride={'x' * 60}")
    )

    assert workload["metadata"]["name"] == "x" * 50
    dashed = f"fullnameOverride={'x' * 49}-{'x' * 10}"
    (workload,) = workloads(templated("default", "--set", dashed))
    assert workload["metadata"]["name"] == "x" * 49
    longest = f"nameOverride={'x' * 62}-{'x' * 10}"
    labels = only("Service", templated("default", "--set", longest))["spec"]["selector"]
    assert labels["app.kubernetes.io/name"] == "x" * 62


@pytest.mark.parametrize("case", EXAMPLES)
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
    if case in {"existing-secret", "ha-sharded"}:
        keys = ("existingSecret", "accessKeyIdKey", "accessKeySecretKey")
        names |= {f"credentials.{key}": "0x1f" for key in keys}
        names |= {"credentials.securityTokenKey": "2026-01-01"}
        names |= {"existingConfigMap": "1_0", "web.existingSecret": "null"}
    if case == "inline-secret":
        names |= {"credentials.accessKeyIdKey": "no", "credentials.accessKeyId": "9"}
    values = str(CHART / "ci" / f"{case}-values.yaml")

    result = helm(
        *("template", "123", str(CHART), "--namespace", "456", "--values", values),
        *("--set-string", ",".join(f"{key}={name}" for key, name in names.items())),
    )

    assert result.returncode == 0, result.stderr
    made = tuple(documents(result.stdout))
    assert faults(made, VERSIONS[-1]) == []
    # Of these Kubernetes has no schema here.
    for each in made:
        assert isinstance(each["metadata"]["name"], str)
        if each["kind"] == "ServiceMonitor":
            assert each["spec"]["namespaceSelector"] == {"matchNames": ["456"]}
            labels = each["spec"]["selector"]["matchLabels"]
            assert {type(label) for label in labels.values()} == {str}
        if each["kind"] == "Secret":
            assert each["stringData"] == {"no": "9", "access-key-secret": "example"}


def test_a_label_given_twice_stands_there_once() -> None:
    """What is for one kind goes before what is for all; strict readers want no two."""
    of_kinds = {
        *("podLabels", "serviceMonitor.additionalLabels"),
        *("prometheusRule.additionalLabels", "dashboards.labels"),
    }
    mine = [f"{path}.team={path[0]}" for path in of_kinds]
    ours = "commonLabels.app\\.kubernetes\\.io/part-of=ours,commonLabels.team=all"

    made = templated("observed", "--set", ",".join([*mine, ours]))

    def labels(kind: str) -> dict[str, str]:
        found: dict[str, str] = only(kind, made)["metadata"]["labels"]
        return found

    assert {labels(kind)["team"] for kind in ("Service", "Deployment", "Pod")} == {
        "all"
    }
    assert labels("ServiceMonitor")["team"] == "s"
    assert labels("PrometheusRule")["team"] == "p"
    assert {
        each["metadata"]["labels"]["team"] for each in of_kind("ConfigMap", made)
    } == {"d"}
    template = only("Deployment", made)["spec"]["template"]["metadata"]
    assert template["labels"]["team"] == "p"
    assert template["labels"]["app.kubernetes.io/part-of"] == "ours"


@pytest.mark.parametrize("name", ["mine", "rocketmq-dr-exporter"])
def test_no_label_of_one_s_own_changes_what_is_selected_by(name: str) -> None:
    """A Service without pods, and a Prometheus without a target, would tell nobody."""
    name = f"app\\.kubernetes\\.io/name={name}"
    made = templated("sharded", "--set", f"commonLabels.{name},podLabels.{name}")

    selector = only("Service", made)["spec"]["selector"]
    workload = only("StatefulSet", made)["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= workload.items()
    assert selector.items() <= only("Service", made)["metadata"]["labels"].items()
    assert not selector.items() <= only("Pod", made)["metadata"]["labels"].items()


@pytest.mark.parametrize("case", EXAMPLES)
def test_all_is_in_the_namespace_of_the_release(case: str) -> None:
    """But what is asked to stand with Prometheus and Grafana."""
    for each in templated(case):
        if each["metadata"]["name"].endswith("-extra"):
            continue
        monitored = case == "full" and (
            each["kind"] in {"ServiceMonitor", "PrometheusRule"}
            or "grafana_dashboard" in each["metadata"]["labels"]
        )
        wanted = "monitoring" if monitored else "tools"
        assert each["metadata"]["namespace"] == wanted


def test_a_build_s_version_is_a_label_too(tmp_path: Path) -> None:
    """In a label there is no plus sign, which sets a build apart from a release."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    about |= {"version": "1.2.3+abc", "appVersion": "1.2.3+abc"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about))

    result = helm("template", "dr", str(chart), "--set", "image.tag=1.2.3-abc")

    assert result.returncode == 0, result.stderr
    labels = only("Service", documents(result.stdout))["metadata"]["labels"]
    assert labels["helm.sh/chart"] == "rocketmq-dr-exporter-1.2.3_abc"
    assert labels["app.kubernetes.io/version"] == "1.2.3_abc"
