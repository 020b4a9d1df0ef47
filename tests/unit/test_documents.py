"""Links of documents lead somewhere; each alert has a runbook whose commands work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import promql
import pytest
import yaml
from alerting import RULE_FILES
from paths import ROOT

from exporter.app.flags import PROGRAM, parse_command_line
from exporter.metrics.catalogue import ALL

RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = [
    rule
    for file in RULE_FILES
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"] for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}

PAGES = sorted(RUNBOOKS.glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, kind: str) -> Iterator[str]:
    """Yield what stands in fenced blocks of a kind."""
    for found, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if found == kind:
            yield text


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command: all of `sh`, what follows a `$` in `console`."""
    for text in blocks(page, "sh"):
        yield from map(shlex.split, text.replace("\\\n", " ").splitlines())
    for text in blocks(page, "console"):
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield shlex.split(line.removeprefix("$ "))


def test_each_alert_has_a_page_and_a_line_and_leads_to_it() -> None:
    """No page is missing, and none is left over."""
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    overview = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")

    assert {page.stem for page in PAGES} - {"README"} == ALERTS
    assert set(re.findall(r"\[(\w+)\]\(\1\.md\)", index)) == ALERTS
    assert set(re.findall(r"\[(\w+)\]\(runbooks/\1\.md\)", overview)) == ALERTS
    for rule in RULES:
        if "alert" in rule:
            path = rule["annotations"]["runbook_url"].partition("/blob/main/")[2]
            assert path == f"docs/runbooks/{rule['alert']}.md"


def test_pages_ask_for_metrics_and_labels_that_exist() -> None:
    """A name that is mistyped selects nothing, which looks like health."""
    labels = {label for family in ALL for label in family.labels}
    known = promql.exported() | promql.OTHERS | RECORDED
    for page in PAGES:
        for query in "".join(blocks(page, "promql")).splitlines():
            unknown = promql.names(query) - known
            # The exporter has no metrics of copying yet.
            assert all(x.startswith("rocketmq_dr_copy_") for x in unknown), page.stem
            others = promql.labels(query) - labels
            assert others <= {"job", "instance", "alertname"}, page.stem


def test_pages_give_only_flags_that_the_program_takes() -> None:
    """Each command of ours is one that its own parser accepts."""
    for page in PAGES:
        for words in commands(page):
            if words[0] == PROGRAM:
                parse_command_line(words[1:])


def test_a_page_silences_its_own_alert_only() -> None:
    """A name that was copied would silence another."""
    for page in PAGES:
        if page.stem == "README":
            continue
        silences = [words for words in commands(page) if words[0] == "amtool"]
        named = {word for words in silences for word in words if "alertname" in word}
        assert named <= {f"alertname={page.stem}"}


DOCUMENTS = {
    str(path.relative_to(ROOT)): path
    for folder in ("*.md", "docs/**/*.md", "deploy/**/*.md", ".github/**/*.md")
    for path in ROOT.glob(folder)
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_links_to_what_exists(name: str) -> None:
    """Each link leads to a file of the repository, and to a heading of it."""
    page = DOCUMENTS[name]
    links = r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)"

    for path, anchor in re.findall(links, page.read_text(encoding="utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor:
            text = BLOCK.sub("", target.read_text(encoding="utf-8"))
            headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            words = (re.sub(r"[^\w -]", "", each.lower()) for each in headings)
            assert anchor in {each.replace(" ", "-") for each in words}
