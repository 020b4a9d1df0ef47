"""The Helm chart: what it refuses, how it is packed, and what it is part of."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
import yaml
from manifests import (
    CHART,
    DEPLOY,
    VERSIONS,
    documents,
    faults,
    helm,
    pods,
    refused,
    templated,
    workloads,
)
from paths import ROOT

from deploy.values import Value, values
from exporter import __version__

pytestmark = [pytest.mark.go]

VALUES = values((CHART / "values.yaml").read_text())


@pytest.mark.parametrize(
    ("given", "told_of"),
    [
        ("replicas=2", "additional properties 'replicas' not allowed"),
        ("serviceMonitor.enable=true", "additional properties 'enable' not allowed"),
        ("config.api.regoin=cn-beijing", "additional properties 'regoin' not allowed"),
        ("config.api.access_key_secret=x", "'access_key_secret' not allowed"),
        ("config.shard.total=2", "additional properties 'shard' not allowed"),
        ("shards=0", "at '/shards': minimum: got 0, want 1"),
        ("shards=two", "at '/shards': got string, want integer"),
        ("service.type=Ingress", "at '/service/type'"),
        ("nodeSelector.ssd=true", "at '/nodeSelector/ssd': got boolean, want string"),
        ("podAnnotations.a=1", "at '/podAnnotations/a': got number, want string"),
        ("extraEnv[0].value=1", "at '/extraEnv/0/value': got number, want string"),
        ("image.repository=", "at '/image/repository': minLength"),
        ("extraArgs={1}", "at '/extraArgs/0': got number, want string"),
        ("imagePullSecrets={mine}", "at '/imagePullSecrets/0': got string"),
        ("image.digest=latest", "at '/image/digest'"),
        ("simulator.scenario=calm", "at '/simulator/scenario'"),
        ("replicaCount=2", "Set ha.enabled for a pair of which one polls"),
        ("replicaCount=2,ha.enabled=true", "(ha.replicas for more)"),
        ("ha.replicas=27", "at '/ha/replicas': maximum: got 27, want 26"),
        ("credentials.accessKeyId=a", "accessKeySecret belong together"),
        (
            "credentials.existingSecret=a,credentials.accessKeyId=b",
            "existingSecret and accessKeyId are both given",
        ),
        (
            "credentials.existingSecret=a,credentials.accessKeySecret=b",
            "existingSecret and accessKeyId are both given",
        ),
        (
            "credentials.existingSecret=a,credentials.rrsaRoleName=b",
            "(rrsaRoleName) and an access key are both given",
        ),
        (
            ",".join(
                f"credentials.{key}=a"
                for key in ("accessKeyId", "accessKeySecret", "rrsaRoleName")
            ),
            "(rrsaRoleName) and an access key are both given",
        ),
        (
            "credentials.rrsaRoleName=b,serviceAccount.create=false",
            "it needs serviceAccount.create",
        ),
        (
            "credentials.securityTokenKey=a",
            "securityTokenKey is a key of existingSecret",
        ),
        (
            "credentials.securityTokenKey=a,credentials.accessKeyId=b",
            "securityTokenKey is a key of existingSecret",
        ),
        ("config.api.region=a,existingConfigMap=b", "config and existingConfigMap"),
        ("simulator.enabled=true,shards=2", "simulator.enabled takes no config"),
        ("simulator.enabled=true,ha.enabled=true", "simulator.enabled takes no config"),
        ("simulator.enabled=true,config.api.region=a", "simulator.enabled takes no"),
        ("simulator.enabled=true,existingConfigMap=a", "simulator.enabled takes no"),
        ("simulator.enabled=true,web.scheme=https", "simulator.enabled takes no"),
        (
            "simulator.enabled=true,credentials.existingSecret=a",
            "simulator.enabled takes no",
        ),
        (
            "simulator.enabled=true,credentials.rrsaRoleName=a",
            "simulator.enabled takes no",
        ),
        (
            "prometheusRule.enabled=true,prometheusRule.disabled={RocketMQDR}",
            "there is no alert RocketMQDR",
        ),
        ("prometheusRule.disabled[0]=", "at '/prometheusRule/disabled/0': minLength"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(given: str, told_of: str) -> None:
    """A typo or a contradiction fails before it reaches a cluster, and says where."""
    assert told_of in refused("--set", given)


def test_shards_are_refused_where_a_pod_does_not_learn_its_index() -> None:
    """Each pod would say that it is shard nothing, over and over."""
    older = ("--kube-version", "1.27.16")

    assert "shards above 1 need Kubernetes 1.28" in refused(*older, "--set", "shards=2")
    vendor_s = ("--kube-version", "v1.27.16-aliyun.1")
    assert "this is v1.27.16" in refused(*vendor_s, "--set", "shards=2")
    assert templated("sharded", "--kube-version", "v1.28.0-aliyun.1")
    assert templated("default", *older)


def nothing_for(*paths: str) -> tuple[str, str]:
    """Return the flags that leave keys without a value, as `key:` in YAML does."""
    return ("--set", ",".join(f"{path}=null" for path in paths))


def test_a_key_without_a_value_is_as_good_as_none() -> None:
    """Whoever writes `extraArgs:` and nothing below it gets what is the default."""
    empty = [".".join(value.path) for value in VALUES if value.default in ("", [], {})]

    for case in ("observed", "default", "ha-sharded"):
        given = (CHART / "ci" / f"{case}-values.yaml").read_text()
        own = [path for path in empty if f"{path.rpartition('.')[2]}:" not in given]
        assert len(own) > 20
        assert templated(case, *nothing_for(*own)) == templated(case)


@pytest.mark.parametrize(
    "value",
    [value for value in VALUES if value.default and isinstance(value.default, dict)],
    ids=lambda value: ".".join(value.path),
)
def test_what_is_a_map_can_be_taken_away(value: Value) -> None:
    """Null means nothing there, which Kubernetes has an answer for."""
    enabled = f"{value.path[0]}.enabled=true"
    more = ("--set", enabled) if len(value.path) > 1 else ()

    made = templated("default", *more, *nothing_for(".".join(value.path)))

    assert faults(made, VERSIONS[0]) == []
    assert made != templated("default", *more)


@pytest.mark.parametrize(
    "path",
    sorted(
        {value.path[0] for value in VALUES if len(value.path) > 1}
        | {
            ".".join(value.path)
            for value in VALUES
            if value.default not in ("", []) and not isinstance(value.default, dict)
        }
    ),
)
def test_what_else_has_a_default_cannot_be_taken_away(path: str) -> None:
    """No shards at all, or half a release, is nothing that anybody meant."""
    told = refused(*nothing_for(path))

    assert f"missing property '{path.rpartition('.')[2]}'" in told


def test_it_can_be_part_of_another_chart_twice(tmp_path: Path) -> None:
    """By an alias each, of which a condition leaves one out, beside what is global."""
    chart = tmp_path / "umbrella"
    shutil.copytree(CHART, chart / "charts" / "rocketmq-dr-exporter")
    parts = [
        {"name": "rocketmq-dr-exporter", "version": __version__, "alias": alias}
        | {"condition": f"{alias}.enabled"}
        for alias in ("east", "west", "north")
    ]
    about = {"apiVersion": "v2", "name": "umbrella", "version": "1.0.0"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**about, "dependencies": parts}))
    on = {"enabled": True, "podSecurityContext": {"runAsUser": None}}
    given = {"east": on, "west": on, "north": {"enabled": False}, "global": {"a": 1}}
    (chart / "values.yaml").write_text(yaml.safe_dump(given))

    result = helm("template", "dr", str(chart))

    assert result.returncode == 0, result.stderr
    made = tuple(documents(result.stdout))
    assert [each["metadata"]["name"] for each in workloads(made)] == [
        *("dr-east", "dr-west")
    ]
    identities = {(each["kind"], each["metadata"]["name"]) for each in made}
    assert len(identities) == len(made)
    # A default that is taken away, as OpenShift wants it, is so there too.
    assert not any("runAsUser" in each["securityContext"] for each in pods(made))


@pytest.mark.parametrize("name", ["rules", "dashboards"])
def test_a_chart_whose_links_got_lost_says_so(name: str, tmp_path: Path) -> None:
    """Flux leaves links out of what it takes from git: nothing would alert."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    shutil.rmtree(chart / "files" / name)

    observed = str(CHART / "ci" / "observed-values.yaml")
    result = helm("template", "dr", str(chart), "--values", observed)

    assert result.returncode != 0
    assert f"files/{name} is not there" in result.stderr
    assert "helm package" in result.stderr
    # Whoever asks for neither has no need of them.
    assert helm("template", "dr", str(chart)).returncode == 0


def test_what_is_packed_holds_rules_and_dashboards_and_no_examples(
    tmp_path: Path,
) -> None:
    """A package has files where the repository has links, and nothing to clean up."""
    result = helm("package", str(CHART), "--destination", str(tmp_path))
    assert result.returncode == 0, result.stderr

    with tarfile.open(tmp_path / f"rocketmq-dr-exporter-{__version__}.tgz") as archive:
        packed = {
            Path(member.name).relative_to("rocketmq-dr-exporter"): file.read()
            for member in archive
            if member.isfile() and (file := archive.extractfile(member))
        }

    for place, source in (
        ("files/rules", DEPLOY / "prometheus" / "rules"),
        ("files/dashboards", ROOT / "grafana" / "dashboards"),
    ):
        held = {
            file.name: text
            for file, text in packed.items()
            if file.parent == Path(place)
        }
        own = {file.name: file.read_bytes() for file in source.glob("[!.]*")}
        assert held == own
    assert Path("values.schema.json") in packed
    assert not [
        file for file in packed if file.parts[0] == "ci" or file.name == ".lint"
    ]
