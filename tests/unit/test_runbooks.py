"""Each alert has a runbook, and what a runbook tells people to type works."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from paths import ROOT
from runbook_pages import (
    blocks,
    commands,
    grouping_labels,
    headings,
    metrics,
    selected_labels,
)

from exporter.app.arguments import PROGRAM
from exporter.app.flags import build_parser
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


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    """Nobody is sent to a page that is not there, and none is left over."""
    assert sorted(page.stem for page in PAGES) == sorted(alerts())


def test_each_alert_links_to_its_page() -> None:
    """`runbook_url` ends in the path of the page that has the alert's name."""
    for rule in rules("alerts.yml"):
        path = rule["annotations"]["runbook_url"].partition("/blob/main/")[2]

        assert path == f"docs/runbooks/{rule['alert']}.md"


def test_the_table_names_each_alert_with_its_severities() -> None:
    """docs/runbooks/README.md says of each alert whether it pages."""
    text = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    row = r"^\| \[(\w+)\]\((\w+)\.md\) \| ([a-z, ]+) \| .+ \|$"

    rows = re.findall(row, text, re.MULTILINE)

    assert [name for name, page, _ in rows if name != page] == []
    assert {name: set(severity.split(", ")) for name, _, severity in rows} == alerts()
    assert len(rows) == len(alerts())


@of_each_page
def test_a_page_has_the_five_sections_in_order(page: Path) -> None:
    """Who is woken finds the same things in the same place."""
    assert headings(page, "#") == [page.stem]
    assert headings(page, "##") == SECTIONS


@of_each_page
def test_a_page_says_first_whether_to_get_up(page: Path) -> None:
    """The first paragraph begins with the highest severity and says what it asks."""
    _, first, *_ = page.read_text(encoding="utf-8").replace("\n\n", "\0").split("\0")

    severity = first.partition(",")[0].lower()
    assert severity == ("critical" if "critical" in alerts()[page.stem] else "warning")
    asked = "nobody has to get up" if severity == "warning" else "get up"
    assert asked in first.replace("\n", " ")


@of_each_page
def test_a_page_tells_how_to_ask_and_how_to_silence(page: Path) -> None:
    """There are queries, and one silence: for this alert and no other."""
    silences = [words for words in commands(page) if words[0] == "amtool"]

    assert list(blocks(page, "promql"))
    (silence,) = silences
    assert [word for word in silence if "alertname" in word] == [
        f"alertname={page.stem}"
    ]


@of_all_pages
def test_a_page_asks_only_for_metrics_that_exist(page: Path) -> None:
    """No query of a page names what neither the exporter nor a rule gives."""
    asked = set[str]().union(*map(metrics, blocks(page, "promql")))

    assert asked <= known_metrics()


@of_all_pages
def test_a_page_selects_only_by_labels_that_a_family_has(page: Path) -> None:
    """A label that is mistyped selects nothing, which looks like health."""
    labels = {family.name: {*family.labels, *OTHERS_LABELS} for family in ALL}

    for query in blocks(page, "promql"):
        for name, label in selected_labels(query):
            assert label in labels.get(name, {label}), f"{name} has no {label}"


@of_all_pages
def test_a_page_groups_only_by_labels_that_there_are(page: Path) -> None:
    """Whatever a query groups or joins by is a label of a family or a target's."""
    known = {label for family in ALL for label in family.labels} | OTHERS_LABELS

    used = set[str]().union(*map(grouping_labels, blocks(page, "promql")))

    assert used <= known


@of_all_pages
def test_a_page_gives_only_flags_that_the_program_takes(page: Path) -> None:
    """Each command of ours is one that its own parser accepts."""
    parser = build_parser()

    for words in commands(page):
        if words[0] == PROGRAM:
            parser.parse_args(words[1:])


def test_pages_run_only_programs_that_an_operator_has() -> None:
    """A command of another program than these is a mistake in a page."""
    programs = {words[0] for page in ALL_PAGES for words in commands(page)}

    assert programs == {PROGRAM, "amtool", "curl", "date", "echo"}


@of_all_pages
def test_a_page_links_to_what_is_there(page: Path) -> None:
    """Each link leads to a file of the repository, and to a heading it has."""
    links = r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)"

    for path, anchor in re.findall(links, page.read_text(encoding="utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), path
        if anchor:
            names = [name.lower().replace(" ", "-") for name in headings(target, "##")]
            assert anchor in names, anchor
