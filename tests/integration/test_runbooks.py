"""Each alert has a runbook, and what a runbook tells people to type works."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from paths import ROOT
from programs import real
from runbook_pages import (
    blocks,
)

from exporter.metrics.catalogue import ALL, Kind

RULES = ROOT / "deploy" / "prometheus" / "rules"
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "False alarms"]

# What Prometheus and prometheus_client add to the exporter's families.
OTHERS_METRICS = {
    "ALERTS",
    "up",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "scrape_samples_scraped",
}
SUFFIXES = {
    Kind.HISTOGRAM: ("_bucket", "_count", "_sum"),
    Kind.GAUGE_HISTOGRAM: ("_bucket", "_gcount", "_gsum"),
}
OTHERS_LABELS = {"job", "instance"}

PAGES = sorted(page for page in RUNBOOKS.glob("*.md") if page.name != "README.md")
ALL_PAGES = [*PAGES, RUNBOOKS / "README.md"]
of_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
of_all_pages = pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)


@cache
def rules(file: str) -> list[dict[str, Any]]:
    """Return the rules of a file, in its order."""
    read = yaml.safe_load((RULES / file).read_text(encoding="utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


@cache
def alerts() -> dict[str, set[str]]:
    """Return the severities of each alert."""
    found: dict[str, set[str]] = {}
    for rule in rules("alerts.yml"):
        found.setdefault(rule["alert"], set()).add(rule["labels"]["severity"])
    return found


@cache
def known_metrics() -> set[str]:
    """Return the name of every series that a query may ask for."""
    exported = {
        family.name + suffix
        for family in ALL
        for suffix in SUFFIXES.get(family.kind, ("",))
    }
    recorded = {rule["record"] for rule in rules("recording.yml")}
    return exported | recorded | OTHERS_METRICS


def test_promtool_understands_every_query(tmp_path: Path) -> None:
    """Each query of each page is PromQL, as a real Prometheus reads it."""
    queries = [
        {"record": f"page:{page.stem}:query", "expr": query, "labels": {"n": str(n)}}
        for page in ALL_PAGES
        for n, query in enumerate(blocks(page, "promql"))
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "pages", "rules": queries}]}))

    done = subprocess.run(
        [real("promtool"), "check", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(queries)} rules found" in done.stdout
