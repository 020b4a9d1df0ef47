"""What is generated for deployments; the chart's schema; the Dockerfile."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from manifests import CHART, CI_VALUES, DEPLOY
from paths import ROOT

from deploy import build
from deploy.chart import schema, values
from exporter import __version__
from exporter.config.catalogue import setting_specs
from exporter.config.load import load
from exporter.simulator.scenarios import SCENARIOS

VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")
OWN = yaml.safe_load(VALUES)
VALIDATOR = Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))
NAME_THE_IMAGE = {
    build.COMPOSE / "compose.yaml",
    build.DEPLOY / "kubernetes" / "base" / "kustomization.yaml",
}
ROUTES = DEPLOY / "kubernetes" / "components" / "alertmanager-config"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def against(given: dict[str, Any]) -> list[str]:
    """Return what the chart's schema has against values, merged as Helm does it."""
    whole = merged(OWN, given)
    return [error.message for error in VALIDATOR.iter_errors(whole)]


def merged(own: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return values laid over the chart's own, of which null takes one away."""
    whole = own | given
    for key in own.keys() & given.keys():
        if given[key] is None:
            del whole[key]
        elif isinstance(own[key], dict) and isinstance(given[key], dict):
            whole[key] = merged(own[key], given[key])
    return whole


def copied(folder: Path) -> None:
    """Copy what files are written of."""
    for name in ("deploy", "grafana"):
        shutil.copytree(ROOT / name, folder / name)


def test_a_changed_generated_file_is_reported_and_written_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --check it is only reported. So is a copy of what is no more."""
    copied(tmp_path)
    left_over = build.COPIES / "rules" / "no-more.yml"
    places = [*build.files(tmp_path).keys() - NAME_THE_IMAGE, left_over]
    for place in places:
        (tmp_path / place).write_text("by hand", encoding="utf-8")
    (tmp_path / places[0]).unlink()
    shutil.rmtree(tmp_path / build.COPIES / "dashboards")

    assert build.main(["--check"], tmp_path) == 1
    told = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in told} == set(map(str, places))
    assert build.main([], tmp_path) == 0
    assert build.main(["--check"], tmp_path) == 0
    assert not (tmp_path / left_over).exists()


def test_the_image_s_name_stands_in_the_chart_s_values_alone(tmp_path: Path) -> None:
    """Kustomize and compose take it from there; until it is set it is a local one."""
    copied(tmp_path)
    file = tmp_path / build.CHART / "values.yaml"
    text = VALUES.replace('registry: ""', "registry: a.example")
    file.write_text(
        text.replace('repository: ""', "repository: b/rocketmq-dr-exporter")
    )

    assert build.main([], tmp_path) == 0

    name = "a.example/b/rocketmq-dr-exporter"
    found = [(tmp_path / place).read_text() for place in sorted(NAME_THE_IMAGE)]
    assert f"image: {name}:{__version__}" in found[0]
    assert f"newName: {name}\n" in found[1]
    assert OWN["image"]["registry"] == OWN["image"]["repository"] == ""


def test_rules_and_dashboards_have_one_source() -> None:
    """Rules that all need go into kustomize's manifest; the chart has all as copies."""
    rules = DEPLOY / "prometheus" / "rules"
    optional = {rules / "objective-burn.yml", rules / "shards.yml"}

    always = {ROOT / place for place in build.RULES}
    assert always | optional == set(rules.iterdir())
    assert always.isdisjoint(optional)
    sources = [*rules.iterdir(), *(ROOT / build.DASHBOARDS).glob("*.json")]
    copies = {file.name for file in (ROOT / build.COPIES).rglob("*.*")}
    assert copies == {x.name for x in sources} | {"alertmanager-config.yaml"}


def test_the_settings_that_values_yaml_shows_are_good(tmp_path: Path) -> None:
    """Without the comment signs, in the place of the empty map."""
    (shown,) = re.findall(r"^config: \{\}\n((?:#.*\n)+)", VALUES, re.MULTILINE)
    file = tmp_path / "config.yaml"
    file.write_text(re.sub(r"^#", "", shown, flags=re.MULTILINE))

    assert load(flags={}, environ={}, file=file).plans
    assert against({"config": yaml.safe_load(file.read_text())}) == []


def from_operator(part: dict[str, Any]) -> dict[str, Any]:
    """Return a route or an inhibition as Alertmanager's own file has it."""
    names = {
        "sourceMatch": "source_matchers",
        "targetMatch": "target_matchers",
        "groupBy": "group_by",
        "groupWait": "group_wait",
        "groupInterval": "group_interval",
        "repeatInterval": "repeat_interval",
        **{name: name for name in ("receiver", "routes", "matchers", "equal")},
    }
    found = {names[key]: value for key, value in part.items()}
    for key in {"matchers", "source_matchers", "target_matchers"} & found.keys():
        found[key] = [
            '{name} {matchType} "{value}"'.format_map(each) for each in found[key]
        ]
    if "routes" in found:
        found["routes"] = [from_operator(route) for route in found["routes"]]
    return found


def test_the_operator_gets_the_routes_and_inhibitions_of_alertmanager() -> None:
    """For our alerts alone: it merges them into the routes of others."""
    spec = yaml.safe_load((ROUTES / "alertmanager-config.yaml").read_text())["spec"]
    whole = yaml.safe_load((ROOT / build.ALERTMANAGER).read_text())

    ours = {"matchers": ['alertname =~ "RocketMQDR.+"']}
    assert from_operator(spec["route"]) == whole["route"] | ours
    assert list(map(from_operator, spec["inhibitRules"])) == whole["inhibit_rules"]
    assert spec["receivers"] == [{"name": x["name"]} for x in whole["receivers"]]
    assert set(spec) == {"route", "inhibitRules", "receivers"}


def test_one_version_stands_everywhere() -> None:
    """In the chart, the manifests, the compose file and the commands of the page."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    base = DEPLOY / "kubernetes" / "base" / "kustomization.yaml"
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    image = f"rocketmq-dr-exporter:{__version__}"

    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    named = set(re.findall(r"rocketmq[-_]dr[-_]exporter[-:](\d[\d.]+\d)", page))

    assert named == {__version__}
    assert chart["version"] == chart["appVersion"] == __version__
    (given,) = yaml.safe_load(base.read_text())["images"]
    assert given["newTag"] == __version__
    assert compose["services"]["exporter"]["image"] == image


def test_the_defaults_and_the_examples_pass_the_schema() -> None:
    """And so does `global`, which Helm gives to each chart."""
    assert against({"global": {"imageRegistry": "a.example"}}) == []
    assert len(CI_VALUES) >= 10
    for file in (CHART / "values.yaml", *CI_VALUES):
        assert against(yaml.safe_load(file.read_text())) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"replicas": 2}, "'replicas' was unexpected"),
        ({"image": {"tagg": ""}}, "'tagg' was unexpected"),
        ({"service": {"type": "Ingress"}}, "'Ingress' is not one of"),
        ({"config": {"poll": {"intervall": "1m"}}}, "'intervall' was unexpected"),
        ({"config": {"plans": [{"name": "a"}]}}, "'name' was unexpected"),
        ({"config": {"shard": {"total": 2}}}, "'shard' was unexpected"),
        ({"config": {"plans": {"id": "1"}}}, "is not of type 'array'"),
        ({"config": {"api": {"access_key_secret": "x"}}}, "_secret' was unexpected"),
        ({"config": {"ha": {"lease": "x"}}}, "'ha' was unexpected"),
        ({"config": {"plans": [{"id": 2**53}]}}, "greater than the maximum"),
        (
            {"config": {"plans": [{"id": "1", "items": [2**53]}]}},
            "greater than the maximum",
        ),
        ({"extraEnv": {"A": "b"}}, "is not of type 'array'"),
        ({"shards": None}, "'shards' is a required property"),
        ({"rbac": {"create": None}}, "'create' is a required property"),
        ({"nodeSelector": {"ssd": True}}, "True is not of type 'string'"),
        ({"extraArgs": [1]}, "1 is not of type 'string'"),
        ({"shards": 0}, "0 is less than the minimum of 1"),
        ({"ha": {"replicas": 1}}, "1 is less than the minimum of 2"),
        ({"ha": {"leaseDuration": "0s"}}, "does not match"),
    ],
)
def test_the_schema_refuses_wrong_values(given: dict[str, Any], message: str) -> None:
    """An unknown key, another type, a secret, a number that Helm would round."""
    (found,) = against(given)

    assert message in found


def test_the_schema_accepts_a_key_without_a_value_where_it_means_something() -> None:
    """As the exporter does in its file, and Kubernetes in its manifests."""
    nothing: dict[str, Any] = dict.fromkeys(["extraArgs", "livenessProbe", "config"])

    assert against(nothing | {"image": {"tag": None}}) == []
    config = {"web": None, "plans": None, "api": {"region": None}}
    assert against({"config": config}) == []
    assert against({"config": {"plans": [{"id": "1", "objectives": None}]}}) == []


def test_the_schema_has_all_settings_but_those_that_the_chart_sets() -> None:
    """A new setting of the exporter needs no change of the chart."""
    document = json.loads(schema(values(VALUES)))
    config = document["$defs"]["config"]["properties"]
    plan = config["plans"]["items"]["properties"]
    scenario = document["properties"]["simulator"]["properties"]["scenario"]

    given = {spec.path.partition(".")[0] for spec in setting_specs().values()}
    assert {name.removesuffix("[]") for name in given} - set(config) == {"ha", "shard"}
    assert "max_requests" in config["web"]["properties"]
    assert "listen_address" not in config["web"]["properties"]
    assert "lag" in plan["objectives"]["properties"]
    assert set(scenario["enum"]) == set(SCENARIOS)


def test_a_value_without_a_description_is_an_error() -> None:
    """The schema needs it."""
    with pytest.raises(ValueError, match=r"image\.tag: no description"):
        values("image:\n  # A comment that describes nothing.\n  tag: ''\n")


def test_the_image_has_one_pinned_base_and_every_package_by_hash() -> None:
    """What pip downloads is in a lock; everything else is in the image already."""
    pinned = r"^ARG BASE=python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}$"
    commands = DOCKERFILE.replace("\\\n", " ")
    calls = re.findall(r"bin/pip(?: \S+)* (?:install|wheel) [^&\n]*", commands)

    assert re.search(pinned, DOCKERFILE, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE}"] * 2
    assert len(calls) == 4
    for call in calls:
        is_by_hash = "--require-hashes" in call and "--no-deps" in call
        is_at_hand = "--no-index" in call or call.rstrip().endswith(" .")
        assert is_by_hash is not is_at_hand, call


def test_the_build_of_the_image_gets_only_the_files_that_it_copies() -> None:
    """No key, no environment file and no history of a checkout."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    named = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }

    assert ignored[1] == "*"
    assert named == copied
