"""What is generated for deployments, the chart's schema, and its version everywhere."""

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
from deploy.schema import schema
from deploy.values import values
from exporter import __version__
from exporter.simulator.scenarios import SCENARIOS

VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")
OWN = yaml.safe_load(VALUES)
VALIDATOR = Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))
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


def test_a_generated_file_that_was_changed_is_named_and_written_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --check it is only named."""
    shutil.copytree(DEPLOY, tmp_path / "deploy", symlinks=True)
    places = list(build.files(tmp_path))
    for place in places:
        (tmp_path / place).write_text("by hand", encoding="utf-8")
    (tmp_path / places[0]).unlink()

    assert build.main(["--check"], tmp_path) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == [str(place) for place in places]
    assert build.main([], tmp_path) == 0
    assert build.main(["--check"], tmp_path) == 0


def test_rules_and_dashboards_are_taken_from_where_they_are() -> None:
    """Every rule file goes into kustomize's manifest; the chart has links."""
    rules = DEPLOY / "prometheus" / "rules"

    assert sorted(ROOT / place for place in build.RULES) == sorted(rules.iterdir())
    links = {each.name: each.resolve() for each in (CHART / "files").iterdir()}
    dashboards = ROOT / "grafana" / "dashboards"
    assert links == {"rules": rules, "dashboards": dashboards}


def test_one_version_stands_everywhere() -> None:
    """Whoever releases changes them all."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    base = DEPLOY / "kubernetes" / "base" / "kustomization.yaml"
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    image = f"rocketmq-dr-exporter:{__version__}"

    assert chart["version"] == chart["appVersion"] == __version__
    assert yaml.safe_load(base.read_text())["images"] == [
        {"name": "rocketmq-dr-exporter", "newTag": __version__}
    ]
    assert compose["services"]["exporter"]["image"] == image


def test_the_defaults_and_the_examples_pass_the_schema() -> None:
    """Whatever is shipped is allowed, and what Helm gives to each chart."""
    assert against({"global": {"imageRegistry": "a.example"}}) == []
    assert len(CI_VALUES) >= 10
    for file in (CHART / "values.yaml", *CI_VALUES):
        assert against(yaml.safe_load(file.read_text())) == []


@pytest.mark.parametrize(
    ("given", "told_of"),
    [
        ({"replicas": 2}, "'replicas' was unexpected"),
        ({"image": {"tagg": ""}}, "'tagg' was unexpected"),
        ({"config": {"poll": {"intervall": "1m"}}}, "'intervall' was unexpected"),
        ({"config": {"plans": [{"name": "a"}]}}, "'name' was unexpected"),
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
        ({"ha": {"replicas": 1}}, "1 is less than the minimum of 2"),
        ({"ha": {"leaseDuration": "0s"}}, "does not match"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], told_of: str) -> None:
    """A key that nobody knows, another type, a secret, a number that Helm rounds."""
    (message,) = against(given)

    assert told_of in message


def test_a_key_without_a_value_is_none_where_that_means_something() -> None:
    """As the exporter has it in its file, and Kubernetes in its manifests."""
    nothing: dict[str, Any] = dict.fromkeys(["extraArgs", "livenessProbe", "config"])

    assert against(nothing | {"image": {"tag": None}}) == []
    config = {"web": None, "plans": None, "api": {"region": None}}
    assert against({"config": config}) == []
    assert against({"config": {"plans": [{"id": "1", "objectives": None}]}}) == []


def test_all_other_settings_may_be_given() -> None:
    """What the exporter gains, the chart takes, but for what it sets itself."""
    document = json.loads(schema(values(VALUES)))
    config = document["$defs"]["config"]["properties"]
    plan = config["plans"]["items"]["properties"]
    scenario = document["properties"]["simulator"]["properties"]["scenario"]

    assert {"api", "poll", "plans", "objectives", "groups", "topics", "log"} <= set(
        config
    )
    assert {"telemetry_path", "max_requests"} <= set(config["web"]["properties"])
    assert "listen_address" not in config["web"]["properties"]
    assert "lag" in plan["objectives"]["properties"]
    assert set(scenario["enum"]) == set(SCENARIOS)


def test_comments_make_a_description_and_a_schema() -> None:
    """Without one a value is an error, for the README would have a hole."""
    text = '# Aside.\n# -- One\n# two.\n# @schema {"minimum": 1}\na: 5\n'

    (value,) = values(text)

    assert (value.path, value.default) == (("a",), 5)
    assert value.description == "One two."
    made = json.loads(schema([value]))["properties"]["a"]
    assert made == {"type": "integer", "description": "One two.", "minimum": 1}
    with pytest.raises(ValueError, match=r"image\.tag: no description"):
        values("image:\n  # A comment that describes nothing.\n  tag: ''\n")


def test_the_image_stands_on_one_pinned_base_and_takes_every_package_by_hash() -> None:
    """What pip fetches is what a lock says; the rest it finds in the image."""
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


def test_only_what_is_named_reaches_the_build_of_the_image() -> None:
    """No key, no environment file and no history of a checkout ends in a layer."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    named = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }

    assert ignored[1] == "*"
    assert named == copied
