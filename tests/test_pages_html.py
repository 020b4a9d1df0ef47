"""The landing page: complete, readable, and safe whatever a name holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

from core_cases import OTHER, ROUTE, SIBLING, SYNCED_AT_MS, row
from exposition_cases import snapshot_of, status_of
from exposition_strategies import texts
from hypothesis import given

from exporter import __version__
from exporter.errors import Reason
from exporter.store import RouteStatus
from exporter.web.pages import landing_page
from exporter.worst import findings

NOW = SYNCED_AT_MS / 1000 + 12.5


@dataclass
class Page(HTMLParser):
    """What a browser makes of the page: its tags, links, and the tables' cells."""

    tags: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    text: str = ""
    is_in_cell: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self.is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        """Take note that a cell has ended."""
        self.is_in_cell = self.is_in_cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        """Take note of text, and of the cell that it stands in."""
        self.text += data
        if self.is_in_cell:
            self.rows[-1][-1] += data


def page_of(*statuses: RouteStatus, telemetry_path: str = "/metrics") -> Page:
    """Return the page that shows these statuses, as a browser reads it."""
    page = Page()
    page.feed(landing_page(statuses, findings(statuses, NOW), telemetry_path))
    page.close()
    return page


def test_it_says_what_this_is_and_where_to_go() -> None:
    """Name, version, and links to all that may be read."""
    page = page_of(telemetry_path="/dr/metrics")

    assert "RocketMQ DR exporter" in page.text
    assert __version__ in page.text
    assert page.links == ["/dr/metrics", "/-/healthy", "/-/ready"]


def test_each_route_has_a_row() -> None:
    """How its last walk went, how much it found, and the worst of that."""
    up = status_of(snapshot_of(ROUTE, row(1, lag_ms=65_000), row(2, "b", lag_ms=None)))
    down = RouteStatus(SIBLING, walks=1, is_up=False, reason=Reason.PERMISSION)

    page = page_of(up, down, RouteStatus(OTHER))

    assert ["1", "10", "rmq-here", "up", "2", "1m 5s"] in page.rows
    assert ["1", "10", "rmq-there", "permission", "", "-"] in page.rows
    assert ["2", "20", "rmq-here", "not walked yet", "", "-"] in page.rows


def test_a_route_counts_what_it_shows() -> None:
    """A checkpoint that another route shows is not counted twice."""
    shown = status_of(snapshot_of(ROUTE, row(1)))
    both = status_of(snapshot_of(ROUTE, row(1), row(2, "b")), hidden=frozenset({1}))

    page = page_of(replace(both, rollup=shown.rollup))

    assert ["1", "10", "rmq-here", "up", "1", "5s"] in page.rows
    assert not any("b" in cells for cells in page.rows)


def test_the_checkpoints_stand_below() -> None:
    """In the order they were given, with a dash for what is unknown."""
    status = status_of(
        snapshot_of(ROUTE, row(1), row(2, "b", lag_ms=None, last_sync_ms=0))
    )

    page = page_of(status)

    assert page.rows[-2:] == [
        ["1", "10", "rmq-here", "orders", "topic", "ok", "5s", "12.5s"],
        ["1", "10", "rmq-here", "b", "topic", "never_synced", "-", "-"],
    ]


def test_without_routes_it_says_where_to_look() -> None:
    """An empty table would look like a fault of the page."""
    page = page_of()

    assert "No route is polled" in page.text


@given(texts, texts)
def test_no_name_can_change_the_page(group: str, topic: str) -> None:
    """Whatever came from upstream is text: no tag, attribute or link is added."""
    plain = page_of(status_of(snapshot_of(ROUTE, row())))
    named = replace(row(group=group), topic=topic)

    page = page_of(status_of(snapshot_of(ROUTE, named)))

    assert page.tags == plain.tags
    assert page.links == plain.links
    assert page.rows[-1][3:5] == [group, topic]


def test_a_script_stays_text() -> None:
    """In a cell, and in the link to the metrics."""
    evil = '"><script>alert(1)</script>'
    route = replace(ROUTE, source_instance_id=evil)
    status = status_of(snapshot_of(route, row(group=evil)))

    page = page_of(status, telemetry_path=evil)

    assert "script" not in page.tags
    assert page.links[0] == evil
    assert evil in page.rows[1]
