"""What documents link to and name exists; nothing here judges their words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import promql
import pytest
import yaml
from alerting import RULE_FILES
from manifests import DEPLOY
from paths import ROOT

from deploy.chart import values
from exporter.app.flags import PROGRAM, parse_command_line
from exporter.config.catalogue import setting_specs
from exporter.config.load import load
from exporter.config.settings import Settings
from exporter.metrics.catalogue import ALL

DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for folder in ("*.md", "docs/**/*.md", "deploy/**/*.md", ".github/**/*.md")
    for path in ROOT.glob(folder)
}
documents = pytest.mark.parametrize("name", DOCUMENTS)
RULES = [
    rule
    for file in RULE_FILES
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"] for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
METRICS = {family.name for family in ALL} | promql.exported() | RECORDED
LABELS = {label for family in ALL for label in family.labels}
SECTIONS = set(Settings.model_fields)
CHART = values((DEPLOY / "helm" / PROGRAM / "values.yaml").read_text(encoding="utf-8"))
VALUES = {".".join(value.path) for value in CHART}
SETTINGS = {
    path[:end]
    for path in {*setting_specs(), *VALUES}
    for end in [*(dot.start() for dot in re.finditer(r"\.", path)), len(path)]
}
VARIABLES = {spec.environment for spec in setting_specs().values()} - {None}
BLOCK = re.compile(r"^ *```(\w+).*\n((?:.*\n)*?) *```$", re.MULTILINE)


def blocks(name: str, kind: str) -> Iterator[str]:
    """Yield what stands in fenced blocks of a kind."""
    for found, text in BLOCK.findall(DOCUMENTS[name]):
        if found == kind:
            yield text


def commands(name: str) -> Iterator[list[str]]:
    """Yield the words of each command of ours, which runbooks call `$DR`."""
    ours = rf"^ *(?:\$DR|{PROGRAM})\b(?: [^|&>;\n]*)?$"
    for text in blocks(name, "sh"):
        for line in re.sub(r"\\\n|[|&>].*", " ", text).splitlines():
            if re.match(ours, line):
                yield shlex.split(line, comments=True)[1:]
    for text in re.findall(rf"`(?:\$DR|{PROGRAM}) ([^`…]+)`", DOCUMENTS[name]):
        yield shlex.split(text)


@documents
def test_a_page_links_to_what_exists(name: str) -> None:
    """Each link leads to a file of the repository, and to a heading of it."""
    page = ROOT / name
    for path, anchor in re.findall(
        r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", DOCUMENTS[name]
    ):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor:
            text = BLOCK.sub("", target.read_text(encoding="utf-8"))
            headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            words = (re.sub(r"[^\w -]", "", each.lower()) for each in headings)
            assert anchor in {each.replace(" ", "-") for each in words}


@documents
def test_what_a_page_names_exists(name: str) -> None:
    """Metrics, recorded rules, alerts, settings, variables, and values of the chart."""
    text = re.sub(r"rocketmq_dr_\w*(?:\*|…)", "", DOCUMENTS[name])
    metrics = set(re.findall(r"(?<![\w:/-])(?:\w+:)?rocketmq_dr_\w+[\w:]*", text))
    alerts = set(re.findall(r"\bRocketMQDR[A-Z]\w+", text))
    first = "|".join({re.split(r"\W", path)[0] for path in SETTINGS})
    settings = set(re.findall(rf"`((?:{first})\.[\w.\[\]]+)(?:: [^`]*)?`", text))
    variables = set(re.findall(r"\bROCKETMQ_DR_[A-Z_]+[A-Z]\b", text))

    assert {x for x in metrics - METRICS if "_copy_" not in x} <= {
        "rocketmq_dr_exporter"
    }
    assert alerts <= ALERTS
    files = {name for name in settings if name.endswith((".yml", ".yaml"))}
    assert settings - files <= SETTINGS | {"copy.enabled"}  # yet to come
    assert variables <= VARIABLES | {"ROCKETMQ_DR_CONFIG__FILE"}


@documents
def test_commands_are_ones_that_the_program_takes(name: str) -> None:
    """Its own parser accepts each."""
    for words in commands(name):
        if not {"--help", "--version"} & set(words):
            parse_command_line(words)


@documents
def test_queries_ask_for_metrics_and_labels_that_exist(name: str) -> None:
    """A name that is mistyped selects nothing, which looks like health."""
    others = {"job", "instance", "pod", "alertname"}
    for text in blocks(name, "promql"):
        # A block is one query, or has one in each line.
        lines = [x for x in text.splitlines() if x.strip() and not x.startswith("#")]
        is_one = len(lines) > 1 and any(x.startswith(" ") for x in lines)
        for query in [text] if is_one else lines:
            unknown = promql.names(query) - METRICS - promql.OTHERS
            assert {x for x in unknown if "_copy_" not in x} == set(), query
            assert promql.labels(query) <= LABELS | others, query


@documents
def test_configurations_are_valid(name: str, tmp_path: Path) -> None:
    """The exporter's own loader accepts each block of YAML that is one."""
    file = tmp_path / "config.yaml"
    for text in blocks(name, "yaml"):
        keys = yaml.safe_load(text)
        if isinstance(keys, dict) and keys.keys() <= SECTIONS:
            file.write_text(text, encoding="utf-8")
            load(flags={}, environ={}, file=file)


def test_each_alert_has_a_page_and_a_line_and_leads_to_it() -> None:
    """No page is missing, and none is left over."""
    runbooks = "docs/runbooks/"
    pages = {x.removeprefix(runbooks)[:-3] for x in DOCUMENTS if runbooks in x}
    index = re.findall(r"\[(\w+)\]\(\1\.md\)", DOCUMENTS[f"{runbooks}README.md"])
    overview = re.findall(r"\[(\w+)\]\(runbooks/\1", DOCUMENTS["docs/alerts.md"])

    assert pages - {"README"} == ALERTS == set(index) == set(overview)
    for rule in RULES:
        if "alert" in rule:
            path = rule["annotations"]["runbook_url"].partition("/blob/main/")[2]
            assert path == f"{runbooks}{rule['alert']}.md"
