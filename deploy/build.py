"""Writes what deployments take from elsewhere; with --check it only compares.

Kustomize reads rules and routes in no form but a manifest's, compose needs receivers
that can be called, and the chart's schema repeats what its values.yaml says.
The chart has copies, as some programs that take it from git leave links out. The name
of the image is a value of the chart, and the same for kustomize and compose.
Exit 1 with --check when a file is not what it has to be.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.chart import schema, values

ROOT = Path(__file__).parents[1]
DEPLOY = Path("deploy")
COMPOSE = DEPLOY / "compose"
CHART = DEPLOY / "helm" / "rocketmq-dr-exporter"
COPIES = CHART / "files"
DASHBOARDS = Path("grafana") / "dashboards"
# Files that may be loaded beside these two are left to who loads them.
RULES = [
    DEPLOY / "prometheus" / "rules" / f"{name}.yml" for name in ("recording", "alerts")
]
ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yml"

_SOURCE = "# Written by deploy/build.py from {}: change it there.\n"
_RECEIVERS = """\
# Written by deploy/build.py from deploy/alertmanager/alertmanager.yml, whose receivers
# have to be filled in. These call nobody: look at alerts at localhost:9093.
"""


def prometheus_rule(files: Sequence[str]) -> str:
    r"""Return the manifest of the rules in rule files.

    >>> manifest = prometheus_rule(["groups: [{name: a, rules: [{expr: 'b'}]}]"])
    >>> manifest.splitlines()[-3:]
    ['  - name: a', '    rules:', '    - expr: b']
    """
    groups = [group for text in files for group in yaml.safe_load(text)["groups"]]
    made = _manifest("v1", "PrometheusRule", {"groups": groups})
    return _SOURCE.format("deploy/prometheus/rules/") + made


def alertmanager_config(alertmanager: str) -> str:
    r"""Return the manifest of Alertmanager's routes and inhibitions.

    The Operator merges it into what routes other alerts, so it asks for ours alone.
    Of the receivers it has the names.

    >>> text = "route: {receiver: a}\nreceivers: [{name: a}]\ninhibit_rules: []\n"
    >>> alertmanager_config(text).splitlines()[-4:]
    ['    receiver: a', '  receivers:', '  - name: a', '  inhibitRules: []']
    """
    whole = yaml.safe_load(alertmanager)
    ours = {"matchers": ['alertname =~ "RocketMQDR.+"']}
    spec = {
        "route": _for_operator(ours | whole["route"]),
        "receivers": [{"name": each["name"]} for each in whole["receivers"]],
        "inhibitRules": [_for_operator(rule) for rule in whole["inhibit_rules"]],
    }
    made = _manifest("v1alpha1", "AlertmanagerConfig", spec)
    return _SOURCE.format(ALERTMANAGER.as_posix()) + made


_OPERATOR_NAMES = {
    "group_by": "groupBy",
    "group_wait": "groupWait",
    "group_interval": "groupInterval",
    "repeat_interval": "repeatInterval",
    "source_matchers": "sourceMatch",
    "target_matchers": "targetMatch",
}


def _for_operator(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a route or an inhibition in the Operator's words.

    >>> _for_operator({"source_matchers": ['a != ""'], "equal": ["b"]})
    {'sourceMatch': [{'name': 'a', 'value': '', 'matchType': '!='}], 'equal': ['b']}
    """
    found = {_OPERATOR_NAMES.get(key, key): value for key, value in part.items()}
    for key in {"matchers", "sourceMatch", "targetMatch"} & found.keys():
        found[key] = [_matcher(text) for text in found[key]]
    if "routes" in found:
        found["routes"] = [_for_operator(route) for route in found["routes"]]
    return found


def _matcher(text: str) -> dict[str, str]:
    name, match_type, value = text.split(maxsplit=2)
    return {"name": name, "value": value.strip('"'), "matchType": match_type}


def _manifest(version: str, kind: str, spec: Mapping[str, Any]) -> str:
    """Return an object of the Prometheus Operator."""
    name = "rocketmq-dr-exporter"
    manifest = {
        "apiVersion": f"monitoring.coreos.com/{version}",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": name}},
        "spec": spec,
    }
    text: str = yaml.dump(
        manifest, Dumper=_Dumper, sort_keys=False, width=10**6, allow_unicode=True
    )
    return text


class _Dumper(yaml.SafeDumper):
    """Writes lines as lines: kustomize adds empty ones to what is folded."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Write in full what the rule files say once."""
        return True


def _as_lines(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _as_lines)


def without_calls(alertmanager: str) -> str:
    r"""Return Alertmanager's configuration with receivers that call nobody.

    >>> text = "#\nroute: {}\nreceivers:\n  - name: a\n    webhook_configs: [{}]\n"
    >>> without_calls(text).splitlines()[-2:]
    ['receivers:', '  - name: a']
    """
    body = alertmanager[alertmanager.index("route:") :]
    return _RECEIVERS + re.sub(r"\n    webhook_configs: .*", "", body)


def with_image(text: str, given: str) -> str:
    """Return a manifest with the image of the chart's values, and the tag it had.

    >>> with_image("image: rocketmq-dr-exporter:1", "image: {repository: a.example/b}")
    'image: a.example/b:1'
    """
    image = yaml.safe_load(given)["image"]
    name = "/".join(filter(None, (image.get("registry"), image["repository"])))
    pattern = r"((?:newName|image): )\S*rocketmq-dr-exporter(?=:|$)"
    return re.sub(
        pattern, rf"\1{name or 'rocketmq-dr-exporter'}", text, flags=re.MULTILINE
    )


def files(root: Path) -> Mapping[Path, str]:
    """Return what every generated file has to hold, by its place in the repository."""

    def read(place: Path) -> str:
        return (root / place).read_text(encoding="utf-8")

    given = read(CHART / "values.yaml")
    found = values(given)
    alertmanager = read(ALERTMANAGER)
    routes = alertmanager_config(alertmanager)
    components = DEPLOY / "kubernetes" / "components"
    named = (DEPLOY / "kubernetes/base/kustomization.yaml", COMPOSE / "compose.yaml")
    copied = [
        *(root / RULES[0].parent).glob("*.yml"),
        *(root / DASHBOARDS).glob("*.json"),
    ]
    return {
        components / "prometheus-operator/prometheus-rule.yaml": prometheus_rule(
            [read(place) for place in RULES]
        ),
        components / "alertmanager-config/alertmanager-config.yaml": routes,
        COPIES / "alertmanager-config/alertmanager-config.yaml": routes,
        COMPOSE / "alertmanager.yml": without_calls(alertmanager),
        **{place: with_image(read(place), given) for place in named},
        **{COPIES / file.parent.name / file.name: read(file) for file in copied},
        CHART / "values.schema.json": schema(found),
    }


def left_over(root: Path) -> list[Path]:
    """Return the chart's copies of what is no more."""
    copies = [file for file in (root / COPIES).rglob("*") if file.is_file()]
    return [file for file in copies if file.relative_to(root) not in files(root)]


def stale(root: Path) -> list[str]:
    """Return the files that are not what they have to be."""
    return [
        str(place)
        for place, text in files(root).items()
        if not (root / place).exists()
        or (root / place).read_text(encoding="utf-8") != text
    ] + [str(file.relative_to(root)) for file in left_over(root)]


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write or check the files."""
    if "--check" not in arguments:
        for place, text in files(root).items():
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).write_text(text, encoding="utf-8")
        for file in left_over(root):
            file.unlink()
        return 0
    wrong = stale(root)
    for name in wrong:
        print(
            f"{name} is not what deploy/build.py makes of its sources: run `make docs`"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
