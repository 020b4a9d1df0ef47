"""The status page of reports by hand, and its HTML taken apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from exporter.model.assessment import StatusReport
from exporter.web.status_page.page import page

VOID = {"meta", "link"}


def html_of(report: StatusReport, telemetry_path: str = "/metrics") -> str:
    """Return the page that is made of a report."""
    return page(report, 93_784.9, telemetry_path)


@dataclass
class Page(HTMLParser):
    """What a browser makes of the page: its tags, links, and the tables' cells.

    `open_tags` is empty at the end of a page in which every tag is closed.
    """

    tags: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    lengths: list[str] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        values = dict(attrs)
        self.tags.append(tag)
        if tag == "a":
            self.links.append(values.get("href") or "")
        if values.get("class") == "fill":
            self.lengths.append(values["width"] or "")
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag that is closed at once."""
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Take note that a tag is closed: it has to be the last one that was opened."""
        if tag not in VOID:
            assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take note of text, and of the cell that it stands in."""
        if "style" in self.open_tags:
            return
        self.text += data
        if {"td", "th"} & set(self.open_tags):
            self.rows[-1][-1] += data


def read(html: str) -> Page:
    """Return a page as a browser reads it."""
    found = Page()
    found.feed(html)
    found.close()
    return found
