"""The landing page's HTML: whole, readable without eyes, safe whatever a name is."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from core_cases import ROUTE, SIBLING, item, one_way, row
from exposition_cases import small_inventory, small_statuses, snapshot_of, status_of
from exposition_strategies import texts
from hypothesis import given, settings
from landing_cases import (
    Page,
    down,
    facts_of,
    html_of,
    large,
    read,
    settings_of,
)

from exporter import __version__
from exporter.model.errors import Origin, PermissionDeniedError, Reason
from exporter.model.types import Missing, Plan, RouteStatus
from exporter.web.status_page.facts import Facts
from exporter.web.status_page.page import looks

EVIL = '"><script>alert(1)</script>'


def everything() -> Facts:
    """Return facts that make every part of the page show."""
    inventory = small_inventory()
    return facts_of(
        *small_statuses(),
        plans=inventory.plans,
        items=inventory.items,
        missing=sorted(inventory.missing) or [Missing("item", "9")],
        failing={"plan 2": PermissionDeniedError("", origin=Origin("GetPlan"))},
    )


def page_of(*statuses: RouteStatus, plans: Sequence[Plan] = ()) -> Page:
    """Return the page that shows these statuses, as a browser reads it."""
    return read(html_of(facts_of(*statuses, plans=plans)))


@pytest.mark.parametrize(
    "facts",
    [facts_of(), facts_of(RouteStatus(ROUTE)), everything(), facts_of(is_tried=False)],
)
def test_every_tag_is_closed_in_its_turn(facts: Facts) -> None:
    """With all parts, with few and with none."""
    assert read(html_of(facts)).open_tags == []


def test_it_says_what_this_is_and_where_to_go() -> None:
    """Name, version, uptime, and links to all that may be read."""
    facts = facts_of(settings=settings_of(web__telemetry_path="/dr/metrics"))

    page = read(html_of(facts))

    assert "RocketMQ DR exporter" in page.text
    assert f"version {__version__}" in page.text
    assert "up for 1d 2h" in page.text
    assert page.links[1:4] == ["/dr/metrics", "/-/healthy", "/-/ready"]


def test_every_part_of_what_is_known_is_on_it() -> None:
    """Nothing of the view is left out."""
    page = read(html_of(everything()))

    for word in (
        "1 of 3 routes cannot be polled",
        "Look-ups that failed",
        "grant the RAM action rocketmq:GetPlan",
        "Missing upstream",
        "Lag of all checkpoints",
        'orders "dr"',
        "down: timeout",
        "To do: raise api.timeout or poll.timeout, or look at the network.",
        "not polled yet",
        "Worst checkpoints",
        "GID_消费",
        "target ahead",
    ):
        assert word in page.text


def test_rows_say_what_the_view_says() -> None:
    """A cell for each column, in their order."""
    status = status_of(snapshot_of(ROUTE, row(1, lag_ms=65_000)))
    page = page_of(status, plans=[one_way("1")])

    assert page.rows[-1] == [
        "orders",
        "topic",
        "1 item 10",
        "rmq-here to rmq-there",
        "ok",
        "1m 5s",
        "12.5s",
    ]
    assert page.lengths == ["10.8%", "1.0%", "10.8%", "1.0%"]
    route = next(cells for cells in page.rows if cells[1] == "10")
    assert route == [
        "1 one-way RUNNING",
        "10",
        "rmq-here",
        "up",
        "22s ago",
        "1",
        "1m 5s",
        "12.5s",
    ]
    assert ["1m to 2m", "1"] in page.rows


def test_an_item_that_is_stopped_is_coloured_as_trouble() -> None:
    """It stood there in grey, as if it were no news."""
    stopped = replace(item("1", "10"), status="OVERDUE_STOPPED")
    status = status_of(snapshot_of(ROUTE, row(1)))

    html = html_of(facts_of(status, items=[stopped]))

    assert '<span class="dot bad">OVERDUE_STOPPED</span>' in html


def test_what_is_left_out_is_counted_and_linked() -> None:
    """Whoever wants all of it is sent to the metrics."""
    page = page_of(large(ROUTE, 1_060))

    assert "… and 1,010 more checkpoints" in page.text
    assert page.links[-2] == "/metrics"


def test_it_says_how_it_is_renewed_and_how_to_stop_that() -> None:
    """Whoever reads slowly or listens is not interrupted."""
    renewed = read(html_of(facts_of(), refresh_seconds=45))
    still = read(html_of(facts_of(), refresh_seconds=0))

    assert "Renewed every 45 s" in renewed.text
    assert renewed.links[-1] == "/?refresh=off"
    assert "Held still" in still.text
    assert still.links[-1] == "/"


def test_every_table_can_be_listened_to() -> None:
    """Captions, scopes, and the roles that a changed layout would take away."""
    html = html_of(everything())

    assert html.count("<table") == html.count("<caption") == 3
    assert re.findall(r"<th(?![^>]*scope=)", html.replace("<thead", "")) == []
    assert re.findall(r"<svg(?![^>]*aria-hidden=\"true\")", html) == []
    assert html.count('<table role="table"') == 2
    assert '<html lang="en">' in html


def test_every_section_is_named_by_its_heading() -> None:
    """Who listens can go from one to the next."""
    html = html_of(everything())

    sections = re.findall(r"<section[^>]*>\s*<h2[^>]*>", html)
    assert len(sections) == html.count("<section") == 5
    for section in sections:
        named = re.search(r'aria-labelledby="(\w+)"', section)
        assert named is not None
        assert f'<h2 id="{named[1]}">' in section


def test_the_parts_of_a_column_stand_upon_each_other() -> None:
    """None hides another."""
    lags = (119_000, 118_000, 117_000)
    rows = [row(number, lag_ms=lag) for number, lag in enumerate(lags)]
    routes = [
        status_of(snapshot_of(replace(ROUTE, plan_id=plan_id), each))
        for plan_id, each in zip("123", rows, strict=True)
    ]
    plans = "[{id: '1', objectives: {lag: 2m}}, {id: '2', objectives: {lag: 90s}}"
    settings = settings_of(plans=plans + ", {id: '3', objectives: {lag: 1m}}]")

    html = html_of(facts_of(*routes, settings=settings))

    (column,) = re.findall(r"<title>1m to 2m: 3 .*?</g>", html)
    assert re.findall(
        r'class="(\w+)" x=".6"(?: y="([\d.]+)")? .*?height="([\d.]+)"', column
    ) == [
        ("track", "", "100"),
        ("good", "", "33.33"),
        ("warning", "33.33", "33.33"),
        ("bad", "66.66", "33.33"),
    ]


def test_nothing_is_loaded_and_nothing_runs() -> None:
    """No script, no address elsewhere, and no style but the one the policy allows."""
    html = html_of(everything())
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in looks().policy
    assert "default-src 'none'" in looks().policy
    assert "unsafe" not in looks().policy
    assert "<script" not in html
    assert " style=" not in html
    assert " on" not in "".join(re.findall(r"<[a-z][^>]*>", html)).replace(
        "rocketmq", ""
    )
    assert set(re.findall(r"https?://[\w./]*", html)) == {"http://www.w3.org/2000/svg"}


@settings(max_examples=40)
@given(texts, texts)
def test_no_name_can_change_the_page(group: str, topic: str) -> None:
    """Whatever came from upstream is text: no tag, attribute or link is added."""
    plain = page_of(status_of(snapshot_of(ROUTE, row())))
    named = replace(row(group=group), topic=topic)

    page = page_of(status_of(snapshot_of(ROUTE, named)))

    assert page.tags == plain.tags
    assert page.links == plain.links
    assert page.rows[-1][:2] == [group, topic]


def test_a_script_stays_text_wherever_it_stands() -> None:
    """In every name that comes from elsewhere, and in the link to the metrics."""
    route = replace(ROUTE, plan_id=EVIL, item_id=EVIL, source_instance_id=EVIL)
    inventory = small_inventory()
    plan = replace(inventory.plans[0], plan_id=EVIL, name=EVIL, type=EVIL, status=EVIL)
    item = replace(inventory.items[0], plan_id=EVIL, item_id=EVIL, status=EVIL)
    origin = Origin(EVIL, EVIL, 403, EVIL)
    named = replace(
        row(group=EVIL), topic=EVIL, source_instance_id=EVIL, target_instance_id=EVIL
    )
    facts = facts_of(
        status_of(snapshot_of(route, named)),
        down(replace(route, item_id="x"), Reason.INTERNAL, origin=origin),
        plans=[plan],
        items=[item],
        missing=[Missing(EVIL, EVIL)],
        failing={EVIL: PermissionDeniedError(EVIL, origin=origin)},
    )

    page = read(html_of(facts))

    assert "script" not in page.tags
    assert page.text.count(EVIL) >= 20
    assert page.open_tags == []


def test_names_are_kept_apart_from_the_text_around_them() -> None:
    """A name that is written from right to left turns nothing else around."""
    html = html_of(facts_of(status_of(snapshot_of(SIBLING, row(group="\u202eمجموعة")))))

    assert "<bdi>\u202eمجموعة</bdi>" in html


@pytest.mark.parametrize("character", ["x", "消", "🐇", '"'])
def test_the_page_is_small_whatever_it_is_of(character: str) -> None:
    """The longest names in a wide script, and more of everything than is listed."""
    name = character * 250
    plan = replace(small_inventory().plans[0], plan_id=ROUTE.plan_id, name=name)
    rows = (replace(row(n, group=f"{name}{n}"), topic=name) for n in range(60))
    routes = [
        down(replace(ROUTE, item_id=name + str(n)), Reason.CLOCK) for n in range(60)
    ]
    missing = [Missing("item", name + str(number)) for number in range(60)]
    failing = {name + str(n): PermissionDeniedError("") for n in range(60)}

    html = html_of(
        facts_of(
            status_of(snapshot_of(ROUTE, *rows)),
            *routes,
            plans=[plan],
            missing=missing,
            failing=failing,
        )
    )

    assert len(html.encode()) < 200_000
    assert len(read(html).rows) > 15 + 2 * 5
