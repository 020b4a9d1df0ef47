"""What is generated for deployments, the chart's schema, and its version everywhere."""

from __future__ import annotations

import json
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
from exporter.config.catalogue import setting_specs
from exporter.simulator.scenarios import SCENARIOS

VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")


def against(given: dict[str, Any]) -> list[str]:
    """Return what the chart's schema has against values, merged as Helm does it."""
    validator = Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))
    whole = merged(yaml.safe_load(VALUES), given)
    return [error.message for error in validator.iter_errors(whole)]


def merged(own: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return values laid over the chart's own, of which null takes one away."""
    whole = own | given
    for key in own.keys() & given.keys():
        if given[key] is None:
            del whole[key]
        elif isinstance(own[key], dict) and isinstance(given[key], dict):
            whole[key] = merged(own[key], given[key])
    return whole


def copied(folder: Path) -> Path:
    """Copy what is read and written by the build."""
    shutil.copytree(DEPLOY, folder / "deploy", symlinks=True)
    return folder


def test_what_is_committed_is_what_the_build_writes() -> None:
    """`make check` looks too; here for whoever only tests."""
    assert build.stale(ROOT) == []


def test_a_file_that_was_changed_by_hand_is_named_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --check it is told, and without it is written."""
    root = copied(tmp_path)
    places = list(build.files(root))
    for place in places:
        (root / place).write_text("by hand", encoding="utf-8")
    (root / places[0]).unlink()

    assert build.main(["--check"], root) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == [str(place) for place in places]

    assert build.main([], root) == 0
    assert build.main(["--check"], root) == 0


def test_the_rules_of_kustomize_are_the_repository_s_own() -> None:
    """Every group and rule of both files, whatever the comments."""
    operator = DEPLOY / "kubernetes" / "components" / "prometheus-operator"
    made = yaml.safe_load((operator / "prometheus-rule.yaml").read_text())
    groups = [
        group
        for name in ("recording", "alerts")
        for group in yaml.safe_load(
            (DEPLOY / "prometheus" / "rules" / f"{name}.yml").read_text()
        )["groups"]
    ]

    assert len(groups) > 3
    assert made["spec"]["groups"] == groups


def test_all_rule_files_are_used() -> None:
    """A third file would have to go into the manifest too."""
    there = (DEPLOY / "prometheus" / "rules").iterdir()

    assert sorted(ROOT / place for place in build.RULES) == sorted(there)


def test_the_chart_takes_rules_and_dashboards_from_where_they_are() -> None:
    """Its files are links, so that there is one of each in the repository."""
    files = CHART / "files"

    assert sorted(each.name for each in files.iterdir()) == ["dashboards", "rules"]
    assert all(each.is_symlink() for each in files.iterdir())
    assert (files / "rules").resolve() == DEPLOY / "prometheus" / "rules"
    dashboards = ROOT / "grafana" / "dashboards"
    assert (files / "dashboards").resolve() == dashboards


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


def test_each_value_has_a_description_a_type_and_a_row_in_the_readme() -> None:
    """Nothing that can be set is left to guess."""
    found = values(VALUES)
    page = (CHART / "README.md").read_text(encoding="utf-8")

    assert len(found) > 60
    for value in found:
        assert value.description[0].isupper() or value.description[0] in "`1"
        assert value.description.endswith(".")
        row = f"| `{'.'.join(value.path)}` | `{json.dumps(value.default)}` |"
        assert f"{row} {value.description} |" in page


def test_a_value_without_a_description_is_an_error_that_names_it() -> None:
    """The build stops before a page would have a hole."""
    with pytest.raises(ValueError, match=r"image\.tag: no description"):
        values("image:\n  # A comment that describes nothing.\n  tag: ''\n")


def test_comments_make_a_description_of_several_lines_and_a_schema() -> None:
    """What stands above the first `# --` is for whoever reads the file."""
    text = '# Aside.\n# -- One\n# two.\n# @schema {"minimum": 1}\na: 5\n'

    (value,) = values(text)

    assert (value.path, value.default) == (("a",), 5)
    assert value.description == "One two."
    made = json.loads(schema([value]))["properties"]["a"]
    assert made == {"type": "integer", "description": "One two.", "minimum": 1}


@pytest.mark.parametrize(
    ("given", "told_of"),
    [
        ({"replicas": 2}, "'replicas' was unexpected"),
        ({"image": {"tagg": ""}}, "'tagg' was unexpected"),
        ({"config": {"poll": {"intervall": "1m"}}}, "'intervall' was unexpected"),
        ({"config": {"plans": [{"name": "a"}]}}, "'name' was unexpected"),
        ({"config": {"plans": {"id": "1"}}}, "is not of type 'array'"),
        ({"extraEnv": {"A": "b"}}, "is not of type 'array'"),
        ({"shards": None}, "'shards' is a required property"),
        ({"service": None}, "'service' is a required property"),
        ({"rbac": {"create": None}}, "'create' is a required property"),
        ({"nodeSelector": {"ssd": True}}, "True is not of type 'string'"),
        ({"extraArgs": [1]}, "1 is not of type 'string'"),
        ({"imagePullSecrets": ["a"]}, "'a' is not of type 'object'"),
        ({"ha": {"replicas": 1}}, "1 is less than the minimum of 2"),
        ({"ha": {"leaseDuration": "10"}}, "does not match"),
        ({"ha": {"leaseDuration": "0s"}}, "does not match"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], told_of: str) -> None:
    """A key that nobody knows, at any depth, and a value of another type."""
    (message,) = against(given)

    assert told_of in message


@pytest.mark.parametrize("plan", [{"id": 2**53}, {"id": "1", "items": [2**53]}])
def test_a_number_that_helm_would_round_is_refused(plan: dict[str, Any]) -> None:
    """Another plan's id is worse than none; as text it stays as it is."""
    (message,) = against({"config": {"plans": [plan]}})

    assert "9007199254740992 is greater than the maximum" in message
    exact = {"id": str(2**53), "items": [str(2**53), 2**53 - 1]}
    assert against({"config": {"plans": [exact]}}) == []


@pytest.mark.parametrize(
    "path",
    [
        "access_key_id",
        "access_key_secret",
        "access_key_secret_file",
        "security_token",
        "security_token_file",
    ],
)
def test_no_key_goes_into_a_config_map(path: str) -> None:
    """Those who read the configuration need not read the secrets."""
    (message,) = against({"config": {"api": {path: "canary"}}})

    assert f"'{path}' was unexpected" in message


def test_a_key_without_a_value_is_none_where_that_means_something() -> None:
    """As the exporter has it in its file, and Kubernetes in its manifests."""
    nothing: dict[str, Any] = dict.fromkeys(["extraArgs", "livenessProbe", "config"])

    assert against(nothing | {"image": {"tag": None}}) == []
    assert (
        against({"config": {"web": None, "plans": None, "api": {"region": None}}}) == []
    )
    assert against({"config": {"plans": [{"id": "1", "objectives": None}]}}) == []


def test_all_other_settings_may_be_given() -> None:
    """What the exporter gains, the chart takes, but for what it sets itself."""
    document = json.loads(schema(values(VALUES)))
    config = document["$defs"]["config"]["properties"]

    assert set(config) == {
        *("api", "poll", "plans", "objectives", "groups", "topics", "metrics", "web"),
        "log",
    }
    assert set(config["web"]["properties"]) == {
        *("telemetry_path", "max_requests", "enable_lifecycle")
    }
    plan = {
        spec.path
        for spec in setting_specs().values()
        if spec.path.startswith("plans[].")
    }
    assert len(plan) == 7
    lag = config["plans"]["items"]["properties"]["objectives"]["properties"]["lag"]
    assert "Alert when the lag" in lag["description"]


def test_the_simulated_cloud_has_the_scenarios_that_the_schema_names() -> None:
    """The list is the exporter's."""
    (scenario,) = (
        value for value in values(VALUES) if value.path == ("simulator", "scenario")
    )

    assert set(scenario.schema["enum"]) == set(SCENARIOS)
