"""The compose files: complete, confined, and accepted by the real programs."""

from __future__ import annotations

import json
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


def mounted(name: str, target: str) -> Path:
    """Return the file that a service has mounted there, or in a folder above."""
    (found,) = (
        Path(each["source"]) / Path(target).relative_to(each["target"])
        for each in service(name)["volumes"]
        if each["type"] == "bind" and Path(target).is_relative_to(each["target"])
    )
    return found


def address(name: str) -> str:
    """Return where the others find a service: the port that it publishes here."""
    (port,) = service(name)["ports"]
    assert port["published"] == str(port["target"])
    return f"{name}:{port['target']}"


def valued(name: str, flag: str) -> str:
    """Return the value of a service's flag."""
    command: list[str] = service(name)["command"]
    (found,) = (each for each in command if each.startswith(f"{flag}="))
    return found.removeprefix(f"{flag}=")


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_pinned_confined_and_on_loopback_only(name: str) -> None:
    """No tag that moves, no capability, no file written but in a volume."""
    assert sorted(loaded()["services"]) == SERVICES
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
    # Nothing else that could weaken this: user, privileged, network_mode, …
    assert set(found) <= {
        *("build", "cap_drop", "command", "env_file", "environment", "image"),
        *("networks", "ports", "read_only", "restart", "security_opt", "volumes"),
    }
    # Docker would create a folder where a file is missing.
    assert all(Path(bind["source"]).exists() for bind in binds)
    assert all(bind["read_only"] is True for bind in binds)


def test_data_is_in_a_volume_and_links_work_in_a_browser() -> None:
    """A container cannot know the address that a browser uses."""
    for name, data in (("prometheus", "storage.tsdb"), ("alertmanager", "storage")):
        volumes = [x for x in service(name)["volumes"] if x["type"] == "volume"]
        port = address(name).partition(":")[2]

        assert [valued(name, f"--{data}.path")] == [x["target"] for x in volumes]
        assert valued(name, "--web.external-url") == f"http://localhost:{port}"


def test_everybody_may_look_and_explore_in_grafana_without_a_login() -> None:
    """There is no password; its data is from Prometheus, and our dashboards stay."""
    provisioning = "/etc/grafana/provisioning"
    environment = service("grafana")["environment"]
    (provider,) = yaml.safe_load(
        mounted("grafana", f"{provisioning}/dashboards/rocketmq-dr.yaml").read_text()
    )["providers"]
    (source,) = yaml.safe_load(
        mounted("grafana", f"{provisioning}/datasources/prometheus.yaml").read_text()
    )["datasources"]
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    wanted = {
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Editor",  # a viewer may not explore
        "GF_AUTH_DISABLE_LOGIN_FORM": "true",
        "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    }

    assert environment.items() >= wanted.items()
    dashboards = mounted("grafana", provider["options"]["path"])
    assert dashboards.samefile(ROOT / "grafana" / "dashboards")
    assert provider["allowUiUpdates"] is source["editable"] is False
    assert mounted("grafana", home).exists()
    assert source["url"] == f"http://{address('prometheus')}"


def test_the_exporter_reads_the_mounted_file_and_its_environment() -> None:
    """Region, key, proxy and all of .env are passed on; no key is in a file of ours.

    One variable chooses between demo and serve.
    """
    assert service("exporter")["command"] == ["demo"]
    (written,) = service("exporter", "-no-interpolation")["command"]
    assert written == "${EXPORTER_COMMAND:-demo}"
    assert parse_command_line(["serve"]).command == "serve"
    assert service("exporter")["build"]["context"] == str(ROOT)
    given = service("exporter")["environment"]
    passed_on = {name for name, value in given.items() if value is None}
    environ = {name: value for name, value in given.items() if value is not None}
    environ["ROCKETMQ_DR_API__REGION"] = "cn-beijing"
    file = mounted("exporter", environ.pop("ROCKETMQ_DR_CONFIG__FILE"))

    found = load(flags={}, environ=environ, file=file)

    assert unknown_variables(environ) == ()
    assert found.api.region == "cn-beijing"
    assert found.api.access_key_id is None
    assert service("exporter")["env_file"] == [
        {"path": str(COMPOSE / ".env"), "required": False}
    ]
    assert passed_on == {
        *("ROCKETMQ_DR_API__NETWORK", "ROCKETMQ_DR_API__REGION"),
        *("HTTPS_PROXY", "NO_PROXY"),
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    }
    # docs/deploy.md keeps a key there.
    assert ran("git", "check-ignore", "--quiet", ".env").returncode == 0


def test_prometheus_finds_the_others_and_its_rules(tmp_path: Path) -> None:
    """The real promtool accepts configuration and rules, each in its place."""
    path = valued("prometheus", "--config.file")
    text = mounted("prometheus", path).read_text()
    config = yaml.safe_load(text)
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in config["scrape_configs"]
    }
    (alertmanagers,) = config["alerting"]["alertmanagers"]
    rules = Path(path).with_name("rules")
    (tmp_path / "prometheus.yml").write_text(text)
    (tmp_path / rules.name).symlink_to(mounted("prometheus", str(rules)))

    check = ("promtool", "check", "config", "--lint=all")
    result = ran(*check, str(tmp_path / "prometheus.yml"))

    assert result.returncode == 0, result.stderr
    assert result.stdout.count("rules found") == 2
    assert jobs == {
        "rocketmq-dr": [address("exporter")],
        "prometheus": ["localhost:9090"],
        "alertmanager": [address("alertmanager")],
    }
    found = alertmanagers["static_configs"][0]["targets"]
    assert found == [address("alertmanager")]


def test_alertmanager_has_our_routes_and_calls_nobody() -> None:
    """The real amtool accepts the file, which deploy/build.py writes."""
    file = mounted("alertmanager", valued("alertmanager", "--config.file"))

    result = ran("amtool", "check-config", str(file))

    assert result.returncode == 0, result.stderr
    receivers = yaml.safe_load(file.read_text())["receivers"]
    assert {key for each in receivers for key in each} == {"name"}
