"""The compose files: complete, confined, and understood by what runs."""

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

from exporter.app.flags import parse_command_line
from exporter.config.load import load, unknown_variables

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


def laid_out(name: str, folder: Path) -> Path:
    """Copy what a service has mounted to where it finds it, below a folder."""
    for volume in service(name)["volumes"]:
        if volume["type"] == "bind":
            place = folder / volume["target"].lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            source = Path(volume["source"])
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, place)
    return folder


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
def test_each_service_is_pinned_confined_and_kept_to_this_machine(name: str) -> None:
    """No tag that moves, no capability, no port that others reach, no file written."""
    found = service(name)
    tag = found["image"].rpartition(":")[2]
    binds = [each for each in found["volumes"] if each["type"] == "bind"]

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
    # Docker would make a folder in the place of a file that is not there.
    assert all(Path(bind["source"]).exists() for bind in binds)
    assert all(bind["read_only"] is True for bind in binds)


@pytest.mark.parametrize(
    ("name", "flag"),
    [("prometheus", "--storage.tsdb.path"), ("alertmanager", "--storage.path")],
)
def test_data_is_in_a_volume_and_links_lead_back_here(name: str, flag: str) -> None:
    """Of itself a container knows no name that a browser could find."""
    volumes = [x["target"] for x in service(name)["volumes"] if x["type"] == "volume"]
    port = address(name).partition(":")[2]

    assert [valued(name, flag)] == volumes
    assert valued(name, "--web.external-url") == f"http://localhost:{port}"


def test_grafana_lets_everybody_look_and_nobody_in(tmp_path: Path) -> None:
    """There is no login and no password; it shows the dashboards of Prometheus."""
    laid_out("grafana", tmp_path)
    environment = service("grafana")["environment"]
    provisioning = tmp_path / "etc/grafana/provisioning"
    (provider,) = yaml.safe_load(
        (provisioning / "dashboards/rocketmq-dr.yaml").read_text()
    )["providers"]
    (source,) = yaml.safe_load(
        (provisioning / "datasources/prometheus.yaml").read_text()
    )["datasources"]
    folder = tmp_path / provider["options"]["path"].lstrip("/")
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]

    assert (
        environment.items()
        >= {
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
            "GF_AUTH_DISABLE_LOGIN_FORM": "true",
            "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
            "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        }.items()
    )
    shipped = (ROOT / "grafana" / "dashboards").glob("*.json")
    assert {x.name for x in folder.glob("*.json")} == {x.name for x in shipped}
    assert (tmp_path / home.lstrip("/")).exists()
    assert source["url"] == f"http://{address('prometheus')}"


def test_the_cloud_is_simulated_until_one_variable_says_otherwise() -> None:
    """Both are commands that the exporter has."""
    (written,) = service("exporter", "-no-interpolation")["command"]

    assert service("exporter")["command"] == ["demo"]
    assert written == "${EXPORTER_COMMAND:-demo}"
    for command in ("demo", "serve"):
        assert parse_command_line([command]).command == command
    assert service("exporter")["build"]["context"] == str(ROOT)


def test_the_exporter_reads_the_file_that_is_mounted(tmp_path: Path) -> None:
    """And whatever of the environment is handed on; no key is in a file."""
    given = service("exporter")["environment"]
    handed_on = {name for name, value in given.items() if value is None}
    environ = {name: value for name, value in given.items() if value is not None}
    environ["ROCKETMQ_DR_API__REGION"] = "cn-beijing"
    name = environ.pop("ROCKETMQ_DR_CONFIG__FILE").lstrip("/")

    found = load(flags={}, environ=environ, file=laid_out("exporter", tmp_path) / name)

    assert unknown_variables(environ) == ()
    assert found.api.region == "cn-beijing"
    assert found.api.access_key_id is None
    assert handed_on == {
        "ROCKETMQ_DR_API__REGION",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    }
    # docs/deploy.md says to keep a key there.
    assert ran("git", "check-ignore", "--quiet", ".env").returncode == 0


def test_prometheus_finds_the_others_and_its_rules(tmp_path: Path) -> None:
    """The real promtool takes configuration and rules."""
    path = "/etc/prometheus/prometheus.yml"
    file = laid_out("prometheus", tmp_path) / path.lstrip("/")
    config = yaml.safe_load(file.read_text())
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in config["scrape_configs"]
    }
    (alertmanagers,) = config["alerting"]["alertmanagers"]

    result = ran("promtool", "check", "config", "--lint=all", str(file))

    assert result.returncode == 0, result.stderr
    assert result.stdout.count("rules found") == 2
    assert valued("prometheus", "--config.file") == path
    assert jobs == {
        "rocketmq-dr": [address("exporter")],
        "prometheus": ["localhost:9090"],
        "alertmanager": [address("alertmanager")],
    }
    found = alertmanagers["static_configs"][0]["targets"]
    assert found == [address("alertmanager")]


def test_alertmanager_routes_as_ours_and_calls_nobody(tmp_path: Path) -> None:
    """The real amtool takes all of the routes that we ship."""
    path = "/etc/alertmanager/alertmanager.yml"
    file = laid_out("alertmanager", tmp_path) / path.lstrip("/")
    config = yaml.safe_load(file.read_text())
    shipped = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    ours = yaml.safe_load(shipped.read_text())

    result = ran("amtool", "check-config", str(file))

    assert result.returncode == 0, result.stderr
    assert config["receivers"] == [{"name": each["name"]} for each in ours["receivers"]]
    assert config["route"] == ours["route"]
    assert config["inhibit_rules"] == ours["inhibit_rules"]
    assert valued("alertmanager", "--config.file") == path
