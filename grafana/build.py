"""Writes grafana/dashboards/ and docs/dashboards.md; with --check it only compares.

Exit 1 with --check when a file is not what the code says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import exporter, fleet, plan
from grafana.boards import built

ROOT = Path(__file__).parents[1]
FOLDER = Path("grafana", "dashboards")
BOARDS = {"fleet": fleet.board, "plan": plan.board, "exporter": exporter.board}

INTRODUCTION = """\
# Dashboards

Generated from `grafana/` by `make docs`; change it there.

Three dashboards for Grafana 10.1 or newer, as classic JSON in `grafana/dashboards/`.
They need a Prometheus that scrapes the exporter, and nothing else: no recording rule,
no plugin. The panel of firing alerts shows what the shipped rules fire.

- **Import**: *Dashboards → New → Import*, one file at a time. The data source is chosen
  on the dashboard itself.
- **Provisioning**: [dashboards.yaml](../grafana/provisioning/dashboards.yaml) into
  Grafana's `provisioning/dashboards/`, the JSON into the folder that it names.
- **Kubernetes**: `kubectl apply -k grafana/` makes a ConfigMap with the label
  `grafana_dashboard`, which the sidecar of Grafana's chart looks for.

They cannot be edited in place; *Save as* makes a copy that can. Several exporters, and
several replicas that poll the same routes, are counted once: whatever is said of a
route or a checkpoint is brought down to its own labels first. *Job* and *Instance*
narrow everything but the firing alerts.

*Fleet* and *Exporter* read what the exporter sums up itself, however many checkpoints
there are; only the two tables of the largest lags and ages read every series. So does
*Plan*, of its one plan. A smaller `metrics.families` empties the panels that need what
is left out, and no other.
"""


def dashboards() -> dict[str, dict[str, Any]]:
    """Return each dashboard as Grafana takes it, by the name of its file."""
    texts = {
        name: JSONEncoder(sort_keys=True).encode(built(board()))
        for name, board in BOARDS.items()
    }
    return {name: json.loads(text) for name, text in texts.items()}


def files() -> Mapping[Path, str]:
    """Return what every generated file has to hold, by its place in the repository."""
    made = dashboards()
    texts = {
        FOLDER / f"{name}.json": json.dumps(one, indent=2, ensure_ascii=False) + "\n"
        for name, one in made.items()
    }
    return {**texts, Path("docs", "dashboards.md"): page(list(made.values()))}


def write(root: Path) -> None:
    """Write the files."""
    for place, text in files().items():
        (root / place).write_text(text, encoding="utf-8")


def stale(root: Path) -> list[str]:
    """Return the files that are not what they have to be, or are too many."""
    wanted = files()
    there = {place.relative_to(root) for place in (root / FOLDER).glob("*.json")}
    wrong = {
        place
        for place, text in wanted.items()
        if not (root / place).exists()
        or (root / place).read_text(encoding="utf-8") != text
    }
    return sorted(map(str, wrong | (there - set(wanted))))


def main(arguments: Sequence[str]) -> int:
    """Write or check the files."""
    if "--check" not in arguments:
        write(ROOT)
        return 0
    wrong = stale(ROOT)
    for place in wrong:
        print(f"{place} is not what grafana/ says: run `make docs`")
    return 1 if wrong else 0


def page(dashboards: Sequence[Mapping[str, Any]]) -> str:
    """Return the whole page."""
    return INTRODUCTION + "".join(
        "".join(_dashboard(dashboard)) for dashboard in dashboards
    )


def panels(dashboard: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the panels of a dashboard that show something: all but rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def _dashboard(dashboard: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n## {dashboard['title']}\n\n{dashboard['description']}\n"
    shown = panels(dashboard)
    queries = sum(len(panel["targets"]) for panel in shown)
    yield f"\n`{dashboard['uid']}`, {len(shown)} panels, {queries} queries.\n"
    choices = [
        variable["label"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    ]
    yield f"Variables: {', '.join(choices)}.\n"
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield f"\n### {panel['title']}\n"
        else:
            yield from _panel(panel)


def _panel(panel: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n**{panel['title']}** ({panel['type']}). {panel['description']}\n"
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    if len(steps) > 1:
        yield f"\nThresholds: {', '.join(_steps(steps))}.\n"
    yield "\n```promql\n"
    yield "".join(f"{target['expr']}\n" for target in panel["targets"])
    yield "```\n"


def _steps(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for step in steps:
        at = "" if step["value"] is None else f" from {step['value']:g}"
        yield f"{step['color']}{at}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
