"""The compose files: well-formed, complete, and understood by what runs."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from paths import ROOT
from programs import real

from exporter.app.flags import build_parser
from exporter.config import load

pytestmark = [pytest.mark.go]

COMPOSE = ROOT / "deploy" / "compose"
SERVICES = ["alertmanager", "exporter", "grafana", "prometheus"]


def ran(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a real program to its end, in the folder of the compose file."""
    return subprocess.run(
        [real(command[0]), *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        cwd=COMPOSE,
    )


@cache
def loaded(*flags: str) -> dict[str, Any]:
    """Return the compose file as docker compose's own loader understands it.

    Its program takes no notice of the environment: variables have their defaults.
    """
    result = ran("compose-config", "-format", "json", *flags, "compose.yaml")
    assert result.returncode == 0, result.stderr
    # Of what is unset or obsolete it warns.
    assert not result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def service(name: str, *flags: str) -> dict[str, Any]:
    """Return a service as the loader understands it."""
    found: dict[str, Any] = loaded(*flags)["services"][name]
    return found


def mounts(name: str) -> dict[str, Path]:
    """Return what of the repository a service has mounted, by where it finds it."""
    return {
        volume["target"]: Path(volume["source"])
        for volume in service(name)["volumes"]
        if volume["type"] == "bind"
    }


def laid_out(name: str, folder: Path) -> Path:
    """Copy what a service has mounted to where it finds it, below a folder."""
    for target, source in mounts(name).items():
        place = folder / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, place)
    return folder


def seen_by(name: str, path: str, folder: Path) -> Any:
    """Return a YAML file as a service finds it."""
    return yaml.safe_load((laid_out(name, folder) / path.lstrip("/")).read_text())


def address(name: str) -> str:
    """Return where the others find a service: the port that it publishes here."""
    (port,) = service(name)["ports"]
    assert port["published"] == str(port["target"])
    return f"{name}:{port['target']}"


def valued(name: str, flag: str) -> str:
    """Return what a service is told by a flag."""
    command: list[str] = service(name)["command"]
    (found,) = (each for each in command if each.startswith(f"{flag}="))
    return found.removeprefix(f"{flag}=")


def test_there_are_the_services_that_are_promised() -> None:
    """Exporter, Prometheus, Alertmanager, Grafana."""
    assert sorted(loaded()["services"]) == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_each_file_that_is_mounted_exists_and_stays_as_it_is(name: str) -> None:
    """Docker would make a folder in its place, and a service could write to it."""
    binds = [each for each in service(name)["volumes"] if each["type"] == "bind"]

    assert binds
    for bind in binds:
        assert Path(bind["source"]).exists()
        assert bind["read_only"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_pinned_confined_and_kept_to_this_machine(name: str) -> None:
    """No tag that moves, no capability, no port that others reach."""
    found = service(name)
    tag = found["image"].rpartition(":")[2]

    assert tag[0] in "v0123456789"
    assert tag.count(".") == 2
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["restart"] == "unless-stopped"
    assert [port["host_ip"] for port in found["ports"]] == ["127.0.0.1"]
    assert found.get("read_only", False) is (name != "grafana")
    # Nor anything that would take some of this back: user, privileged, network_mode, …
    assert set(found) <= {
        *("build", "cap_drop", "command", "environment", "image", "networks"),
        *("ports", "read_only", "restart", "security_opt", "volumes"),
    }


@pytest.mark.parametrize(
    ("name", "flag"),
    [("prometheus", "--storage.tsdb.path"), ("alertmanager", "--storage.path")],
)
def test_what_is_written_goes_into_a_volume(name: str, flag: str) -> None:
    """Nothing else can be written to, and it outlives the container."""
    volumes = {
        volume["target"]
        for volume in service(name)["volumes"]
        if volume["type"] == "volume"
    }

    assert {valued(name, flag)} == volumes


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_links_in_alerts_lead_back_here(name: str) -> None:
    """Of itself a container knows no name that a browser could find."""
    _, _, port = address(name).partition(":")

    assert valued(name, "--web.external-url") == f"http://localhost:{port}"


def test_grafana_lets_everybody_look_and_nobody_in() -> None:
    """There is no login and no password, and so no admin with the one of the manual."""
    environment = service("grafana")["environment"]

    assert (
        environment.items()
        >= {
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
            "GF_AUTH_DISABLE_LOGIN_FORM": "true",
            "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
        }.items()
    )


def test_grafana_fetches_nothing_when_it_starts() -> None:
    """No plugin that nobody chose, and no wait where the network ends at the wall."""
    assert service("grafana")["environment"]["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


def test_the_cloud_is_simulated_until_one_variable_says_otherwise() -> None:
    """Both are commands that the exporter has."""
    (written,) = service("exporter", "-no-interpolation")["command"]

    assert service("exporter")["command"] == ["demo"]
    assert written == "${EXPORTER_COMMAND:-demo}"
    for command in ("demo", "serve"):
        assert build_parser().parse_args([command]).command == command


def test_the_image_can_be_built_where_none_can_be_pulled() -> None:
    """From this repository."""
    assert service("exporter")["build"]["context"] == str(ROOT)


def test_the_exporter_reads_the_file_that_is_mounted(tmp_path: Path) -> None:
    """And whatever of the environment is handed on; no key is in a file."""
    given = service("exporter")["environment"]
    handed_on = {name for name, value in given.items() if value is None}
    environ = {name: value for name, value in given.items() if value is not None}
    environ["ROCKETMQ_DR_API__REGION"] = "cn-beijing"
    file = laid_out("exporter", tmp_path) / environ.pop(
        "ROCKETMQ_DR_CONFIG__FILE"
    ).lstrip("/")

    found = load(flags={}, environ=environ, file=file)

    assert found.warnings == ()
    assert found.settings.api.region == "cn-beijing"
    assert found.settings.api.access_key_id is None
    assert handed_on == {
        "ROCKETMQ_DR_API__REGION",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    }


def test_a_key_that_is_kept_beside_the_file_is_not_committed() -> None:
    """docs/deploy.md says to put it there."""
    assert ran("git", "check-ignore", "--quiet", ".env").returncode == 0


def test_the_real_promtool_takes_configuration_and_rules(tmp_path: Path) -> None:
    """As Prometheus finds them."""
    file = laid_out("prometheus", tmp_path) / "etc" / "prometheus" / "prometheus.yml"

    result = ran("promtool", "check", "config", "--lint=all", str(file))

    assert result.returncode == 0, result.stderr
    for name in ("alerts", "recording"):
        assert f"rules/{name}.yml" in result.stdout
    assert result.stdout.count("rules found") == 2
    assert valued("prometheus", "--config.file") == "/etc/prometheus/prometheus.yml"


def test_prometheus_looks_where_the_others_are(tmp_path: Path) -> None:
    """By their names in the network of the services."""
    config = seen_by("prometheus", "/etc/prometheus/prometheus.yml", tmp_path)
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in config["scrape_configs"]
    }
    (alertmanagers,) = config["alerting"]["alertmanagers"]

    assert jobs == {
        "rocketmq-dr": [address("exporter")],
        "prometheus": ["localhost:9090"],
        "alertmanager": [address("alertmanager")],
    }
    found = alertmanagers["static_configs"][0]["targets"]
    assert found == [address("alertmanager")]


def test_the_real_amtool_takes_routes_and_receivers(tmp_path: Path) -> None:
    """All of the routes that we ship, with receivers that call nobody."""
    path = "/etc/alertmanager/alertmanager.yml"
    config = seen_by("alertmanager", path, tmp_path)
    shipped = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    ours = yaml.safe_load(shipped.read_text())

    result = ran("amtool", "check-config", str(tmp_path / path.lstrip("/")))

    assert result.returncode == 0, result.stderr
    assert config["receivers"] == [{"name": each["name"]} for each in ours["receivers"]]
    assert config["route"] == ours["route"]
    assert config["inhibit_rules"] == ours["inhibit_rules"]
    assert valued("alertmanager", "--config.file") == path


def test_grafana_has_the_dashboards_and_prometheus(tmp_path: Path) -> None:
    """The provider looks where they are mounted, and the first page is one of them."""
    provisioning = "/etc/grafana/provisioning"
    laid_out("grafana", tmp_path)
    (provider,) = yaml.safe_load(
        (tmp_path / f"{provisioning}/dashboards/rocketmq-dr.yaml"[1:]).read_text()
    )["providers"]
    (source,) = yaml.safe_load(
        (tmp_path / f"{provisioning}/datasources/prometheus.yaml"[1:]).read_text()
    )["datasources"]
    folder = tmp_path / provider["options"]["path"].lstrip("/")
    home = service("grafana")["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]

    shipped = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
    assert sorted(file.name for file in folder.glob("*.json")) == [
        file.name for file in shipped
    ]
    assert (tmp_path / home.lstrip("/")).exists()
    assert source["url"] == f"http://{address('prometheus')}"
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
