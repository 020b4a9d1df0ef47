"""Writes what deployments take from elsewhere; with --check it only compares.

Kustomize reads rules in no form but a manifest's, compose needs receivers that can be
called, and the chart's README and schema repeat what its values.yaml says. Exit 1 with
--check when a file is not what it has to be.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from deploy.chart import readme, schema, values

ROOT = Path(__file__).parents[1]
DEPLOY = Path("deploy")
CHART = DEPLOY / "helm" / "rocketmq-dr-exporter"
# Files that may be loaded beside these two are left to who loads them.
RULES = [
    DEPLOY / "prometheus" / "rules" / f"{name}.yml" for name in ("recording", "alerts")
]
ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yml"

_FROM_RULES = (
    "# Written by deploy/build.py from deploy/prometheus/rules/: change it there.\n"
)
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
    name = "rocketmq-dr-exporter"
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": name}},
        "spec": {
            "groups": [
                group for text in files for group in yaml.safe_load(text)["groups"]
            ]
        },
    }
    text: str = yaml.dump(
        manifest, Dumper=_Dumper, sort_keys=False, width=10**6, allow_unicode=True
    )
    return _FROM_RULES + text


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


def files(root: Path) -> Mapping[Path, str]:
    """Return what every generated file has to hold, by its place in the repository."""
    found = values((root / CHART / "values.yaml").read_text(encoding="utf-8"))
    rules = [(root / place).read_text(encoding="utf-8") for place in RULES]
    operator = DEPLOY / "kubernetes" / "components" / "prometheus-operator"
    return {
        operator / "prometheus-rule.yaml": prometheus_rule(rules),
        DEPLOY / "compose" / "alertmanager.yml": without_calls(
            (root / ALERTMANAGER).read_text(encoding="utf-8")
        ),
        CHART / "README.md": readme(found),
        CHART / "values.schema.json": schema(found),
    }


def stale(root: Path) -> list[str]:
    """Return the files that are not what they have to be."""
    return [
        str(place)
        for place, text in files(root).items()
        if not (root / place).exists()
        or (root / place).read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write or check the files."""
    if "--check" not in arguments:
        for place, text in files(root).items():
            (root / place).write_text(text, encoding="utf-8")
        return 0
    wrong = stale(root)
    for name in wrong:
        print(
            f"{name} is not what deploy/build.py makes of its sources: run `make docs`"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
