"""The status page in a real browser: its layout, its colours, and who can use it."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from browser import Browser, browser
from core_cases import OTHER, ROUTE, SIBLING, item, one_way, two_way
from report_cases import REFUSED, failed, found, large_report, report_of, row
from web_server import SITE

from exporter.model.assessment import StatusReport
from exporter.model.errors import Reason
from exporter.model.types import Missing, RouteStatus
from exporter.web.server import application, serving

WIDTHS = (360, 768, 1280)
SCHEMES = ("light", "dark")
# Both layouts and both schemes; axe takes seconds for a page with many rows.
SEEN_BY_AXE = {(360, "dark"), (1280, "light")}
BROKEN = """[...document.querySelectorAll('bdi:not(.long)')].filter(
  it => it.getClientRects().length > 1).map(it => it.innerText)"""
OPENED = "document.querySelector('details').open = true"
SCRIPT = "<script>document.title='owned'</script>"
LONG = "GID_" + "x" * 251
RIGHT_TO_LEFT = "مجموعة_المستهلكين"


def awkward() -> StatusReport:
    """Return routes and checkpoints whose names are as bad as names can be."""
    names = (SCRIPT, LONG, "消" * 255, RIGHT_TO_LEFT, "\u202eesrever", "&amp; <b>", "")
    rows = [
        replace(
            row(number, group=name, lag_ms=number * 90_000 - 90_000),
            topic=name,
            source_instance_id=name,
            target_instance_id=name,
        )
        for number, name in enumerate(names)
    ]
    short = row(99, "GID-orders-of-a-day", lag_ms=None, last_sync_ms=0)
    unknown = replace(short, source_instance_id="rmq-cn-7e22ody0001")
    long = replace(ROUTE, plan_id="3", item_id=LONG, source_instance_id=LONG)
    return report_of(
        found(*rows, unknown),
        found(row(1), route=OTHER),
        failed(long, Reason.PERMISSION, origin=REFUSED.origin),
        RouteStatus(SIBLING),
        plans=[
            replace(one_way("1"), name=SCRIPT),
            replace(two_way("2"), name=RIGHT_TO_LEFT),
            replace(one_way("3", "CREATED"), name=LONG),
        ],
        items=[replace(item("1", "10"), status="MANUAL_STOPPED")],
        missing=[Missing("instance", LONG), Missing("plan", RIGHT_TO_LEFT)],
        failures={f"plan {LONG}": REFUSED},
    )


PAGES = {
    "awkward names": awkward(),
    "nothing": report_of(plans=()),
    "100,000 checkpoints": large_report(),
}


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    """Return a browser; to start one takes a second."""
    with browser() as opened:
        yield opened


@asynccontextmanager
async def served(report: StatusReport) -> AsyncIterator[str]:
    """Serve the page of this report, and yield its address."""
    app = application(replace(SITE, report=lambda: report))
    async with serving(app, ["127.0.0.1:0"]) as (address,):
        yield f"http://{address}/"


@pytest.mark.parametrize("name", PAGES)
async def test_it_fits_every_window_and_can_be_read_by_everybody(
    window: Browser, name: str
) -> None:
    """At three widths and in both schemes nothing overflows, and no short id breaks."""
    async with served(PAGES[name]) as url:
        for width, scheme in itertools.product(WIDTHS, SCHEMES):
            await asyncio.to_thread(window.open, url, width=width, scheme=scheme)
            window.evaluate(OPENED)

            assert window.complaints() == []
            assert "owned" not in window.driver.title
            assert window.overflowing() == [], (width, scheme)
            assert window.evaluate(BROKEN) == [], (width, scheme)
            if (width, scheme) in SEEN_BY_AXE:
                assert window.violations() == [], (width, scheme)


async def test_it_follows_the_readers_window_and_scheme(window: Browser) -> None:
    """Dark where they like it dark; rows become cards where columns have no room."""
    colour = "getComputedStyle(document.body).backgroundColor"
    label = "getComputedStyle(document.querySelector('td.delay'), '::before').content"
    heads = "document.querySelector('.cards thead').getBoundingClientRect().height"
    async with served(large_report()) as url:
        await asyncio.to_thread(window.open, url, width=360, scheme="dark")
        dark, *on_phone = map(window.evaluate, (colour, label, heads))
        window.look(1280, "light")
        light, *on_desk = map(window.evaluate, (colour, label, heads))

    assert brightness(dark) < 50
    assert brightness(light) > 200
    assert on_phone == ['"Longest delay"', 1]
    assert on_desk[0] == "none"
    assert on_desk[1] > 10


async def test_it_can_be_gone_through_by_keyboard(window: Browser) -> None:
    """Every link in the order of the page, and a way past those that repeat."""
    async with served(large_report()) as url:
        await asyncio.to_thread(window.open, url, width=1280)
        skip = "document.querySelector('.skip').getBoundingClientRect().right > 0"
        unseen = window.evaluate(skip)
        focused = [await asyncio.to_thread(window.press_tab)]
        seen = window.evaluate(skip)
        focused += [await asyncio.to_thread(window.press_tab) for _ in range(8)]

    assert (unseen, seen) == (False, True)
    assert focused == [
        "Skip to what is known",
        "Metrics",
        "Health",
        "Readiness",
        "Documents",
        "Runbooks",
        "Configuration in force",
        "/metrics",
        "Stop refreshing",
    ]


def brightness(colour: str) -> float:
    """Return how bright a colour is that a browser computed: 0 to 255."""
    red, green, blue = map(float, colour.removeprefix("rgb(").rstrip(")").split(","))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_start_costs_no_template_engine() -> None:
    """The first visitor imports it."""
    imported = "import sys, exporter.app.serve; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", imported], capture_output=True, text=True, check=True
    ).stdout.split()

    assert "exporter.web.status_page.page" in modules
    assert "jinja2" not in modules
